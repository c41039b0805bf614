// The rendering module: Helm, Kustomize and Kubernetes' YAML reader as functions that take
// and return bytes. It is glue around the real libraries and decides nothing itself: which
// files exist, what the Kubernetes version is, what time it is and what "random" means is
// said by the caller. It is built for WebAssembly, where no file, socket or process exists.

//go:debug randseednop=0
package main

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/rand"
	"unsafe"

	"sigs.k8s.io/yaml"
)

func main() {}

// request is the head of an input frame. `Files` follow as bodies in this order.
type request struct {
	Do        string            `json:"do"`
	Root      string            `json:"root"`
	Random    int64             `json:"random"`
	Files     []part            `json:"files"`
	Helm      *helmRequest      `json:"helm"`
	Kustomize *kustomizeRequest `json:"kustomize"`
}

// part is one body of a frame: a file of the input, or a document of the output with the
// place it came from.
type part struct {
	Path   string `json:"path"`
	Size   int    `json:"size"`
	Format string `json:"format,omitempty"`
}

// reply is the head of an output frame.
type reply struct {
	Documents []part   `json:"documents"`
	Warnings  []string `json:"warnings"`
	Error     *failure `json:"error,omitempty"`
}

type document struct {
	path   string
	format string // "yaml": a stream of documents; "json": one document
	body   []byte
}

type result struct {
	documents []document
	warnings  []string
}

// pinned keeps buffers that the host writes to or reads from until it frees them.
var pinned = map[uint32][]byte{}

func pin(buffer []byte) uint32 {
	if cap(buffer) == 0 {
		buffer = make([]byte, 1)
	}
	address := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(buffer))))
	pinned[address] = buffer
	return address
}

//go:wasmexport muster_alloc
func alloc(size uint32) uint32 {
	return pin(make([]byte, size))
}

//go:wasmexport muster_free
func free(address uint32) {
	delete(pinned, address)
}

// call takes one input frame and returns address<<32 | length of the output frame, which
// the host frees. The input frame is freed here.
//
//go:wasmexport muster_call
func call(address uint32) uint64 {
	input := pinned[address]
	delete(pinned, address)
	output := answer(input)
	return uint64(pin(output))<<32 | uint64(len(output))
}

func init() {
	log.SetOutput(io.Discard)
	slog.SetDefault(slog.New(slog.DiscardHandler))
}

func answer(input []byte) (output []byte) {
	defer func() {
		if recovered := recover(); recovered != nil {
			output = fail(&failure{Code: "E_RENDER", Message: "the renderer stopped at an unexpected input"})
		}
	}()
	var head request
	rest, err := readFrame(input, &head)
	if err != nil {
		return fail(&failure{Code: "E_INTERNAL", Message: fmt.Sprintf("unreadable request: %v", err)})
	}
	files := make(map[string][]byte, len(head.Files))
	for _, file := range head.Files {
		if file.Size > len(rest) {
			return fail(&failure{Code: "E_INTERNAL", Message: "unreadable request: a file is cut short"})
		}
		files[file.Path] = rest[:file.Size:file.Size]
		rest = rest[file.Size:]
	}
	rand.Seed(head.Random) // the only source of randomness that a library keeps between renders
	done, failed := perform(head, files)
	if failed != nil {
		return fail(failed)
	}
	return succeed(done)
}

func perform(head request, files map[string][]byte) (result, *failure) {
	switch head.Do {
	case "helm":
		return renderHelm(head.Root, files, *head.Helm)
	case "kustomize":
		return renderKustomize(head.Root, files, *head.Kustomize)
	case "yamlToJson":
		return yamlToJSON(files)
	}
	return result{}, &failure{Code: "E_INTERNAL", Message: "unknown request"}
}

func succeed(done result) []byte {
	head := reply{Documents: []part{}, Warnings: []string{}}
	bodies := make([][]byte, 0, len(done.documents))
	for _, document := range done.documents {
		head.Documents = append(head.Documents, part{Path: document.path, Size: len(document.body), Format: document.format})
		bodies = append(bodies, document.body)
	}
	head.Warnings = append(head.Warnings, done.warnings...)
	return writeFrame(head, bodies)
}

func fail(failed *failure) []byte {
	return writeFrame(reply{Documents: []part{}, Warnings: []string{}, Error: failed}, nil)
}

// yamlToJSON is the oracle for the reader in hub/src/yaml: each file is one document.
func yamlToJSON(files map[string][]byte) (result, *failure) {
	var done result
	for path, text := range files {
		body, err := yaml.YAMLToJSON(text)
		if err != nil {
			done.documents = append(done.documents, document{path: path, format: "error", body: []byte(err.Error())})
			continue
		}
		done.documents = append(done.documents, document{path: path, format: "json", body: body})
	}
	return done, nil
}
