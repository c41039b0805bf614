package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	chartif "helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	"helm.sh/helm/v4/pkg/ignore"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
)

type helmRequest struct {
	ReleaseName string   `json:"releaseName"`
	Namespace   string   `json:"namespace"`
	Values      string   `json:"values"` // JSON text: it is read as Helm reads a values file
	ValuesFiles []string `json:"valuesFiles"`
	SkipCRDs    bool     `json:"skipCrds"`
	KubeVersion string   `json:"kubeVersion"`
	APIVersions []string `json:"apiVersions"`
}

// renderHelm does what `helm template` does: dependencies, values, schema, templates, crds/.
func renderHelm(root string, files map[string][]byte, ask helmRequest) (result, *failure) {
	loaded, failed := loadChart(root, files)
	if failed != nil {
		return result{}, failed
	}
	if loaded.Metadata.Type != "" && loaded.Metadata.Type != "application" {
		return result{}, &failure{Code: "E_CHART", Path: path.Join(root, "Chart.yaml"), Message: "a library chart cannot be rendered on its own"}
	}
	if failed := missingDependencies(root, loaded); failed != nil {
		return result{}, failed
	}
	values, failed := mergeValues(files, ask)
	if failed != nil {
		return result{}, failed
	}
	if err := chartutil.ProcessDependencies(loaded, values); err != nil {
		return result{}, &failure{Code: "E_CHART", Path: path.Join(root, "Chart.yaml"), Message: "the chart's dependencies cannot be processed"}
	}
	capabilities, failed := capabilitiesOf(ask)
	if failed != nil {
		return result{}, failed
	}
	if want := loaded.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, capabilities.KubeVersion.String()) {
		return result{}, &failure{Code: "E_KUBE_VERSION", Path: path.Join(root, "Chart.yaml"), Message: fmt.Sprintf("the chart asks for Kubernetes %s, the cluster has %s", want, capabilities.KubeVersion.Version)}
	}
	release := common.ReleaseOptions{Name: ask.ReleaseName, Namespace: ask.Namespace, Revision: 1, IsInstall: true}
	top, err := util.ToRenderValuesWithSchemaValidation(loaded, values, release, capabilities, false)
	if err != nil {
		return result{}, valuesFailure(root, err)
	}
	var done result
	lookups := 0
	renderer := engine.Engine{CustomTemplateFuncs: map[string]any{
		"lookup": func(string, string, string, string) (map[string]any, error) {
			lookups++
			return map[string]any{}, nil
		},
	}}
	rendered, err := renderer.Render(loaded, top)
	if err != nil {
		return result{}, templateFailure(root, loaded, err)
	}
	if lookups > 0 {
		done.warnings = append(done.warnings, "the chart asks the cluster with lookup: it is answered with nothing, as nothing is read from a cluster at render")
	}
	if !ask.SkipCRDs {
		done.documents = append(done.documents, crdsOf(root, loaded)...)
	}
	done.documents = append(done.documents, manifestsOf(root, loaded, rendered)...)
	return done, nil
}

func loadChart(root string, files map[string][]byte) (*chart.Chart, *failure) {
	rules := ignore.Empty()
	if text, ok := files[path.Join(root, ignore.HelmIgnore)]; ok {
		parsed, err := ignore.Parse(bytes.NewReader(text))
		if err != nil {
			return nil, &failure{Code: "E_CHART", Path: path.Join(root, ignore.HelmIgnore), Message: "a pattern cannot be read"}
		}
		rules = parsed
	}
	rules.AddDefaults()
	var buffered []*archive.BufferedFile
	for _, name := range sortedKeys(files) {
		inside, ok := below(root, name)
		if !ok || ignored(rules, inside) {
			continue
		}
		data := bytes.TrimPrefix(files[name], []byte{0xEF, 0xBB, 0xBF})
		buffered = append(buffered, &archive.BufferedFile{Name: inside, Data: data})
	}
	loaded, err := loader.LoadFiles(buffered)
	if err != nil {
		return nil, chartFailure(root, err)
	}
	return loaded, nil
}

// below says what `name` is called inside the folder `root` ("" = everything).
func below(root, name string) (string, bool) {
	if root == "" {
		return name, true
	}
	return strings.CutPrefix(name, root+"/")
}

// ignored applies .helmignore as the directory loader does: to every folder above, then to the file.
func ignored(rules *ignore.Rules, name string) bool {
	for i, c := range name {
		if c == '/' && rules.Ignore(name[:i], entry{name[:i], true}) {
			return true
		}
	}
	return rules.Ignore(name, entry{name, false})
}

// entry is what .helmignore asks of a file: its name and whether it is a folder.
type entry struct {
	name string
	dir  bool
}

func (e entry) Name() string       { return path.Base(e.name) }
func (e entry) Size() int64        { return 0 }
func (e entry) Mode() fs.FileMode  { return 0o644 }
func (e entry) ModTime() time.Time { return time.Time{} }
func (e entry) IsDir() bool        { return e.dir }
func (e entry) Sys() any           { return nil }

func missingDependencies(root string, loaded *chart.Chart) *failure {
	var missing []string
	for _, wanted := range loaded.Metadata.Dependencies {
		found := slices.ContainsFunc(loaded.Dependencies(), func(have *chart.Chart) bool { return have.Name() == wanted.Name })
		if !found {
			missing = append(missing, wanted.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &failure{Code: "E_REMOTE_FORBIDDEN", Path: path.Join(root, "Chart.yaml"),
		Message: fmt.Sprintf("dependencies are not in charts/: %s; run `helm dependency build` and commit the result", strings.Join(missing, ", "))}
}

// mergeValues lays the given values over the values files, in order.
func mergeValues(files map[string][]byte, ask helmRequest) (map[string]any, *failure) {
	merged := map[string]any{}
	for _, name := range ask.ValuesFiles {
		text, ok := files[name]
		if !ok {
			return nil, &failure{Code: "E_PATH_MISSING", Path: name, Message: "the values file does not exist"}
		}
		values, err := loader.LoadValues(bytes.NewReader(text))
		if err != nil {
			return nil, yamlFailure(name, err)
		}
		merged = loader.MergeMaps(merged, values)
	}
	given, err := loader.LoadValues(strings.NewReader(ask.Values))
	if err != nil {
		return nil, &failure{Code: "E_VALUES", Message: "the values of the App cannot be read"}
	}
	return loader.MergeMaps(merged, given), nil
}

// capabilitiesOf takes the version and API versions of the caller; none given: what Helm assumes.
func capabilitiesOf(ask helmRequest) (*common.Capabilities, *failure) {
	capabilities := common.DefaultCapabilities.Copy()
	if ask.KubeVersion != "" {
		version, err := common.ParseKubeVersion(ask.KubeVersion)
		if err != nil {
			return nil, &failure{Code: "E_KUBE_VERSION", Message: "the Kubernetes version cannot be read"}
		}
		capabilities.KubeVersion = *version
	}
	if len(ask.APIVersions) > 0 {
		capabilities.APIVersions = common.VersionSet(ask.APIVersions)
	}
	return capabilities, nil
}

func crdsOf(root string, loaded *chart.Chart) []document {
	crds := loaded.CRDObjects()
	slices.SortFunc(crds, func(a, b chart.CRD) int { return strings.Compare(a.Filename, b.Filename) })
	var documents []document
	for _, crd := range crds {
		documents = append(documents, document{path: sourceOf(root, loaded, crd.Filename), format: "yaml", body: crd.File.Data})
	}
	return documents
}

// manifestsOf splits what the templates printed as Helm splits it, and drops notes and empty output.
func manifestsOf(root string, loaded *chart.Chart, rendered map[string]string) []document {
	var documents []document
	for _, name := range sortedKeys(rendered) {
		if strings.HasSuffix(name, "NOTES.txt") || strings.TrimSpace(rendered[name]) == "" {
			continue
		}
		split := releaseutil.SplitManifests(rendered[name])
		for i := range len(split) {
			text := split[fmt.Sprintf("manifest-%d", i)]
			documents = append(documents, document{path: sourceOf(root, loaded, name), format: "yaml", body: []byte(text)})
		}
	}
	return documents
}

// sourceOf turns "<chart>/templates/x.yaml" into the path inside the Snapshot.
func sourceOf(root string, loaded chartif.Charter, name string) string {
	if c, ok := loaded.(*chart.Chart); ok {
		name = strings.TrimPrefix(name, c.Name()+"/")
	}
	return path.Join(root, name)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
