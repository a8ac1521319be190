package remedytest

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

//go:embed boto.py
var botoScript string

// View is a whole resource as boto3 sees it, a client that shares no code with
// ours. The zero value sees nothing.
type View struct {
	looks   []look
	without []string
}

type look struct {
	acct               *Account
	service, operation string
	params             map[string]any
	at                 string
}

// Boto looks through boto3 at what an operation ("describe_repositories" of
// "ecr") answers, at a place in it: "repositories.0"; "" is all of it. A text
// that is a JSON document, such as a policy, counts as what it says.
func (a *Account) Boto(service, operation string, params map[string]any, at string) View {
	return View{looks: []look{{a, service, operation, params, at}}}
}

// And looks at both.
func (v View) And(o View) View {
	return View{slices.Concat(v.looks, o.looks), slices.Concat(v.without, o.without)}
}

// Without leaves out fields, at whatever depth, that change by themselves:
// "LastModified".
func (v View) Without(fields ...string) View {
	v.without = slices.Concat(v.without, fields)
	return v
}

// See is what there is to see now, as JSON. Several looks are an object, by
// their operations.
func (v View) See(t T) json.RawMessage {
	t.Helper()
	all := map[string]any{}
	for _, l := range v.looks {
		out, err := l.ask()
		if err != nil {
			t.Fatalf("boto3: %s %s: %v", l.service, l.operation, err)
		}
		name := l.operation
		for n := 2; has(all, name); n++ {
			name = l.operation + strconv.Itoa(n)
		}
		all[name] = v.plain(at(out, l.at))
	}
	var seen any = all
	if len(v.looks) == 1 {
		seen = all[v.looks[0].operation]
	}
	return encode(seen)
}

func has(all map[string]any, name string) bool { _, ok := all[name]; return ok }

// plain reads documents in texts and leaves out what goes with the clock.
func (v View) plain(doc any) any {
	switch d := doc.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range d {
			if !slices.Contains(v.without, k) {
				out[k] = v.plain(e)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, e := range d {
			out = append(out, v.plain(e))
		}
		return out
	case string:
		var inner any
		if strings.HasPrefix(d, "{") && json.Unmarshal([]byte(d), &inner) == nil {
			return v.plain(inner)
		}
	}
	return doc
}

// at finds a place in a document; what isn't there is nil.
func at(doc any, path string) any {
	if path == "" {
		return doc
	}
	step, rest, _ := strings.Cut(path, ".")
	switch d := doc.(type) {
	case map[string]any:
		if e, failed := d["Error"]; failed && len(d) == 1 {
			return map[string]any{"Error": e}
		}
		return at(d[step], rest)
	case []any:
		if i, err := strconv.Atoi(step); err == nil && i < len(d) {
			return at(d[i], rest)
		}
	}
	return nil
}

// differences are what changed from one look to another.
func differences(t T, before, after json.RawMessage) []string {
	t.Helper()
	changes, err := asr.Diff(before, after)
	if err != nil {
		t.Fatalf("view: %v", err)
	}
	var all []string
	for _, c := range changes {
		all = append(all, c.String())
	}
	return all
}

// unexpected compares differences with the beginnings of those that are
// expected; each must be there.
func unexpected(got, want []string) string {
	begins := func(s string) func(string) bool { return func(w string) bool { return strings.HasPrefix(s, w) } }
	extra := slices.DeleteFunc(slices.Clone(got), func(g string) bool { return slices.ContainsFunc(want, begins(g)) })
	missing := slices.DeleteFunc(slices.Clone(want), func(w string) bool {
		return slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) })
	})
	return cmp.Diff(missing, extra)
}

// boto3 runs in one process for all tests of a package.
type botoProcess struct {
	mu  sync.Mutex
	in  io.Writer
	out *bufio.Scanner
}

var botoOnce = sync.OnceValues(func() (*botoProcess, error) {
	s, err := emulator()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(s.Python(), "-c", botoScript)
	in, err := cmd.StdinPipe() // closed with this process, which ends the other
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	return &botoProcess{in: in, out: lines}, cmd.Start()
})

func (l look) ask() (any, error) {
	p, err := botoOnce()
	if err != nil {
		return nil, err
	}
	ask := map[string]any{"service": l.service, "operation": l.operation, "params": l.params, "region": l.acct.Region}
	for k, v := range l.acct.Sandbox.Root(l.acct.ID) {
		ask[k] = v
	}
	line, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	if !p.out.Scan() {
		return nil, errors.Join(p.out.Err(), errors.New("boto3's process has ended"))
	}
	var answer struct {
		Out     any
		Failure string
	}
	if err := json.Unmarshal(p.out.Bytes(), &answer); err != nil {
		return nil, err
	}
	if answer.Failure != "" {
		return nil, errors.New(answer.Failure)
	}
	return answer.Out, nil
}
