package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
)

const notesFile = "NOTES.txt"

// printing says what of a chart `helm template` prints: its flags.
type printing struct {
	includeCRDs bool
	noHooks     bool
	skipTests   bool
}

// printed gives the bytes that `helm template` writes: definitions first, then manifests in
// the order of their kinds, then hooks. Kustomize reads them where it inflates a chart.
func printed(top *chart.Chart, rendered map[string]string, what printing) ([]byte, error) {
	files := maps.Clone(rendered)
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.HasSuffix(name, notesFile) })
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if what.includeCRDs {
		for _, crd := range top.CRDObjects() {
			fmt.Fprintf(&text, "---\n# Source: %s\n%s\n", crd.Filename, string(crd.File.Data))
		}
	}
	for _, manifest := range manifests {
		fmt.Fprintf(&text, "---\n# Source: %s\n%s\n", manifest.Name, manifest.Content)
	}
	var out bytes.Buffer
	fmt.Fprintln(&out, strings.TrimSpace(text.String()))
	for _, hook := range hooks {
		if what.noHooks || what.skipTests && slices.Contains(hook.Events, release.HookTest) {
			continue
		}
		fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", hook.Path, hook.Manifest)
	}
	return out.Bytes(), nil
}
