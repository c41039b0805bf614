package main

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// failure is all that leaves this module about an error. The libraries' own texts quote
// files and values, so none of them is passed on: what is safe (paths inside the Snapshot,
// lines, names of functions and fields) is picked out by pattern, the rest is dropped.
type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Path    string `json:"path,omitempty"`
	Line    int    `json:"line,omitempty"`
}

type pattern struct {
	match   *regexp.Regexp
	code    string
	message string // with $1 … of the match
	// vague is said instead when the first group stands in no template: it was put together, and may be a file or a value.
	vague string
}

func (p pattern) apply(text string) (string, bool) {
	found := p.match.FindStringSubmatchIndex(text)
	if found == nil {
		return "", false
	}
	return string(p.match.ExpandString(nil, p.message, text, found)), true
}

var yamlLine = regexp.MustCompile(`\bline (\d+)\b`)

func lineIn(text string) int {
	if found := yamlLine.FindStringSubmatch(text); found != nil {
		line, _ := strconv.Atoi(found[1])
		return line
	}
	return 0
}

func yamlFailure(name string, err error) *failure {
	return &failure{Code: "E_YAML", Path: name, Line: lineIn(err.Error()), Message: "the file is not readable as YAML"}
}

var chartFile = regexp.MustCompile(`cannot load (Chart\.yaml|Chart\.lock|values\.yaml|requirements\.yaml|requirements\.lock):`)
var subchart = regexp.MustCompile(`error unpacking subchart(?: tar)? (?:in )?([\w.-]+)`)

var chartPatterns = []pattern{
	{regexp.MustCompile(`Chart\.yaml file is missing`), "E_CHART", "Chart.yaml is missing", ""},
	{regexp.MustCompile(`validation: (chart\.metadata\.\w+) is required`), "E_CHART", "$1 is required", ""},
	{regexp.MustCompile(`validation: (chart\.metadata\.\w+) ".*" is invalid`), "E_CHART", "$1 is invalid", ""},
	{regexp.MustCompile(`illegally|outside the base directory|maximum decompressed|larger than the maximum`), "E_ARCHIVE", "a packed subchart holds a forbidden path or is too big", ""},
	{regexp.MustCompile(`gzip|tar|archive|unexpected EOF`), "E_ARCHIVE", "a packed subchart cannot be unpacked", ""},
}

func chartFailure(root string, err error) *failure {
	text := err.Error()
	place := path.Join(root, "Chart.yaml")
	if found := subchart.FindStringSubmatch(text); found != nil {
		place = path.Join(root, "charts", found[1])
	}
	if found := chartFile.FindStringSubmatch(text); found != nil {
		if place != path.Join(root, "Chart.yaml") {
			return yamlFailure(path.Join(place, found[1]), err)
		}
		return yamlFailure(path.Join(root, found[1]), err)
	}
	for _, p := range chartPatterns {
		if message, ok := p.apply(text); ok {
			return &failure{Code: p.code, Path: place, Message: message}
		}
	}
	return &failure{Code: "E_CHART", Path: place, Message: "the chart cannot be loaded"}
}

// A line of a schema error: "- at '/image/tag': got number, want string".
var schemaLine = regexp.MustCompile(`(?m)^\s*- at '([^'\n]*)': (.*)$`)
var schemaReasons = []pattern{
	{regexp.MustCompile(`^got ([\w, ]+), want ([\w, ]+)$`), "", "got $1, want $2", ""},
	{regexp.MustCompile(`^missing propert(?:y|ies) (.+)$`), "", "missing $1", ""},
	{regexp.MustCompile(`^additional propert(?:y|ies) .*not allowed$`), "", "an unknown key", ""},
	{regexp.MustCompile(`^value must be one of .*$`), "", "not one of the allowed values", ""},
	{regexp.MustCompile(`^(minimum|maximum|exclusiveMinimum|exclusiveMaximum|minLength|maxLength|minItems|maxItems)\b`), "", "outside $1", ""},
}

// The line above the errors of one chart: its name.
var schemaChart = regexp.MustCompile(`(?m)^([\w.-]+):$`)
var schemaAddress = regexp.MustCompile(`failing loading "([a-z]+://[^"\s]+)"`)

func valuesFailure(tree *chartTree, err error) *failure {
	text := err.Error()
	where := path.Join(tree.root, "values.schema.json")
	if found := schemaChart.FindStringSubmatch(text); found != nil {
		if full, ok := fullPathOf(tree.top, found[1]); ok {
			where = tree.sourceOf(full + "/values.schema.json")
		}
	}
	var told []string
	for _, found := range schemaLine.FindAllStringSubmatch(text, 5) {
		reason := "not allowed"
		for _, p := range schemaReasons {
			if message, ok := p.apply(found[2]); ok {
				reason = message
				break
			}
		}
		told = append(told, "values"+strings.ReplaceAll(found[1], "/", ".")+": "+reason)
	}
	switch found := schemaAddress.FindStringSubmatch(text); {
	case len(told) > 0:
		return &failure{Code: "E_VALUES", Path: where, Message: strings.Join(told, "; ")}
	case found != nil:
		return &failure{Code: "E_REMOTE_FORBIDDEN", Path: where, Message: fmt.Sprintf("the schema refers to %s, outside the chart: write that part into the schema", found[1])}
	}
	return &failure{Code: "E_VALUES", Path: where, Message: "the values do not fit the chart's schema"}
}

// fullPathOf finds the chart of that name: "top/charts/sub".
func fullPathOf(loaded *chart.Chart, name string) (string, bool) {
	if loaded.Name() == name {
		return loaded.ChartFullPath(), true
	}
	for _, dependency := range loaded.Dependencies() {
		if full, ok := fullPathOf(dependency, name); ok {
			return full, true
		}
	}
	return "", false
}

// The first place in a template error: "chart/templates/x.yaml:3:14".
var templatePlace = regexp.MustCompile(`([\w.+@/-]+):(\d+)(?::\d+)?`)

var templatePatterns = []pattern{
	{regexp.MustCompile(`nested reference name: (\S+):`), "E_LIMIT", "template $1 includes itself without end", "a template includes itself without end"},
	{regexp.MustCompile(`exceeded maximum template depth`), "E_LIMIT", "templates call each other without end", ""},
	{regexp.MustCompile(`nil pointer evaluating .*?\.(\w+)`), "E_TEMPLATE", "nothing to take .$1 of", "nothing to take a field of"},
	{regexp.MustCompile(`can't evaluate field (\w+) in type`), "E_TEMPLATE", "no field .$1", "no such field"},
	{regexp.MustCompile(`function "(\w+)" not defined`), "E_TEMPLATE", "unknown function $1", "unknown function"},
	{regexp.MustCompile(`no template "([\w./-]+)"`), "E_TEMPLATE", "unknown template $1", "unknown template"},
	{regexp.MustCompile(`template "([\w./-]+)" not defined`), "E_TEMPLATE", "unknown template $1", "unknown template"},
	{regexp.MustCompile(`wrong number of args for (\w+)`), "E_TEMPLATE", "wrong number of arguments for $1", "wrong number of arguments"},
	{regexp.MustCompile(`wrong type for value; expected ([\w.\[\]]+); got ([\w.\[\]]+)`), "E_TEMPLATE", "wrong type of a value: $2, needed $1", ""},
	{regexp.MustCompile(`error calling (\w+):`), "E_TEMPLATE", "error in function $1", "error in a function"},
	{regexp.MustCompile(`range can't iterate over`), "E_TEMPLATE", "range over something that is no list or map", ""},
	{regexp.MustCompile(`unexpected EOF|unclosed action|unterminated \w+`), "E_TEMPLATE", "an action or block is not closed", ""},
	{regexp.MustCompile(`unexpected \{\{end\}\}|unexpected \{\{else\}\}`), "E_TEMPLATE", "end or else without a block", ""},
	{regexp.MustCompile(`undefined variable`), "E_TEMPLATE", "unknown variable", ""},
	{regexp.MustCompile(`incompatible types for comparison`), "E_TEMPLATE", "values of different types are compared", ""},
}

func templateFailure(tree *chartTree, err error) *failure {
	loaded := tree.top
	text := err.Error()
	failed := &failure{Code: "E_TEMPLATE", Message: "the template cannot be rendered"}
	if found := templatePlace.FindStringSubmatch(text); found != nil {
		failed.Path = tree.sourceOf(found[1])
		failed.Line, _ = strconv.Atoi(found[2])
	}
	if said, ok := strings.CutPrefix(text, "execution error at ("); ok {
		_, said, _ = strings.Cut(said, "): ")
		failed.Message = authored(loaded, said)
		return failed
	}
	for _, p := range templatePatterns {
		message, ok := p.apply(text)
		if !ok {
			continue
		}
		failed.Code, failed.Message = p.code, message
		if p.vague != "" && !inTemplates(loaded, p.match.FindStringSubmatch(text)[1]) {
			failed.Message = p.vague
		}
		return failed
	}
	return failed
}

// authored passes on the text of `fail` and `required` only where it stands word for word in a
// template: a text that was put together may hold a value or a file.
func authored(loaded *chart.Chart, said string) string {
	if said != "" && inTemplates(loaded, `"`+said+`"`, "`"+said+"`", strconv.Quote(said)) {
		return "the chart refuses: " + strings.TrimSpace(said)
	}
	return "the chart refuses these values (its message is not shown: it may quote a value)"
}

// inTemplates says whether one of the texts stands in a template of the chart or of a subchart.
func inTemplates(loaded *chart.Chart, texts ...string) bool {
	for _, template := range loaded.Templates {
		for _, text := range texts {
			if strings.Contains(string(template.Data), text) {
				return true
			}
		}
	}
	for _, dependency := range loaded.Dependencies() {
		if inTemplates(dependency, texts...) {
			return true
		}
	}
	return false
}

// A path in an error: up to the quote that it began with, else up to what no path of ours ends with.
var kustomizePath = regexp.MustCompile(`'/snapshot/([^'\n]+)'|"/snapshot/([^"\n]+)"|/snapshot/([^\s'":,]+)`)

// kustomizePlace is the last path in the text. Where nothing quotes it, a name that is known tells where it ends.
func kustomizePlace(text string, known *disk) (string, bool) {
	found := kustomizePath.FindAllStringSubmatchIndex(text, -1)
	if found == nil {
		return "", false
	}
	last := found[len(found)-1]
	place := ""
	for group := 2; group < len(last); group += 2 {
		if last[group] >= 0 {
			place = text[last[group]:last[group+1]]
		}
	}
	start := strings.Index(text[last[0]:], snapshotDir) + last[0]
	whole := strings.TrimPrefix(known.longest(text[start:]), snapshotDir+"/")
	if len(whole) > len(place) {
		return whole, true
	}
	return place, true
}

var kustomizePatterns = []pattern{
	{regexp.MustCompile(`cycle detected|cycle not allowed`), "E_CYCLE", "the kustomization includes itself", ""},
	{regexp.MustCompile(`external plugins disabled|plugin root|exec|container|starlark|functions? (?:not|are) `), "E_REMOTE_FORBIDDEN", "plugins and functions are not run", ""},
	{regexp.MustCompile(`helm(?:Charts|ChartInflationGenerator)|must specify --enable-helm`), "E_REMOTE_FORBIDDEN", "helmCharts are not inflated", ""},
	{regexp.MustCompile(`git fetch|git cmd|https?://|HTTP Error|repo spec|no 'git' program`), "E_REMOTE_FORBIDDEN", "remote resources are not fetched", ""},
	{regexp.MustCompile(`unknown field "([\w.-]+)"`), "E_KUSTOMIZE", "unknown field $1", ""},
	{regexp.MustCompile(`may not add resource with an already registered id: ([\w.~/\[\]-]+)`), "E_DUPLICATE_OBJECT", "declared twice: $1", ""},
	{regexp.MustCompile(`no matches for Id ([\w.~/\[\]-]+);`), "E_KUSTOMIZE", "a patch finds no object: $1", ""},
	{regexp.MustCompile(`multiple matches for Id ([\w.~/\[\]-]+);`), "E_KUSTOMIZE", "a patch finds several objects: $1", ""},
	// A file that cannot be taken as objects is tried as a folder: what was wrong with it comes before what is wrong with that.
	{regexp.MustCompile(`missing metadata\.name|Object 'Kind' is missing|missing Resource metadata`), "E_OBJECT_INVALID", "an object has no kind or name", ""},
	{regexp.MustCompile(`unable to find one of 'kustomization\.yaml'`), "E_PATH_MISSING", "no kustomization.yaml in this folder", ""},
	{regexp.MustCompile(`evalsymlink failure|no such file|file does not exist|not found in file system|is not a directory|doesn't exist|must build at directory`), "E_PATH_MISSING", "a file or folder that is named does not exist", ""},
	{regexp.MustCompile(`yaml: |error converting YAML|MalformedYAMLError|invalid Kustomization|unmarshal`), "E_YAML", "a file is not readable as YAML", ""},
	{regexp.MustCompile(`unable to parse SM or JSON patch|invalid JSON patch|error in JSON patch|patch`), "E_KUSTOMIZE", "a patch cannot be applied", ""},
}

func kustomizeFailure(place string, known *disk, err error) *failure {
	text := err.Error()
	failed := &failure{Code: "E_KUSTOMIZE", Path: place, Message: "kustomize cannot build this folder"}
	if name, ok := kustomizePlace(text, known); ok {
		failed.Path = name
	}
	for _, p := range kustomizePatterns {
		if message, ok := p.apply(text); ok {
			failed.Code, failed.Message = p.code, message
			break
		}
	}
	if failed.Code == "E_YAML" {
		failed.Line = lineIn(text)
	}
	return failed
}
