package main

import (
	"bytes"
	"path"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
)

type kustomizeRequest struct {
	// Overlay is the text of a kustomization.yaml that is laid over the root, or "".
	// Its first resource is the root, as "../<place of the root>".
	Overlay string `json:"overlay"`
	// Metadata are the `buildMetadata` that tell where objects come from.
	Metadata []string `json:"metadata"`
	// Print asks for one document: the text that `kustomize build` prints.
	Print bool `json:"print"`
}

const (
	// snapshotDir is where the given files lie in the in-memory file system: deep enough that
	// ".." past the Snapshot's root meets nothing but what was given.
	snapshotDir = "/snapshot"
	overlayDir  = "/overlay"
)

// renderKustomize does what `kustomize build --enable-helm` does, over the given files and nothing
// else. Loading from beside and above the root is allowed: everything in reach was given.
func renderKustomize(root string, files map[string][]byte, ask kustomizeRequest) (result, *failure) {
	place := kustomizationOf(root, files)
	disk := newDisk(len(files))
	inflation.files, inflation.failed = make(map[string][]byte, len(files)), nil
	defer func() { inflation.files = nil }()
	for _, name := range sortedKeys(files) {
		text := files[name]
		if name == place && ask.Overlay == "" {
			text = withMetadata(text, ask.Metadata)
		}
		where := path.Join(snapshotDir, name)
		if err := disk.put(where, text); err != nil {
			return result{}, &failure{Code: "E_PATH_ESCAPE", Path: name, Message: "the file's name cannot be used"}
		}
		inflation.files[strings.TrimPrefix(where, "/")] = text
	}
	target := path.Join(snapshotDir, root)
	if ask.Overlay != "" {
		overlay := withMetadata([]byte(ask.Overlay), ask.Metadata)
		if err := disk.put(path.Join(overlayDir, "kustomization.yaml"), overlay); err != nil {
			return result{}, &failure{Code: "E_INTERNAL", Message: "the overlay cannot be written"}
		}
		target = overlayDir
	}
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = types.LoadRestrictionsNone
	options.PluginConfig.HelmConfig.Enabled = true
	options.PluginConfig.HelmConfig.Command = "none"
	if ask.Print {
		options.Reorder = krusty.ReorderOptionLegacy // the program's default; a Release has an order of its own
	}
	built, err := krusty.MakeKustomizer(options).Run(disk, target)
	if inflation.failed != nil {
		return result{}, inflation.failed
	}
	if err != nil {
		return result{}, kustomizeFailure(place, disk, err)
	}
	var done result
	if ask.Print {
		text, err := built.AsYaml()
		if err != nil {
			return result{}, &failure{Code: "E_KUSTOMIZE", Path: place, Message: "the built objects cannot be written as YAML"}
		}
		done.documents = append(done.documents, document{path: place, format: "yaml", body: text})
		return done, nil
	}
	for _, resource := range built.Resources() {
		body, err := resource.MarshalJSON()
		if err != nil {
			return result{}, &failure{Code: "E_KUSTOMIZE", Path: place, Message: "a built object cannot be written as JSON"}
		}
		done.documents = append(done.documents, document{path: place, format: "json", body: body})
	}
	return done, nil
}

var plainMapping = regexp.MustCompile(`(?m)^(?:apiVersion|kind|resources|bases|components|generators|helmCharts):`)

// withMetadata adds `buildMetadata` to a kustomization that has none. The annotations that it makes change no
// build: while one runs, every object has annotations of Kustomize's own beside them.
func withMetadata(text []byte, fields []string) []byte {
	if len(fields) == 0 || bytes.Contains(text, []byte("buildMetadata")) {
		return text
	}
	list := `"` + strings.Join(fields, `","`) + `"`
	if inside, ok := bytes.CutSuffix(bytes.TrimSpace(text), []byte("}")); ok && bytes.HasPrefix(inside, []byte("{")) {
		return append(bytes.Clone(inside), []byte(`,"buildMetadata":[`+list+`]}`)...)
	}
	if !plainMapping.Match(text) || bytes.Contains(text, []byte("\n---")) || bytes.Contains(text, []byte("\n...")) {
		return text
	}
	return append(bytes.Clone(text), []byte("\nbuildMetadata: ["+list+"]\n")...)
}

func kustomizationOf(root string, files map[string][]byte) string {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		if _, ok := files[path.Join(root, name)]; ok {
			return path.Join(root, name)
		}
	}
	return strings.TrimSuffix(root, "/")
}
