package main

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/template"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/Masterminds/sprig/v3"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/kio"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
	"sigs.k8s.io/yaml"
)

// Kustomize inflates charts by starting the helm program, which does not exist here. Its table
// of built-in generators is not exported; this names it, to put a generator of the same kind
// in that one's place: Helm's own code in this module, between the same two steps of a build.
//
//go:linkname generatorFactories sigs.k8s.io/kustomize/api/internal/plugins/builtinhelpers.GeneratorFactories
var generatorFactories map[int]func() resmap.GeneratorPlugin

// helmChartInflationGenerator is the key of that table; a test of the module holds it.
const helmChartInflationGenerator = 17

func init() {
	if len(generatorFactories) != 4 || generatorFactories[helmChartInflationGenerator] == nil {
		panic("Kustomize's table of generators has changed")
	}
	generatorFactories[helmChartInflationGenerator] = func() resmap.GeneratorPlugin { return &inflater{} }
}

// inflation is what generators see of the render that runs: its files, by absolute path without the first slash.
var inflation struct {
	files  map[string][]byte
	failed *failure
}

var errInflation = errors.New("a chart cannot be inflated")

type inflater struct {
	h *resmap.PluginHelpers
	types.HelmGlobals
	types.HelmChart
}

func (p *inflater) Config(h *resmap.PluginHelpers, config []byte) error {
	p.h = h
	if err := yaml.Unmarshal(config, p); err != nil {
		return err
	}
	if p.Name == "" {
		return errors.New("chart name cannot be empty")
	}
	if p.ChartHome == "" {
		p.ChartHome = types.HelmDefaultHome
	}
	if p.ValuesMerge == "" {
		p.ValuesMerge = "override"
	}
	if !slices.Contains([]string{"merge", "override", "replace"}, p.ValuesMerge) {
		return errors.New("valuesMerge must be one of [merge override replace]")
	}
	return nil
}

func (p *inflater) Generate() (resmap.ResMap, error) {
	text, failed := p.template()
	if failed != nil {
		failed.Path = strings.TrimPrefix(strings.TrimPrefix(failed.Path, "/"), "snapshot/")
		inflation.failed = failed
		return nil, errInflation
	}
	built, err := p.h.ResmapFactory().NewResMapFromBytes(text)
	if err != nil {
		nodes, readError := (&kio.ByteReader{Reader: bytes.NewBuffer(text), OmitReaderAnnotations: true}).Read()
		if readError != nil || len(nodes) == 0 {
			return nil, err
		}
		if built, err = p.h.ResmapFactory().NewResMapFromRNodeSlice(nodes); err != nil {
			return nil, err
		}
	}
	for _, resource := range built.Resources() {
		if err := resource.PipeE(kyaml.SetAnnotation(konfig.HelmGeneratedAnnotation, "true")); err != nil {
			return nil, err
		}
	}
	return built, nil
}

// template gives what `helm template` prints with the arguments that Kustomize would give it.
func (p *inflater) template() ([]byte, *failure) {
	folder := path.Join(p.home(), p.Name)
	tree, failed := loadTree(strings.TrimPrefix(folder, "/"), inflation.files, nil)
	if failed != nil {
		return nil, failed
	}
	if failed := missingDependencies(tree); failed != nil {
		return nil, failed
	}
	values, failed := p.values(path.Join(folder, "values.yaml"))
	if failed != nil {
		return nil, failed
	}
	name, err := p.releaseName()
	if err != nil {
		return nil, &failure{Code: "E_KUSTOMIZE", Path: p.h.Loader().Root(), Message: "helmCharts: nameTemplate cannot be rendered"}
	}
	capabilities, failed := p.capabilities()
	if failed != nil {
		return nil, failed
	}
	namespace := p.Namespace
	if namespace == "" {
		namespace = "default"
	}
	rendered, _, failed := runTemplates(tree, values, common.ReleaseOptions{Name: name, Namespace: namespace}, capabilities)
	if failed != nil {
		return nil, failed
	}
	text, err := printed(tree.top, rendered, printing{includeCRDs: p.IncludeCRDs, noHooks: p.SkipHooks, skipTests: p.SkipTests})
	if err != nil {
		return nil, &failure{Code: "E_YAML", Path: folder, Message: "what a template printed is not readable as YAML"}
	}
	return text, nil
}

// home is the folder that holds the chart's folder; a chart that is pulled in a version has one of its own.
func (p *inflater) home() string {
	home := p.ChartHome
	if !path.IsAbs(home) {
		home = path.Join(p.h.Loader().Root(), home)
	}
	if p.Version != "" && p.Repo != "" {
		return path.Join(home, p.Name+"-"+p.Version)
	}
	return home
}

// values merges as Kustomize does before it calls helm, then as helm does with its files.
func (p *inflater) values(own string) (map[string]any, *failure) {
	file := own
	if p.ValuesFile != "" {
		file = p.ValuesFile
	}
	text, err := p.h.Loader().Load(file)
	if err != nil && (len(p.ValuesInline) == 0 || p.ValuesMerge != "replace") {
		return nil, &failure{Code: "E_PATH_MISSING", Path: file, Message: "the values file of a chart does not exist"}
	}
	if len(p.ValuesInline) > 0 {
		if text, err = p.inline(text); err != nil {
			return nil, &failure{Code: "E_YAML", Path: file, Message: "valuesInline and the values file cannot be merged"}
		}
	}
	merged := map[string]any{}
	for i, name := range append([]string{file}, p.AdditionalValuesFiles...) {
		if i > 0 {
			if text, err = p.h.Loader().Load(name); err != nil {
				return nil, &failure{Code: "E_PATH_MISSING", Path: path.Join(p.h.Loader().Root(), name), Message: "the values file of a chart does not exist"}
			}
		}
		values, err := loader.LoadValues(bytes.NewReader(text))
		if err != nil {
			return nil, yamlFailure(name, err)
		}
		merged = loader.MergeMaps(merged, values)
	}
	return merged, nil
}

func (p *inflater) inline(text []byte) ([]byte, error) {
	if p.ValuesMerge == "replace" {
		return yaml.Marshal(p.ValuesInline)
	}
	ofChart, err := kyaml.Parse(string(text))
	if err != nil {
		return nil, err
	}
	inline, err := kyaml.FromMap(p.ValuesInline)
	if err != nil {
		return nil, err
	}
	above, below := inline, ofChart
	if p.ValuesMerge == "merge" {
		above, below = ofChart, inline
	}
	merged, err := merge2.Merge(above, below.Copy(), kyaml.MergeOptions{})
	if err != nil {
		return nil, err
	}
	values, err := merged.Map()
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(values)
}

func (p *inflater) releaseName() (string, error) {
	if p.ReleaseName != "" {
		return p.ReleaseName, nil
	}
	if p.NameTemplate == "" {
		base, _, _ := strings.Cut(p.Name, ".")
		return fmt.Sprintf("%s-%d", base, time.Now().Unix()), nil
	}
	parsed, err := template.New("name-template").Funcs(sprig.TxtFuncMap()).Parse(p.NameTemplate)
	if err != nil {
		return "", err
	}
	var name bytes.Buffer
	err = parsed.Execute(&name, nil)
	return name.String(), err
}

func (p *inflater) capabilities() (*common.Capabilities, *failure) {
	capabilities, failed := capabilitiesOf(helmRequest{KubeVersion: p.KubeVersion})
	if failed != nil {
		return nil, failed
	}
	capabilities.APIVersions = append(capabilities.APIVersions, p.ApiVersions...)
	return capabilities, nil
}
