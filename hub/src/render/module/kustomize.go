package main

import (
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

type kustomizeRequest struct {
	// Overlay is the text of a kustomization.yaml that is laid over the root, or "".
	// Its first resource is the root, as "../<place of the root>".
	Overlay string `json:"overlay"`
}

const (
	// snapshotDir is where the given files lie in the in-memory file system: deep enough that
	// ".." past the Snapshot's root meets nothing.
	snapshotDir = "/snapshot"
	overlayDir  = "/overlay"
)

// renderKustomize does what `kustomize build` does, over the given files and nothing else.
// Loading from beside and above the root is allowed: everything in reach was given.
func renderKustomize(root string, files map[string][]byte, ask kustomizeRequest) (result, *failure) {
	disk := filesys.MakeFsInMemory()
	for _, name := range sortedKeys(files) {
		if err := disk.WriteFile(path.Join(snapshotDir, name), files[name]); err != nil {
			return result{}, &failure{Code: "E_PATH_ESCAPE", Path: name, Message: "the file's name cannot be used"}
		}
	}
	target := path.Join(snapshotDir, root)
	if ask.Overlay != "" {
		if err := disk.WriteFile(path.Join(overlayDir, "kustomization.yaml"), []byte(ask.Overlay)); err != nil {
			return result{}, &failure{Code: "E_INTERNAL", Message: "the overlay cannot be written"}
		}
		target = overlayDir
	}
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = types.LoadRestrictionsNone
	built, err := krusty.MakeKustomizer(options).Run(disk, target)
	if err != nil {
		return result{}, kustomizeFailure(kustomizationOf(root, files), err)
	}
	var done result
	for _, resource := range built.Resources() {
		body, err := resource.MarshalJSON()
		if err != nil {
			return result{}, &failure{Code: "E_KUSTOMIZE", Path: kustomizationOf(root, files), Message: "a built object cannot be written as JSON"}
		}
		done.documents = append(done.documents, document{path: kustomizationOf(root, files), format: "json", body: body})
	}
	return done, nil
}

func kustomizationOf(root string, files map[string][]byte) string {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		if _, ok := files[path.Join(root, name)]; ok {
			return path.Join(root, name)
		}
	}
	return strings.TrimSuffix(root, "/")
}
