package policy_test

import (
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/policy"
	"github.com/google/go-cmp/cmp"
)

func TestLimitsAreWhatTheFileSaysAndTheDefaultsForTheRest(t *testing.T) {
	t.Parallel()
	with := func(change func(*asr.Limits)) asr.Limits {
		l := asr.DefaultLimits()
		change(&l)
		return l
	}
	for text, want := range map[string]asr.Limits{
		"":                              asr.DefaultLimits(),
		"limits: {in_flight: {all: 7}}": with(func(l *asr.Limits) { l.InFlight.All = 7 }),
		"limits: {in_flight: {region: unlimited}, per_hour: {region: 20}, daily: 12.5 %}": with(func(l *asr.Limits) {
			l.InFlight.Region, l.PerHour.Region, l.Daily = 0, 20, 0.125
		}),
		"limits: {failures: {number: unlimited, share: 20%, within: 2h}, retries: {most: 3, after: 1h}}": with(func(l *asr.Limits) {
			l.Failures, l.Retries = asr.Failures{Share: 0.2, Within: 2 * time.Hour}, asr.Retries{Most: 3, After: time.Hour}
		}),
		"limits: {daily: unlimited}": asr.DefaultLimits(),
	} {
		if d := cmp.Diff(want, rules(t, "version: 1\n"+text+"\n").Limits()); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
	if d := cmp.Diff(asr.DefaultLimits(), (*policy.Policy)(nil).Limits()); d != "" {
		t.Error(d)
	}
}

func TestLimitsThatAreNoneAreMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{in_flight: {all: 0}}":                       "write 1 to 1000000",
		"{in_flight: 5}":                              "limits.in_flight",
		"{per_hour: {account: 5}}":                    "limits.per_hour.account",
		"{daily: 0%}":                                 "write a percentage such as 10%, or unlimited",
		"{daily: 101%}":                               "write a percentage",
		"{daily: 0.1}":                                "write a percentage",
		"{retries: {most: 3}}":                        "limits.retries.after",
		"{retries: {most: 11, after: 1h}}":            "write 1 to 10",
		"{failures: {within: 10m}}":                   "write hours, days or weeks",
		"{failures: {number: none}}":                  "is no number of runs",
		"{retries: {most: 1, after: 1h, often: yes}}": "limits.retries.often",
	} {
		_, err := policy.Parse("p.yaml", strings.NewReader("version: 1\nlimits: "+text+"\n"))
		if err == nil || !strings.Contains(err.Error()+asr.Advice(err), want) || !strings.Contains(err.Error(), "p.yaml:2") {
			t.Errorf("%s: %v %s, want %q", text, err, asr.Advice(err), want)
		}
	}
}
