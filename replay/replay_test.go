package replay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/memory"
	"example.com/asr/policy"
	"example.com/asr/replay"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// filled is a store of n findings of two accounts and two controls, of which
// nothing fixes one, each an hour older than the one before.
func filled(t interface{ Fatal(...any) }, n int) *memory.Store {
	s := memory.New()
	var b asr.Batch
	for i := range n {
		account := []string{"111111111111", "222222222222"}[i%2]
		b.Findings = append(b.Findings, asr.Finding{
			ID: fmt.Sprintf("f%03d", i), Outcome: asr.OutcomeOpen,
			Provider: asr.Provider{
				Account: account, Region: "eu-west-1", Control: []string{enginetest.Control, enginetest.Control, "X.1"}[i%3], Severity: asr.Severities[i%5], Compliance: asr.ComplianceFailed,
				UpdatedAt: noon.Add(-time.Duration(i) * time.Hour), Resources: []asr.Resource{{ID: fmt.Sprintf("arn:aws:test:eu-west-1:%s:r%d", account, i/4)}},
			},
		})
	}
	if err := s.Commit(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return s
}

func engine(s asr.Store, p asr.Policy) *asr.Engine {
	switches := &enginetest.Switches{}
	return asr.New(asr.Config{Store: s, Remediations: []asr.Remediation{switches.Remediation()}, Matcher: enginetest.Book{}, Vault: enginetest.Glass{}, Policy: p, Clock: func() time.Time { return noon }})
}

func parsed(t interface{ Fatal(...any) }, rules string) *policy.Policy {
	p, err := policy.Parse("p.yaml", strings.NewReader("version: 1\nwindows: {nights: {hours: \"22:00-06:00\"}}\nrules:\n"+rules))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAReplayCountsWhatWouldBeDecided(t *testing.T) {
	t.Parallel()
	s := filled(t, 12)
	p := parsed(t, "  - {name: one, match: {accounts: [\"111111111111\"]}, mode: auto, window: nights}\n  - {name: rest, mode: ask}\n")
	got, err := replay.Run(t.Context(), s, engine(s, p), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	want := replay.Report{
		Findings: 12,
		Decisions: []replay.Kind{
			{Mode: asr.ModeAuto, Reason: asr.ReasonRule, Findings: 4, Runs: 3, Waiting: 4},
			{Mode: asr.ModeAsk, Reason: asr.ReasonRule, Findings: 4, Runs: 3},
			{Mode: asr.ModeOff, Reason: asr.ReasonNoRemediation, Findings: 4},
		},
		Controls: []replay.Group{{Name: "T.1", Auto: 4, Ask: 4}, {Name: "X.1", Off: 4}},
		Accounts: []replay.Group{{Name: "111111111111", Auto: 4, Off: 2}, {Name: "222222222222", Ask: 4, Off: 2}},
		Rules:    []replay.Group{{Name: "one", Auto: 4}, {Name: "rest", Ask: 4}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(replay.Kind{})); diff != "" {
		t.Error(diff)
	}
	if got, err = replay.Run(t.Context(), s, engine(s, p), noon.Add(-3*time.Hour)); err != nil || got.Findings != 4 {
		t.Errorf("since 09:00 there are %d, %v", got.Findings, err)
	}
}

func TestWhatARunTellsAgainstIsRemembered(t *testing.T) {
	t.Parallel()
	s := filled(t, 1)
	e := engine(s, enginetest.Always(asr.ModeAuto))
	f, err := s.Finding(t.Context(), "f000")
	if err != nil {
		t.Fatal(err)
	}
	j, err := e.Judge(t.Context(), f, false)
	if err != nil || j.Decision.Mode != asr.ModeAuto {
		t.Fatalf("got %+v, %v", j, err)
	}
	r := asr.Run{ID: "r-1", State: asr.StateFailed, Remediation: "test-switch", Claim: j.Claim, EndedAt: noon}
	if err := s.Commit(t.Context(), &asr.Batch{Run: &r}); err != nil {
		t.Fatal(err)
	}
	remembered, err := replay.Remember(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range []asr.Store{s, remembered} {
		got, err := replay.Run(t.Context(), store, engine(store, enginetest.Always(asr.ModeAuto)), time.Time{})
		if err != nil || len(got.Decisions) != 1 || got.Decisions[0].Reason != asr.ReasonFailedBefore {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

// some draws a policy's rules.
func some(t *rapid.T) string {
	var b strings.Builder
	for i := range rapid.IntRange(0, 4).Draw(t, "rules") {
		match := rapid.SampledFrom([]string{"accounts: [\"1*\"]", "controls: [T.1]", "severities: [HIGH, LOW]", "tags: {env: prod}", "resources: [\"*:r1\"]"}).Draw(t, "match")
		more := rapid.SampledFrom([]string{"", ", window: nights", ", need: 2", ", params: {days: 1}"}).Draw(t, "more")
		fmt.Fprintf(&b, "  - {name: r%d, match: {%s}, mode: %s%s}\n", i, match, rapid.SampledFrom([]string{"off", "observe", "ask", "auto"}).Draw(t, "mode"), more)
	}
	return b.String() + "  - {name: last, mode: observe}\n"
}

func TestTheSameFindingsMakeTheSameBytes(t *testing.T) {
	t.Parallel()
	s := filled(t, 60)
	rapid.Check(t, func(t *rapid.T) {
		p, q := parsed(t, some(t)), parsed(t, some(t))
		var all [2]string
		for i := range all {
			r, err := replay.Run(context.Background(), s, engine(s, p), time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			d, err := replay.Diff(context.Background(), s, engine(s, p), engine(s, q), time.Time{}, 2)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := json.Marshal([]any{r, d})
			all[i] = string(text)
		}
		if diff := cmp.Diff(all[0], all[1]); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestAPolicyDoesntDifferFromItself(t *testing.T) {
	t.Parallel()
	s := filled(t, 60)
	rapid.Check(t, func(t *rapid.T) {
		rules := some(t)
		renamed := strings.ReplaceAll(rules, "name: r", "name: other-r")
		d, err := replay.Diff(context.Background(), s, engine(s, parsed(t, rules)), engine(s, parsed(t, renamed)), time.Time{}, 2)
		if err != nil || d.Changed != 0 || len(d.Changes) != 0 || d.Findings != 60 {
			t.Fatalf("got %+v, %v", d, err)
		}
	})
}

func TestADifferenceCountsEachChangeAndWhatBecomesAutomaticFirst(t *testing.T) {
	t.Parallel()
	s := filled(t, 60)
	rapid.Check(t, func(t *rapid.T) {
		old, next := engine(s, parsed(t, some(t))), engine(s, parsed(t, some(t)))
		d, err := replay.Diff(context.Background(), s, old, next, time.Time{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		page, _, err := s.Findings(context.Background(), asr.FindingQuery{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		modes, automatic := 0, 0
		for _, f := range page {
			was, _ := old.Judge(context.Background(), f, false)
			will, _ := next.Judge(context.Background(), f, false)
			if was.Decision.Mode != will.Decision.Mode {
				modes++
				if will.Decision.Mode == asr.ModeAuto {
					automatic++
				}
			}
		}
		counted, moved := 0, 0
		for i, c := range d.Changes {
			counted += c.Findings
			if c.From.Mode != c.To.Mode {
				moved += c.Findings
			}
			if (c.Effect == replay.Automatic) != (c.To.Mode == asr.ModeAuto && c.From.Mode != asr.ModeAuto) || i > 0 && c.Effect == replay.Automatic && d.Changes[i-1].Effect != replay.Automatic {
				t.Fatalf("%d: %+v", i, c)
			}
		}
		if d.Automatic != automatic || moved != modes || counted != d.Changed {
			t.Fatalf("%d automatic, %d moved, %d counted; want %d, %d, %d", d.Automatic, moved, counted, automatic, modes, d.Changed)
		}
	})
}
