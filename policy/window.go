package policy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a machine without time zones decides the same

	"go.yaml.in/yaml/v3"
)

// Window is when runs may begin.
type Window struct {
	Place
	Days   []time.Weekday // of the window's beginning; none: all
	Hours  []Hours        // none: all day
	Zone   *time.Location
	Freeze []Dates // on these days it is closed
}

// Hours are minutes of the day; To before From is on the day after.
type Hours struct{ From, To int }

// Dates are days, the last one included, as 2006-01-02.
type Dates struct{ From, To string }

// opens is the first instant, not before t, at which the window is open; zero if
// there is none within 400 days.
func (w Window) opens(t time.Time) time.Time {
	if w.open(t) {
		return t
	}
	local := t.In(w.Zone)
	for d := range 400 {
		for _, m := range w.beginnings() {
			at := time.Date(local.Year(), local.Month(), local.Day()+d, m/60, m%60, 0, 0, w.Zone)
			if minutes(at) < m { // the hour that a day loses in spring
				at = at.Add(time.Hour)
			}
			if at.After(t) && w.open(at) {
				return at.UTC()
			}
		}
	}
	return time.Time{}
}

// beginnings are the minutes of a day at which it may open.
func (w Window) beginnings() []int {
	all := []int{0}
	for _, h := range w.Hours {
		all = append(all, h.From)
	}
	slices.Sort(all)
	return all
}

func minutes(t time.Time) int { return t.Hour()*60 + t.Minute() }

func (w Window) open(t time.Time) bool {
	local := t.In(w.Zone)
	today := local.Format(date)
	for _, f := range w.Freeze {
		if f.From <= today && today <= f.To {
			return false
		}
	}
	if len(w.Hours) == 0 {
		return w.on(local.Weekday())
	}
	m, yesterday := minutes(local), (local.Weekday()+6)%7
	return slices.ContainsFunc(w.Hours, func(h Hours) bool {
		if h.From < h.To {
			return w.on(local.Weekday()) && h.From <= m && m < h.To
		}
		return w.on(local.Weekday()) && m >= h.From || w.on(yesterday) && m < h.To
	})
}

func (w Window) on(d time.Weekday) bool { return len(w.Days) == 0 || slices.Contains(w.Days, d) }

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func (r *reader) window(n *yaml.Node, at string) Window {
	w := Window{Place: r.place(n), Zone: time.UTC}
	r.Fields(n, at, map[string]func(string, *yaml.Node){
		"days": func(at string, n *yaml.Node) {
			for _, p := range r.patterns(n, at, weekdays) {
				w.Days = append(w.Days, time.Weekday(max(0, slices.Index(weekdays, p.Text))))
			}
		},
		"hours": func(at string, n *yaml.Node) {
			for _, p := range r.patterns(n, at, nil) {
				w.Hours = append(w.Hours, r.hours(p, at))
			}
		},
		"zone": func(at string, n *yaml.Node) {
			name := r.Text(n, at)
			zone, err := time.LoadLocation(name)
			if err != nil || name == "Local" {
				r.Fail(n, at, quoted(name)+" is no time zone", "write one such as Europe/Berlin, or UTC")
				return
			}
			w.Zone = zone
		},
		"freeze": func(at string, n *yaml.Node) {
			for _, p := range r.patterns(n, at, nil) {
				w.Freeze = append(w.Freeze, r.dates(p, at))
			}
		},
	})
	if r.Err() == nil && w.opens(time.Unix(0, 0)).IsZero() {
		r.Fail(n, at, "it never opens", "correct days, hours or freeze")
	}
	return w
}

var clock = regexp.MustCompile(`^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$`)

func (r *reader) hours(p Pattern, at string) Hours {
	m := clock.FindStringSubmatch(strings.ReplaceAll(p.Text, "-24:00", "-00:00"))
	if m == nil {
		if p.Text != "" {
			r.fail(p.Place, at, quoted(p.Text)+" are no hours", `write them as "22:00-06:00", in quotes`)
		}
		return Hours{}
	}
	var n [4]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1]) // digits
	}
	h := Hours{n[0]*60 + n[1], n[2]*60 + n[3]}
	if h.From == h.To {
		r.fail(p.Place, at, quoted(p.Text)+" is no time at all", "leave hours out for all day")
	}
	return h
}

// dates are a day, or two with .. between.
func (r *reader) dates(p Pattern, at string) Dates {
	from, to, both := strings.Cut(p.Text, "..")
	if !both {
		to = from
	}
	_, err := time.Parse(date, from)
	if _, err2 := time.Parse(date, to); err != nil || err2 != nil || to < from {
		if p.Text != "" {
			r.fail(p.Place, at, quoted(p.Text)+" are no dates", "write a day as 2026-12-24, or the first and the last as 2026-12-20..2027-01-06")
		}
	}
	return Dates{from, to}
}

// named finds the windows and groups that rules refer to.
func (r *reader) named(p *Policy) {
	for i := range p.Rules {
		rule := &p.Rules[i]
		if w := rule.Window; w.Text != "" {
			if _, ok := p.Windows[w.Text]; !ok {
				r.fail(w.Place, rule.field+".window", "there is no window "+quoted(w.Text), "declare it under windows")
			}
		}
		rule.Approvers = r.members(p, rule.Approvers, rule.field+".approvers")
	}
	for i := range p.Callers {
		c := &p.Callers[i]
		c.Who = r.members(p, c.Who, c.field+".who")
	}
}

// members are principals' ARNs, and those in the groups that are named.
func (r *reader) members(p *Policy, named []Pattern, at string) (all []Pattern) {
	for _, a := range named {
		group, ok := p.Groups[a.Text]
		switch {
		case ok:
			all = append(all, group...)
			continue
		case a.Text != "" && !principal.MatchString(a.Text):
			r.fail(a.Place, at, "there is no group "+quoted(a.Text), "declare it under groups, or write the principal's ARN")
		}
		all = append(all, a)
	}
	return all
}

// principal is the ARN of one, or a pattern of such.
var principal = regexp.MustCompile(`^(arn:|\*)`)

func (r *reader) group(n *yaml.Node, at string) []Pattern {
	all := r.patterns(n, at, nil)
	for _, p := range all {
		if p.Text != "" && !principal.MatchString(p.Text) {
			r.fail(p.Place, at, quoted(p.Text)+" is no principal's ARN", "write it as AWS does, such as arn:aws:iam::111111111111:user/ada, or with *")
		}
	}
	return all
}

// count is how many must say yes.
func (r *reader) count(n *yaml.Node, at, of string, most int) int {
	text := r.Text(n, at)
	count, err := strconv.Atoi(text)
	if text != "" && (err != nil || count < 1 || count > most) {
		r.Fail(n, at, quoted(text)+" is no number of "+of, "write 1 to "+strconv.Itoa(most))
	}
	return count
}
