package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/ignore"
)

// placedChart is a dependency that does not lie in its parent's charts/: a folder beside it
// (file://) or one that was fetched. It is added as `helm dependency build` would add it.
type placedChart struct {
	Parent string   `json:"parent"` // folder of the parent chart
	At     string   `json:"at"`     // folder of the chart among the files
	Told   string   `json:"told"`   // what errors and sources call that folder
	Names  []string `json:"names"`  // its name in the parent: name or alias
}

// chartTree is a loaded chart with the folders that its files came from.
type chartTree struct {
	top     *chart.Chart
	root    string
	folders map[string]string // path of a chart as in template names ("top/charts/sub") -> folder
}

func loadTree(root string, files map[string][]byte, placed []placedChart) (*chartTree, *failure) {
	top, failed := loadChart(root, files)
	if failed != nil {
		return nil, failed
	}
	tree := &chartTree{top: top, root: root, folders: map[string]string{top.Name(): root}}
	at := map[string]*chart.Chart{root: top}
	names := map[string]string{root: top.Name()}
	for _, each := range placed {
		parent, ok := at[each.Parent]
		if !ok {
			continue
		}
		added, failed := loadChart(each.At, files)
		if failed != nil {
			failed.Path = each.Told + strings.TrimPrefix(failed.Path, each.At)
			return nil, failed
		}
		vendored := slices.ContainsFunc(parent.Dependencies(), func(have *chart.Chart) bool {
			return have.Name() == added.Name() && have.Metadata.Version == added.Metadata.Version
		})
		if vendored {
			continue
		}
		parent.AddDependency(added)
		at[each.At] = added
		names[each.At] = names[each.Parent] + "/charts/" + each.Names[0]
		for _, name := range each.Names {
			tree.folders[names[each.Parent]+"/charts/"+name] = each.Told
		}
	}
	order(top)
	return tree, nil
}

// order makes the subcharts come in one order: the loader takes them out of a map.
func order(loaded *chart.Chart) {
	sorted := slices.SortedStableFunc(slices.Values(loaded.Dependencies()), func(a, b *chart.Chart) int {
		return strings.Compare(a.Name()+"\x00"+a.Metadata.Version, b.Name()+"\x00"+b.Metadata.Version)
	})
	loaded.SetDependencies(sorted...)
	for _, each := range sorted {
		order(each)
	}
}

// sourceOf turns "top/charts/sub/templates/x.yaml" into the path inside the Snapshot.
func (t *chartTree) sourceOf(name string) string {
	for end := len(name); end > 0; end = strings.LastIndexByte(name[:end], '/') {
		if folder, ok := t.folders[name[:end]]; ok {
			return path.Join(folder, name[end:])
		}
	}
	return path.Join(t.root, name)
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

// below says what `name` is called inside the folder `root` ("" = everything in the Snapshot).
func below(root, name string) (string, bool) {
	if root == "" {
		return name, !strings.HasPrefix(name, "../")
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

func missingDependencies(tree *chartTree) *failure {
	var missing []string
	for _, wanted := range tree.top.Metadata.Dependencies {
		found := slices.ContainsFunc(tree.top.Dependencies(), func(have *chart.Chart) bool { return have.Name() == wanted.Name })
		if !found {
			missing = append(missing, wanted.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &failure{Code: "E_CHART", Path: path.Join(tree.root, "Chart.yaml"),
		Message: fmt.Sprintf("dependencies are not in charts/: %s; run `helm dependency build` and commit the result", strings.Join(missing, ", "))}
}
