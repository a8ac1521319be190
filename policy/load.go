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

// File is a file of a policy, and what it says.
type File struct {
	Name string // as errors name it
	Text []byte
}

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
		return nil, noFiles(path)
	}
	r := newReader(path)
	for _, file := range files {
		if err := r.open(file, r.file); err != nil {
			return nil, err
		}
	}
	return r.done()
}

// InFolder picks, of all names in a folder, those of Load's files, in their
// order. Names are relative to the folder; one with a slash in it lies in, or is,
// a folder there. Errors are *asr.Error with CodeBadInput, Load's.
func InFolder(folder string, names []string) ([]string, error) {
	files, err := choose(folder, names, isPolicy)
	if err == nil && len(files) == 0 {
		err = noFiles(folder)
	}
	return files, err
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

// ParseAll reads a policy of several files, one after the other; name stands for
// all of them. Errors are those of Parse.
func ParseAll(name string, files []File) (*Policy, error) {
	r := newReader(name)
	for _, f := range files {
		r.File = f.Name
		r.file(f.Text)
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

func noFiles(folder string) error {
	return &asr.Error{Code: asr.CodeBadInput, Message: folder + " has no policy files", Do: "put *.yaml files there, or name another folder"}
}

// filesOf is a file itself, or those of a folder that are wanted, by name.
func filesOf(path string, wanted func(name string) bool) ([]string, error) {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, unreadable(err)
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if info, err := os.Stat(filepath.Join(path, name)); err == nil && info.IsDir() { // a link counts as what it leads to
			name += "/"
		}
		names = append(names, name)
	}
	files, err := choose(path, names, wanted)
	for i, name := range files {
		files[i] = filepath.Join(path, name)
	}
	return files, err
}

// choose is InFolder, for the names that are wanted. A folder within would hide
// rules from whoever thinks that they count: a mistake.
func choose(folder string, names []string, wanted func(name string) bool) (files []string, err error) {
	for _, name := range slices.Sorted(slices.Values(names)) {
		inner, _, isFolder := strings.Cut(name, "/")
		switch {
		case strings.HasPrefix(name, "."):
		case isFolder:
			return nil, &asr.Error{Code: asr.CodeBadInput, Message: strings.TrimSuffix(folder, "/") + "/" + inner + " is a folder within a policy's folder, and isn't read", Do: "put its files beside the others, or move it elsewhere"}
		case wanted(name):
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
