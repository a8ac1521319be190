package asr

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is what is wrong in many places: the runs that ask for an approval of
// one control, or of one remediation, there.
type Problem struct {
	Control     string                     `json:"control,omitempty"` // by any of its names; this or:
	Remediation string                     `json:"remediation,omitempty"`
	Accounts    []string                   `json:"accounts,omitempty"` // none: all
	Regions     []string                   `json:"regions,omitempty"`  // none: all
	Params      map[string]json.RawMessage `json:"params,omitempty"`   // runs with these

	// What is answered one by one, unless it is named.
	Irreversible bool `json:"irreversible,omitempty"` // what can't be put back, or not all of it
	HighRisk     bool `json:"highRisk,omitempty"`
}

// MostAtOnce is how many runs one act answers.
const MostAtOnce = 200

// Look is what somebody is shown of a problem before they answer.
type Look struct {
	Problem Problem   `json:"problem"`
	Digest  string    `json:"digest"` // over the runs and their plans: what an answer is bound to
	Runs    []Asking  `json:"runs"`
	Shapes  []Shape   `json:"shapes"`         // the different changes, the most frequent first
	Left    []LeftOut `json:"left"`           // asks too, but isn't answered so
	More    int       `json:"more,omitempty"` // how many there are beyond MostAtOnce
}

// Asking is a run that asks.
type Asking struct {
	Seen
	Account  string `json:"account"`
	Region   string `json:"region"`
	Resource string `json:"resource"`
	Shape    int    `json:"shape"` // in Look.Shapes
}

// Seen is a run with the plan that it had.
type Seen struct {
	Run  string `json:"run"`
	Hash string `json:"hash"`
}

// LeftOut is a run that isn't answered, and why.
type LeftOut struct {
	Run      string `json:"run"`
	Account  string `json:"account,omitempty"`
	Region   string `json:"region,omitempty"`
	Resource string `json:"resource,omitempty"`
	Reason   string `json:"reason"` // a Reason or a Code
	Why      string `json:"why"`
}

// Shape is a change that several plans make, each to its own resource. What is
// the resource's own (its ARN, name, account and Region) stands as {resource} …
type Shape struct {
	Remediation string   `json:"remediation"`
	Version     int      `json:"version"`
	Params      string   `json:"params"`
	Changes     []Effect `json:"changes"`
	Warnings    []string `json:"warnings,omitempty"`
	Runs        int      `json:"runs"`
	Example     string   `json:"example"` // one of the runs
}

// Effect is a Change as people read it.
type Effect struct {
	Field   string `json:"field"`
	Was     string `json:"was"`
	Becomes string `json:"becomes"`
	Keep    string `json:"keep,omitempty"`  // why it can't be put back
	Makes   string `json:"makes,omitempty"` // what it brings into being
}

// Look lists the runs of a problem that wait for an approval, and tells the ones
// that the person may answer together from those that they may not. sees says of
// which accounts they may know; nil: of all. CodeBadInput, CodeNotFound or
// CodeNoRemediation if the problem can't be meant.
func (e *Engine) Look(ctx context.Context, p Problem, by Actor, sees func(Run) bool) (Look, error) {
	p, err := e.meant(p)
	if err != nil {
		return Look{}, err
	}
	l := Look{Problem: p, Runs: []Asking{}, Shapes: []Shape{}, Left: []LeftOut{}}
	shapes := map[string]*Shape{}
	var keys []string // of the runs' shapes
	err = e.asking(ctx, p, func(r Run) {
		if sees != nil && !sees(r) {
			return
		}
		if left := e.unfit(p, r, by); left != nil {
			l.Left = append(l.Left, *left)
			return
		}
		if len(l.Runs) == MostAtOnce {
			l.More++
			return
		}
		s := shapeOf(*r.Plan)
		s.Example, s.Runs = r.ID, 1
		key := s.key()
		if known := shapes[key]; known != nil {
			known.Runs++
		} else {
			shapes[key] = &s
		}
		keys = append(keys, key)
		l.Runs = append(l.Runs, Asking{Seen: Seen{r.ID, r.Plan.Hash}, Account: r.Target.Account, Region: r.Target.Region, Resource: r.Target.ID})
	})
	if err != nil {
		return Look{}, err
	}
	place := map[string]int{}
	for _, key := range byFrequency(shapes) {
		place[key] = len(l.Shapes)
		l.Shapes = append(l.Shapes, *shapes[key])
	}
	var seen []Seen
	for i := range l.Runs {
		l.Runs[i].Shape = place[keys[i]]
		seen = append(seen, l.Runs[i].Seen)
	}
	l.Digest = Digest(seen)
	return l, nil
}

func byFrequency(shapes map[string]*Shape) []string {
	keys := make([]string, 0, len(shapes))
	for key := range shapes {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(shapes[b].Runs-shapes[a].Runs, strings.Compare(a, b))
	})
	return keys
}

// Digest is SHA-256 over a set of runs and their plans, in whatever order.
func Digest(seen []Seen) string {
	lines := []string{"asr: runs and plans, 1"}
	for _, s := range seen {
		lines = append(lines, fmt.Sprintf("%q %q", s.Run, s.Hash))
	}
	slices.Sort(lines[1:])
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

// meant is the problem with its control's own name.
func (e *Engine) meant(p Problem) (Problem, error) {
	if p.Control == "" && p.Remediation == "" {
		return p, &Error{Code: CodeBadInput, Message: "a problem is a control or a remediation", Do: "name one of them: all that waits, whatever it is, can't be answered at once"}
	}
	if p.Remediation != "" {
		if _, err := e.unit(p.Remediation); err != nil {
			return p, err
		}
	}
	if p.Control != "" {
		m, err := e.c.Matcher.Control(p.Control)
		if err != nil {
			return p, err
		}
		p.Control = m.Control
	}
	return p, nil
}

// covers reports whether a run is of the problem.
func (p Problem) covers(r Run) bool {
	in := func(all []string, one string) bool { return len(all) == 0 || slices.Contains(all, one) }
	if p.Control != "" && p.Control != r.Control || p.Remediation != "" && p.Remediation != r.Remediation || !in(p.Accounts, r.Target.Account) || !in(p.Regions, r.Target.Region) {
		return false
	}
	has := fields(r.Params)
	for name, want := range p.Params {
		w, err := decode(want)
		h, herr := decode(has[name])
		if err != nil || herr != nil || !same(w, h) {
			return false
		}
	}
	return true
}

// asking calls f with each run of the problem that waits for an approval.
func (e *Engine) asking(ctx context.Context, p Problem, f func(Run)) error {
	q := RunQuery{States: []State{StateAwaiting}, Control: p.Control}
	if len(p.Accounts) == 1 {
		q.Account = p.Accounts[0]
	}
	for {
		runs, next, err := e.c.Store.Runs(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range runs {
			if r.State == StateAwaiting && r.Plan != nil && p.covers(r) {
				f(r)
			}
		}
		if q.Cursor = next; next == "" {
			return nil
		}
	}
}

// unfit says why a run isn't answered with others, or by this person; nil if it is.
func (e *Engine) unfit(p Problem, r Run, by Actor) *LeftOut {
	left := func(reason, why string) *LeftOut {
		return &LeftOut{Run: r.ID, Account: r.Target.Account, Region: r.Target.Region, Resource: r.Target.ID, Reason: reason, Why: why}
	}
	u, err := e.unit(r.Remediation)
	if err != nil {
		return left(string(Classify(err)), err.Error())
	}
	lasting := cmp.Or(u.Spec.Irreversible, r.Plan.lasting())
	switch {
	case lasting != "" && !p.Irreversible:
		return left(string(ReasonIrreversible), "it can't be put back ("+lasting+"): answer it by itself, or say that such ones are meant")
	case u.Spec.Risk == RiskHigh && !p.HighRisk:
		return left(string(ReasonHighRisk), "its risk is high ("+u.Spec.RiskWhy+"): answer it by itself, or say that such ones are meant")
	case !r.ExpiresAt.IsZero() && !e.now().Before(r.ExpiresAt):
		return left(string(CodeExpired), "the time to approve it is over")
	}
	if err := r.admit(by); err != nil {
		return left(string(CodeNotAllowed), err.Error())
	}
	return nil
}

// shapeOf is a plan without what is its resource's own.
func shapeOf(p Plan) Shape {
	plain := abstract(p.Target)
	s := Shape{Remediation: p.Remediation, Version: p.Version, Params: plain(show(p.Params)), Changes: []Effect{}}
	for _, c := range p.Changes {
		s.Changes = append(s.Changes, Effect{Field: plain(c.Field()), Was: plain(c.Was()), Becomes: plain(c.Becomes()), Keep: plain(c.Keep), Makes: plain(c.Makes)})
	}
	for _, w := range p.Warnings {
		s.Warnings = append(s.Warnings, plain(w))
	}
	return s
}

func (s Shape) key() string {
	s.Runs, s.Example = 0, ""
	text, _ := json.Marshal(s) // texts and numbers
	return string(text)
}

// shortest is how long a name must be to be told from a word by chance.
const shortest = 4

// abstract writes what is a target's own as {resource}, {name}, {account} and
// {region}, where it stands as a whole word. What is left differs between plans
// that don't do the same.
func abstract(t Target) func(string) string {
	type own struct{ text, as string }
	var all []own
	for _, o := range []own{{t.ID, "{resource}"}, {t.Name, "{name}"}, {t.Account, "{account}"}, {t.Region, "{region}"}} {
		if utf8.RuneCountInString(o.text) >= shortest {
			all = append(all, o)
		}
	}
	slices.SortStableFunc(all, func(a, b own) int { return len(b.text) - len(a.text) })
	return func(s string) string {
		for _, o := range all {
			s = replaceWord(s, o.text, o.as)
		}
		return s
	}
}

var wordEnds = regexp.MustCompile(`[A-Za-z0-9]`)

// replaceWord replaces word where no letter or digit is next to it.
func replaceWord(s, word, as string) string {
	var out strings.Builder
	for {
		i := strings.Index(s, word)
		if i < 0 {
			out.WriteString(s)
			return out.String()
		}
		end := i + len(word)
		inside := i > 0 && wordEnds.MatchString(s[i-1:i]) || end < len(s) && wordEnds.MatchString(s[end:end+1])
		out.WriteString(s[:i])
		if inside {
			out.WriteString(word)
		} else {
			out.WriteString(as)
		}
		s = s[end:]
	}
}
