package main

import (
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// disk is the file system of a build: the given files, under any name that Git allows, and
// the folders above them. Nothing can be written; relative paths start at the root.
type disk struct {
	files   map[string][]byte // by absolute path
	folders map[string]bool
	missed  map[string]bool // what was asked for in vain
}

func newDisk(files int) *disk {
	return &disk{files: make(map[string][]byte, files), folders: map[string]bool{"/": true}, missed: map[string]bool{}}
}

// put places a file at an absolute path. It refuses a name that is not clean, and one that is a file here and a folder there.
func (d *disk) put(name string, text []byte) error {
	if name != path.Clean(name) || d.folders[name] {
		return refusal("put", name, fs.ErrInvalid)
	}
	for folder := path.Dir(name); !d.folders[folder]; folder = path.Dir(folder) {
		if _, isFile := d.files[folder]; isFile {
			return refusal("put", name, fs.ErrInvalid)
		}
		d.folders[folder] = true
	}
	d.files[name] = text
	return nil
}

// longest gives the longest name that `text` begins with, of those that lie here or were asked for; or "".
func (d *disk) longest(text string) string {
	found := ""
	for name := range d.files {
		found = longer(found, name, text)
	}
	for _, names := range []map[string]bool{d.folders, d.missed} {
		for name := range names {
			found = longer(found, name, text)
		}
	}
	return found
}

func longer(found, name, text string) string {
	if len(name) > len(found) && strings.HasPrefix(text, name) {
		return name
	}
	return found
}

func (d *disk) missing(what, name string) error {
	d.missed[path.Join("/", name)] = true
	return refusal(what, name, fs.ErrNotExist)
}

func refusal(what, name string, why error) error {
	return &fs.PathError{Op: what, Path: name, Err: why}
}

func (d *disk) IsDir(name string) bool {
	return d.folders[path.Join("/", name)]
}

func (d *disk) Exists(name string) bool {
	_, isFile := d.files[path.Join("/", name)]
	return isFile || d.IsDir(name)
}

func (d *disk) ReadFile(name string) ([]byte, error) {
	text, ok := d.files[path.Join("/", name)]
	switch {
	case ok:
		return slices.Clone(text), nil
	case d.IsDir(name):
		return nil, refusal("read", name, fs.ErrInvalid)
	}
	return nil, d.missing("read", name)
}

func (d *disk) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	clean := path.Join("/", name)
	if d.folders[clean] {
		return filesys.ConfirmedDir(clean), "", nil
	}
	if _, ok := d.files[clean]; !ok {
		return "", "", d.missing("find", name)
	}
	return filesys.ConfirmedDir(path.Dir(clean)), path.Base(clean), nil
}

// What follows no build asks for: it neither lists folders nor writes.

func (d *disk) Open(name string) (filesys.File, error) {
	return nil, refusal("open", name, fs.ErrPermission)
}

func (d *disk) Create(name string) (filesys.File, error) {
	return nil, refusal("create", name, fs.ErrPermission)
}

func (d *disk) Mkdir(name string) error     { return refusal("mkdir", name, fs.ErrPermission) }
func (d *disk) MkdirAll(name string) error  { return refusal("mkdir", name, fs.ErrPermission) }
func (d *disk) RemoveAll(name string) error { return refusal("remove", name, fs.ErrPermission) }

func (d *disk) WriteFile(name string, _ []byte) error {
	return refusal("write", name, fs.ErrPermission)
}

func (d *disk) ReadDir(name string) ([]string, error) {
	return nil, refusal("list", name, fs.ErrPermission)
}

func (d *disk) Glob(pattern string) ([]string, error) {
	return nil, refusal("list", pattern, fs.ErrPermission)
}

func (d *disk) Walk(name string, _ filepath.WalkFunc) error {
	return refusal("walk", name, fs.ErrPermission)
}
