package main

import (
	"fmt"
	"time"

	"example.com/asr"
	"example.com/asr/simulation"
)

// table is what stands between two markers of the page.
type table struct {
	head  string
	cases []backlog
	row   func(backlog, outcome) string
}

const (
	resources = 400 // few enough to be quick; what depends on the number is said in the page
	few       = 100 // as many as a test has time for
	regions   = 17
)

var settles = 30 * time.Second

// tables are all cases, by the name of the page's markers.
func tables() map[string]table {
	return map[string]table{
		"limits": {
			head: "| Limits | 50 % done | 90 % | all | wait of CRITICAL, p50 / p95 | of HIGH | of LOW | the quietest account's longest |\n|---|---|---|---|---|---|---|---|\n",
			row:  limited, cases: underLimits(),
		},
		"failing": {
			head: "| Writes that fail | Limits | 50 % ended | 90 % | all | Failed for good | Stops that somebody resumed |\n|---|---|---|---|---|---|---|\n",
			row:  failing, cases: underFailures(),
		},
		"throttled": {
			head: "| Quota, in one account and Region | Limits | Runs there | All done after | The quota alone would take | Throttled answers | Failed |\n|---|---|---|---|---|---|---|\n",
			row:  throttled, cases: underQuotas(),
		},
	}
}

func hourly(inFlight, region, all, each int) asr.Limits {
	l := asr.DefaultLimits()
	l.InFlight, l.PerHour = asr.Bounds{All: inFlight, Region: region}, asr.Bounds{All: all, Region: each}
	return l
}

func underLimits() []backlog {
	day, week := hourly(10, 2, 50, 10), hourly(50, 5, 200, 20)
	day.Daily, week.Daily = 0.1, 0.5
	in := func(l asr.Limits, regions int) simulation.Config {
		return simulation.Config{Limits: l, Regions: regions, Settles: settles}
	}
	return []backlog{
		{name: "none", resources: resources, config: in(asr.Limits{}, regions)},
		{name: "the defaults: `in_flight` 100/10", resources: resources, config: in(asr.DefaultLimits(), regions)},
		{name: "the defaults, and all findings in one Region", resources: resources, config: in(asr.DefaultLimits(), 0)},
		{name: "`per_hour` a tenth of the backlog", resources: resources, config: in(hourly(100, 10, resources/10, 0), regions)},
		{name: "`in_flight` a hundredth of the backlog", resources: resources, config: in(hourly(resources/100, 0, 0, 0), regions), drawn: true},
		{name: "`in_flight` 50/5, `per_hour` 200/20, `daily` 50 %", resources: resources, config: in(week, regions), every: 5 * time.Minute},
		{name: "`in_flight` 10/2, `per_hour` 50/10, `daily` 10 %", resources: resources, config: in(day, regions), every: 15 * time.Minute},
	}
}

func limited(c backlog, o outcome) string {
	wait := func(severity string) string {
		w := o.waits[severity]
		return span(part(w, 0.5)) + " / " + span(part(w, 0.95))
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s |\n", c.name, span(part(o.ends, 0.5)), span(part(o.ends, 0.9)), span(part(o.ends, 1)),
		wait("CRITICAL"), wait("HIGH"), wait("LOW"), span(o.quietest))
}

// underFailures has the runs of two controls only, so that failures of one add
// up as they do in a large backlog.
func underFailures() (all []backlog) {
	slow, again := hourly(100, 10, 100, 0), hourly(100, 10, 100, 0)
	again.Retries = asr.Retries{Most: 3, After: time.Hour}
	for _, l := range []struct {
		name   string
		limits asr.Limits
		fails  []float64
	}{
		{"the defaults", asr.DefaultLimits(), []float64{0, 0.05, 0.2}},
		{"`per_hour` 100", slow, []float64{0, 0.05, 0.2}},
		{"`per_hour` 100, `retries` 3 after 1h", again, []float64{0.2}},
	} {
		for _, fails := range l.fails {
			all = append(all, backlog{name: l.name, resources: resources, looks: time.Hour, config: simulation.Config{Limits: l.limits, Fails: fails, Regions: regions, Controls: 2, Settles: settles}})
		}
	}
	return all
}

func failing(c backlog, o outcome) string {
	return fmt.Sprintf("| %.0f %% | %s | %s | %s | %s | %d of %d | %d |\n", 100*c.config.Fails, c.name, span(part(o.ends, 0.5)), span(part(o.ends, 0.9)), span(part(o.ends, 1)), o.failed, len(o.ends), o.stops)
}

// underQuotas has the findings of all accounts in one Region.
func underQuotas() (all []backlog) {
	for _, c := range []struct {
		quota simulation.Quota
		n     int
	}{
		{simulation.Quota{Rate: 5, Burst: 50}, resources},
		{simulation.Quota{Rate: 5, Burst: 5}, resources},
		{simulation.Quota{Rate: 1, Burst: 1}, few},
		{simulation.Quota{Rate: 1, Burst: 1}, resources},
	} {
		all = append(all,
			backlog{name: "none", resources: c.n, config: simulation.Config{Quota: c.quota, Settles: time.Second}},
			backlog{name: "the defaults", resources: c.n, config: simulation.Config{Quota: c.quota, Settles: time.Second, Limits: asr.DefaultLimits()}},
		)
	}
	return all
}

func throttled(c backlog, o outcome) string {
	q := c.config.Quota
	alone := time.Duration(max(0, float64(o.most)-q.Burst) / q.Rate * float64(time.Second))
	return fmt.Sprintf("| %.0f a second, bucket %.0f | %s | %d | %s | %s | %d | %d |\n", q.Rate, q.Burst, c.name, o.most, span(part(o.ends, 1)), span(alone), o.throttled, o.failed)
}

// span is a time in the unit that it is read in.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}
