package yamlfile

import (
	"strings"
	"testing"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestAFileIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	r := &Reader{File: "f.yaml"}
	got := map[string]string{}
	root := r.Parse([]byte("version: 1.10\nbase: &base {on: true}\nagain: *base\nlist: [012, off]\nvalue: {a: [1, x]}\n"))
	flag := func(at string, n *yaml.Node) {
		r.Fields(n, at, map[string]func(string, *yaml.Node){"on": func(at string, n *yaml.Node) {
			if r.Flag(n, at) {
				got[at] = "yes"
			}
		}})
	}
	r.Fields(root, "", map[string]func(string, *yaml.Node){
		"version": func(at string, n *yaml.Node) { got[at] = r.Text(n, at) },
		"base":    flag,
		"again":   flag,
		"list": func(at string, n *yaml.Node) {
			r.Items(n, at, func(at string, n *yaml.Node) { got[at] = r.Text(n, at) })
		},
		"value": func(at string, n *yaml.Node) { got[at] = string(r.JSON(n, at)) },
	})
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"version": "1.10", "base.on": "yes", "again.on": "yes", "list[0]": "012", "list[1]": "off", "value": `{"a":[1,"x"]}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMistakesComeInOrderWithLineFieldAndAdvice(t *testing.T) {
	t.Parallel()
	r := &Reader{File: "f.yaml"}
	root := r.Parse([]byte("a: 1\nb: 2\n? [c]\n: 3\na: 4\n"))
	r.Fields(root, "", map[string]func(string, *yaml.Node){"a": func(at string, n *yaml.Node) { r.Items(n, at, nil) }})
	want := []string{"f.yaml:1: a: a list is wanted here", "f.yaml:2: b: unknown field", "f.yaml:3: a name is wanted here", "f.yaml:5: a: it is there twice"}
	if diff := cmp.Diff(want, strings.Split(r.Err().Error(), "\n")); diff != "" {
		t.Error(diff)
	}
	if asr.Classify(r.Err()) != asr.CodeBadInput || asr.Advice(r.Err()) == "" {
		t.Errorf("got %v", r.Err())
	}
	if Child(root, "z") != nil || Child(&yaml.Node{}, "a") != nil {
		t.Error("there is no such child")
	}
}
