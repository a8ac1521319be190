package policy

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/yamlfile"
)

// Load reads a policy: a file, or a folder's *.yaml and *.yml, one after the
// other in the order of their names. The folder's *.test.yaml are left out, and
// names that begin with a dot. Errors are those of Parse, or *asr.Error with
// CodeBadInput if a file can't be read.
func Load(path string) (*Policy, error) {
	files, err := filesOf(path, isPolicy)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: path + " has no policy files", Do: "put *.yaml files there, or name another folder"}
	}
	r := newReader(path)
	for _, file := range files {
		if err := r.open(file, r.file); err != nil {
			return nil, err
		}
	}
	return r.done()
}

// Parse reads a policy of one file; name stands for it in errors. Errors are
// *asr.Error with CodeBadInput, joined, one per mistake.
func Parse(name string, in io.Reader) (*Policy, error) {
	r := newReader(name)
	if err := r.read(name, in, r.file); err != nil {
		return nil, err
	}
	return r.done()
}

func newReader(name string) *reader {
	p := &Policy{File: name, Console: asr.ModeAsk, Default: asr.ModeOff, Limit: asr.DefaultLimits(), Windows: map[string]Window{}, Groups: map[string][]Pattern{}, said: map[string]Place{}}
	return &reader{Reader: yamlfile.Reader{Columns: true}, policy: p}
}

// open reads a file and has it taken apart.
func (r *reader) open(file string, take func(text []byte)) error {
	f, err := os.Open(file)
	if err != nil {
		return unreadable(err)
	}
	defer f.Close() // only read
	return r.read(file, f, take)
}

func (r *reader) read(name string, in io.Reader, take func(text []byte)) error {
	text, err := io.ReadAll(io.LimitReader(in, yamlfile.MaxSize+1))
	if err != nil {
		return unreadable(err)
	}
	r.File = name
	take(text)
	return nil
}

// done checks what only the whole policy shows.
func (r *reader) done() (*Policy, error) {
	r.unique(r.policy)
	r.named(r.policy)
	if err := r.Err(); err != nil {
		return nil, err
	}
	return r.policy, nil
}

func unreadable(err error) error {
	return &asr.Error{Code: asr.CodeBadInput, Message: "policy", Do: "name a policy file, or a folder of them, that can be read", Err: err}
}

// filesOf is a file itself, or those of a folder that are wanted, by name. A
// folder in it would hide rules from whoever thinks that they count: a mistake.
func filesOf(path string, wanted func(name string) bool) ([]string, error) {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, unreadable(err)
	}
	var files []string
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		info, err := os.Stat(name) // a link counts as what it leads to
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case err == nil && info.IsDir():
			return nil, &asr.Error{Code: asr.CodeBadInput, Message: name + " is a folder within a policy's folder, and isn't read", Do: "put its files beside the others, or move it elsewhere"}
		case wanted(e.Name()):
			files = append(files, name)
		}
	}
	return files, nil
}

func isYAML(name string) bool {
	return slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(name))
}

// isTable reports whether a file is a table of cases: NAME.test.yaml.
func isTable(name string) bool {
	return isYAML(name) && strings.HasSuffix(strings.TrimSuffix(name, filepath.Ext(name)), ".test")
}

func isPolicy(name string) bool { return isYAML(name) && !isTable(name) }
