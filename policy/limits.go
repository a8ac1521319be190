package policy

import (
	"regexp"
	"strconv"

	"example.com/asr"
	"go.yaml.in/yaml/v3"
)

// Limits implements asr.Policy: what the file says, and asr's defaults for what
// it leaves out.
func (p *Policy) Limits() asr.Limits {
	if p == nil {
		return asr.DefaultLimits()
	}
	return p.Limit
}

func (r *reader) limits(n *yaml.Node, at string) asr.Limits {
	l := asr.DefaultLimits()
	bounds := func(b *asr.Bounds) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) {
			r.Fields(n, at, map[string]func(string, *yaml.Node){"all": r.bound(&b.All), "region": r.bound(&b.Region)})
		}
	}
	r.Fields(n, at, map[string]func(string, *yaml.Node){
		"in_flight": bounds(&l.InFlight),
		"per_hour":  bounds(&l.PerHour),
		"daily":     r.share(&l.Daily),
		"failures": func(at string, n *yaml.Node) {
			r.Fields(n, at, map[string]func(string, *yaml.Node){
				"number": r.bound(&l.Failures.Number),
				"share":  r.share(&l.Failures.Share),
				"within": func(at string, n *yaml.Node) { l.Failures.Within = r.duration(n, at) },
			})
		},
		"retries": func(at string, n *yaml.Node) {
			r.Fields(n, at, map[string]func(string, *yaml.Node){
				"most":  func(at string, n *yaml.Node) { l.Retries.Most = r.count(n, at, "tries", 10) },
				"after": func(at string, n *yaml.Node) { l.Retries.After = r.duration(n, at) },
			})
			r.need(n, at, "most", "say how often: 1 to 10")
			r.need(n, at, "after", "say after which time the first is made, such as 1h")
		},
	})
	return l
}

const (
	unlimited = "unlimited"
	mostRuns  = 1_000_000
)

// bound is a number, or the word that there is none.
func (r *reader) bound(into *int) func(string, *yaml.Node) {
	return func(at string, n *yaml.Node) {
		if *into = 0; n.Value != unlimited {
			*into = r.count(n, at, "runs", mostRuns)
		}
	}
}

var percents = regexp.MustCompile(`^(\d{1,3}(?:\.\d{1,3})?)\s?%$`)

// share is a percentage, or the word that there is none.
func (r *reader) share(into *float64) func(string, *yaml.Node) {
	return func(at string, n *yaml.Node) {
		if *into = 0; n.Value == unlimited {
			return
		}
		text := r.Text(n, at)
		m := percents.FindStringSubmatch(text)
		if m != nil {
			*into, _ = strconv.ParseFloat(m[1], 64) // digits
			*into /= 100
		}
		if text != "" && (*into <= 0 || *into > 1) {
			r.Fail(n, at, quoted(text)+" is no share", "write a percentage such as 10%, or "+unlimited)
		}
	}
}
