package policy

import (
	"time"

	"example.com/asr"
	"go.yaml.in/yaml/v3"
)

const date = "2006-01-02"

func (r *reader) exception(n *yaml.Node, at string) Exception {
	x := Exception{Rule: Rule{field: at, Place: r.place(n), Mode: asr.ModeOff}}
	text := func(into *string) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) { *into = r.Text(n, at) }
	}
	r.Fields(n, at, map[string]func(string, *yaml.Node){
		"name":     text(&x.Name),
		"reason":   text(&x.Reason),
		"owner":    text(&x.Owner),
		"evidence": text(&x.Evidence),
		"expires":  func(at string, n *yaml.Node) { x.Expires = r.date(n, at).AddDate(0, 0, 1) },
		"match": func(at string, n *yaml.Node) {
			if x.Match = r.match(n, at); x.Match.empty() {
				r.Fail(n, at, "it excepts everything", "say what to except: default: off turns everything off")
			}
		},
	})
	r.need(n, at, "name", "give the exception a name: decisions are told by it")
	r.need(n, at, "reason", "say why it is excepted")
	r.need(n, at, "owner", "say who answers for it")
	r.need(n, at, "expires", "write the last day on which it holds, such as 2027-03-31")
	r.need(n, at, "match", "say what it excepts")
	return x
}

// date is midnight, UTC, at a day's beginning.
func (r *reader) date(n *yaml.Node, at string) time.Time {
	text := r.Text(n, at)
	t, err := time.Parse(date, text)
	if err != nil && text != "" {
		r.Fail(n, at, quoted(text)+" is no date", "write it as 2027-03-31")
	}
	return t
}

// lastDay is the last day on which it holds.
func (x Exception) lastDay() string { return x.Expires.AddDate(0, 0, -1).Format(date) }

const soon = 30 * day

// exceptions finds those that have expired, or are about to.
func (l *linter) exceptions(p *Policy) {
	for i := range p.Exceptions {
		x := &p.Exceptions[i]
		l.rule = &x.Rule
		l.patterns(x.Match)
		l.known()
		now := l.context.Now
		switch {
		case now.IsZero():
		case x.expired(now):
			l.add("warning", x.Place, "renew it, or remove it", "it expired on %s and holds nothing back any more", x.lastDay())
		case x.expired(now.Add(soon)):
			l.add("warning", x.Place, "ask "+x.Owner+" whether it is still needed", "it expires on %s", x.lastDay())
		}
	}
}
