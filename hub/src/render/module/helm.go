package main

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
)

type helmRequest struct {
	ReleaseName string        `json:"releaseName"`
	Namespace   string        `json:"namespace"`
	Values      string        `json:"values"` // JSON text: it is read as Helm reads a values file
	ValuesFiles []string      `json:"valuesFiles"`
	SkipCRDs    bool          `json:"skipCrds"`
	KubeVersion string        `json:"kubeVersion"`
	APIVersions *[]string     `json:"apiVersions"` // null: what Helm assumes
	Placed      []placedChart `json:"placed"`
	Print       bool          `json:"print"` // one document: the text that `helm template` prints
}

// renderHelm gives the documents of a chart, in the order of their templates' names.
func renderHelm(root string, files map[string][]byte, ask helmRequest) (result, *failure) {
	tree, failed := loadTree(root, files, ask.Placed)
	if failed != nil {
		return result{}, failed
	}
	if failed := missingDependencies(tree); failed != nil {
		return result{}, failed
	}
	values, failed := mergeValues(files, ask)
	if failed != nil {
		return result{}, failed
	}
	capabilities, failed := capabilitiesOf(ask)
	if failed != nil {
		return result{}, failed
	}
	rendered, lookups, failed := runTemplates(tree, values, common.ReleaseOptions{Name: ask.ReleaseName, Namespace: ask.Namespace}, capabilities)
	if failed != nil {
		return result{}, failed
	}
	var done result
	if lookups > 0 {
		done.warnings = append(done.warnings, "the chart asks the cluster with lookup: it is answered with nothing, as nothing is read from a cluster at render")
	}
	if ask.Print {
		text, err := printed(tree.top, rendered, printing{includeCRDs: !ask.SkipCRDs})
		if err != nil {
			return result{}, &failure{Code: "E_YAML", Path: root, Message: "what a template printed is not readable as YAML"}
		}
		done.documents = append(done.documents, document{path: root, format: "yaml", body: text})
		return done, nil
	}
	if !ask.SkipCRDs {
		done.documents = append(done.documents, crdsOf(tree)...)
	}
	done.documents = append(done.documents, manifestsOf(tree, rendered)...)
	return done, nil
}

// runTemplates does what `helm template` does up to the printed texts, by template name:
// dependencies, values, schema, templates. It also says how often `lookup` was called.
func runTemplates(tree *chartTree, values map[string]any, release common.ReleaseOptions, capabilities *common.Capabilities) (map[string]string, int, *failure) {
	loaded := tree.top
	if loaded.Metadata.Type != "" && loaded.Metadata.Type != "application" {
		return nil, 0, &failure{Code: "E_CHART", Path: path.Join(tree.root, "Chart.yaml"), Message: "a library chart cannot be rendered on its own"}
	}
	if err := chartutil.ProcessDependencies(loaded, values); err != nil {
		return nil, 0, &failure{Code: "E_CHART", Path: path.Join(tree.root, "Chart.yaml"), Message: "the chart's dependencies cannot be processed"}
	}
	if want := loaded.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, capabilities.KubeVersion.String()) {
		return nil, 0, &failure{Code: "E_KUBE_VERSION", Path: path.Join(tree.root, "Chart.yaml"), Message: fmt.Sprintf("the chart asks for Kubernetes %s, the cluster has %s", want, capabilities.KubeVersion.Version)}
	}
	release.Revision, release.IsInstall = 1, true
	top, err := util.ToRenderValuesWithSchemaValidation(loaded, values, release, capabilities, false)
	if err != nil {
		return nil, 0, valuesFailure(tree, err)
	}
	lookups := 0
	renderer := engine.Engine{CustomTemplateFuncs: templateFunctions(&lookups)}
	rendered, err := renderer.Render(loaded, top)
	if err != nil {
		return nil, 0, templateFailure(tree, err)
	}
	return rendered, lookups, nil
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
	if ask.APIVersions != nil {
		capabilities.APIVersions = common.VersionSet(*ask.APIVersions)
	}
	return capabilities, nil
}

func crdsOf(tree *chartTree) []document {
	crds := tree.top.CRDObjects()
	slices.SortFunc(crds, func(a, b chart.CRD) int { return strings.Compare(a.Filename, b.Filename) })
	var documents []document
	for _, crd := range crds {
		documents = append(documents, document{path: tree.sourceOf(crd.Filename), format: "yaml", body: crd.File.Data})
	}
	return documents
}

// manifestsOf splits what the templates printed as Helm splits it, and drops notes and empty output.
func manifestsOf(tree *chartTree, rendered map[string]string) []document {
	var documents []document
	for _, name := range sortedKeys(rendered) {
		if strings.HasSuffix(name, notesFile) || strings.TrimSpace(rendered[name]) == "" {
			continue
		}
		split := releaseutil.SplitManifests(rendered[name])
		source := tree.sourceOf(name)
		for i := range len(split) {
			text := split[fmt.Sprintf("manifest-%d", i)]
			documents = append(documents, document{path: source, format: "yaml", body: []byte(text)})
		}
	}
	return documents
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
