package accounts

import (
	"context"
	"io"
	"os"
	"regexp"

	"example.com/asr"
	"example.com/asr/yamlfile"
	"go.yaml.in/yaml/v3"
)

// File is what a file says of accounts. It implements asr.Accounts; of accounts
// that it doesn't list nothing is known.
type File struct {
	name     string
	accounts map[string]asr.Account
}

// Account implements asr.Accounts.
func (f File) Account(_ context.Context, id string) (asr.Account, error) {
	a, ok := f.accounts[id]
	if !ok {
		return a, &asr.Error{Code: asr.CodeNotFound, Message: f.name + " doesn't list account " + id, Do: "add it there"}
	}
	return a, nil
}

// Load reads a file of accounts. Errors are *asr.Error with CodeBadInput,
// joined, one per mistake.
func Load(path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, &asr.Error{Code: asr.CodeBadInput, Message: "accounts", Do: "name a file of accounts that can be read", Err: err}
	}
	defer f.Close() // only read
	return Parse(path, f)
}

// Parse reads a file of accounts; name stands for it in errors.
func Parse(name string, in io.Reader) (File, error) {
	text, err := io.ReadAll(io.LimitReader(in, yamlfile.MaxSize+1))
	if err != nil {
		return File{}, &asr.Error{Code: asr.CodeBadInput, Message: name, Do: "name a file of accounts that can be read", Err: err}
	}
	r := yamlfile.Reader{File: name}
	f := File{name, map[string]asr.Account{}}
	if root := r.Parse(text); root != nil {
		r.Fields(root, "", map[string]func(string, *yaml.Node){
			"accounts": func(at string, n *yaml.Node) {
				r.Pairs(n, at, func(k, v *yaml.Node) { f.accounts[k.Value] = account(&r, k, v, at+"."+k.Value) })
			},
		})
	}
	return f, r.Err()
}

var twelve = regexp.MustCompile(`^\d{12}$`)

func account(r *yamlfile.Reader, k, n *yaml.Node, at string) (a asr.Account) {
	if !twelve.MatchString(k.Value) {
		r.Fail(k, at, "no account id", "write its 12 digits in quotes")
	}
	r.Fields(n, at, map[string]func(string, *yaml.Node){
		"ous": func(at string, n *yaml.Node) {
			a.OUs = []string{}
			r.Items(n, at, func(at string, n *yaml.Node) { a.OUs = append(a.OUs, r.Text(n, at)) })
		},
		"tags": func(at string, n *yaml.Node) {
			a.Tags = map[string]string{}
			r.Pairs(n, at, func(k, v *yaml.Node) { a.Tags[k.Value] = r.Text(v, at+"."+k.Value) })
		},
	})
	return a
}
