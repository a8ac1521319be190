package simulation_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/simulation"
	"pgregory.net/rapid"
)

var ada = asr.Actor{Kind: "person", Name: "arn:aws:iam::111111111111:user/ada", Verified: true}

// A hundred thousand findings come in over hours, one account having most of
// them; five in a hundred writes fail.
func TestNoWindowIsEverOverItsBudgetOverAHundredThousandFindings(t *testing.T) {
	t.Parallel()
	s := simulation.New(simulation.Config{Seed: 7, Fails: 0.05, Settles: 4 * time.Minute, Limits: asr.Limits{
		InFlight: asr.Bounds{All: 120, Region: 40}, PerHour: asr.Bounds{All: 1500, Region: 600}, Daily: 0.6, Failures: asr.Failures{Number: 12, Share: 0.2, Within: time.Hour},
	}})
	begun, stops, findings := s.Now, 0, 0
	for n := 0; findings < 100_000 || s.Open() > 0; n++ {
		if findings < 100_000 {
			some, err := s.Arrive(t.Context(), 60)
			findings += some
			must(t, err)
		}
		must(t, s.Pass(t.Context(), 6*time.Minute))
		if n%10 == 0 {
			some, err := s.Resume(t.Context(), ada)
			stops += some
			must(t, err)
		}
		if len(s.Broken) > 0 || s.Now.Sub(begun) > 10*24*time.Hour {
			t.Fatalf("at %s, %d runs open: %q", s.Now, s.Open(), s.Broken)
		}
	}
	t.Logf("%d findings, %d runs, %s: %v; stopped and resumed %d times", findings, len(s.Seen), s.Now.Sub(begun), s.Ends, stops)
	if s.Ends[asr.StateFailed] == 0 || s.Ends[asr.StateVerified] < 15_000 || stops == 0 {
		t.Errorf("it went otherwise than it was meant to: %v, %d stops", s.Ends, stops)
	}
	nothingLeft(t, s)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// nothingLeft checks the ledgers and the line when all runs have ended.
func nothingLeft(t testing.TB, s *simulation.Simulation) {
	t.Helper()
	ledgers, err := s.AllLedgers(context.Background())
	must(t, err)
	for _, g := range ledgers {
		if len(g.InFlight) > 0 || g.Line != 0 {
			t.Errorf("%s: %d in flight and %d in the line are left", g.Scope, len(g.InFlight), g.Line)
		}
	}
	must(t, s.Line(context.Background(), func(w asr.Waiting) error { return errors.New(w.Run + " is left in the line") }))
}

func TestNoWindowIsOverItsBudgetWhateverTheLimitsAndTheTrouble(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := func(name string, most int) int { return rapid.IntRange(0, most).Draw(rt, name) }
		s := simulation.New(simulation.Config{
			Seed: rapid.Uint64().Draw(rt, "seed"), Fails: float64(n("fails", 5)) / 10, Settles: time.Duration(n("settles", 30)) * time.Minute,
			Limits: asr.Limits{
				InFlight: asr.Bounds{All: n("in flight", 8), Region: n("in flight in a Region", 4)},
				PerHour:  asr.Bounds{All: n("per hour", 30), Region: n("per hour in a Region", 10)},
				Daily:    float64(n("daily", 9)) / 10,
				Failures: asr.Failures{Number: n("failures", 5), Share: float64(n("share", 9)) / 10, Within: time.Hour},
				Retries:  asr.Retries{Most: n("retries", 3), After: time.Hour},
			},
		})
		begun, step := s.Now, time.Minute
		for minute := 0; minute < 20 || s.Open() > 0; minute++ {
			if minute < 20 {
				_, err := s.Arrive(t.Context(), n("arrive", 4))
				must(t, err)
				meddle(t, s, n("somebody", 20))
			} else {
				step = min(step*2, time.Hour)
			}
			must(t, s.Pass(t.Context(), step))
			_, err := s.Resume(t.Context(), ada)
			must(t, err)
			if s.Now.Sub(begun) > 60*24*time.Hour {
				rt.Fatalf("%d runs never end", s.Open())
			}
		}
		if len(s.Broken) > 0 {
			rt.Fatal(s.Broken)
		}
		nothingLeft(t, s)
	})
}

// meddle does what people do while runs wait: cancel one, or turn the kill
// switch on and off.
func meddle(t testing.TB, s *simulation.Simulation, what int) {
	t.Helper()
	switch what {
	case 0:
		for _, id := range slices.Sorted(maps.Keys(s.Seen)) {
			if s.Seen[id].Queued != nil {
				_, err := s.Engine.Cancel(t.Context(), id, ada, "not this one")
				must(t, err)
				return
			}
		}
	case 1:
		must(t, s.Engine.Kill(t.Context(), ada, "stop"))
		must(t, s.Pass(t.Context(), time.Minute))
		must(t, s.Engine.Kill(t.Context(), ada, ""))
	}
}

// The loud account has thousands of findings in the line, of all severities.
func TestAnAccountWithLittleIsNotKeptWaitingByOneWithMuch(t *testing.T) {
	t.Parallel()
	s := simulation.New(simulation.Config{Seed: 3, Limits: asr.Limits{PerHour: asr.Bounds{All: 60}}})
	_, err := s.Arrive(t.Context(), 1500)
	must(t, err)
	for range 3 * 60 {
		must(t, s.Pass(t.Context(), time.Minute))
	}
	served, severe := map[string]int{}, map[string]int{}
	for id := range s.Waits {
		served[s.Seen[id].Target.Account]++
		severe[s.Seen[id].Facts.Severity]++
	}
	accounts := map[string]bool{}
	for _, r := range s.Seen {
		accounts[r.Target.Account] = true
	}
	if len(served) != len(accounts) {
		t.Errorf("within three hours and %d turns, %d of %d accounts were served: %v", len(s.Waits), len(served), len(accounts), served)
	}
	if severe["CRITICAL"] <= severe["LOW"]+severe["MEDIUM"] {
		t.Errorf("what is severe doesn't come first: %v", severe)
	}
	t.Logf("%d turns: %v, %v", len(s.Waits), severe, served)
}
