package simulation_test

import (
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/simulation"
)

// All begin in the same second and in the same Region, most in one account.
func TestAQuotaDelaysRunsAndLosesNone(t *testing.T) {
	t.Parallel()
	s := simulation.New(simulation.Config{Seed: 5, Quota: simulation.Quota{Rate: 2, Burst: 10}})
	_, err := s.Arrive(t.Context(), 60)
	must(t, err)
	begun, minutes := s.Now, 0
	for ; s.Open() > 0 || minutes == 0; minutes++ {
		must(t, s.Turn(t.Context(), time.Minute))
		if minutes > 60 {
			t.Fatalf("%d runs are open after an hour", s.Open())
		}
	}
	if s.Throttled == 0 || s.Ends[asr.StateVerified] != 60 || !s.Now.Equal(begun.Add(time.Duration(minutes)*time.Minute)) {
		t.Errorf("%d throttled, %v at %s", s.Throttled, s.Ends, s.Now)
	}
	nothingLeft(t, s)
}

func TestATurnTakesStepsWhenTheyAreDueAndNotWhenItEnds(t *testing.T) {
	t.Parallel()
	s := simulation.New(simulation.Config{Seed: 5, Settles: 10 * time.Second})
	_, err := s.Arrive(t.Context(), 10)
	must(t, err)
	begun := s.Now
	must(t, s.Turn(t.Context(), time.Hour))
	for _, r := range s.Seen {
		if r.State != asr.StateVerified || r.UpdatedAt.Sub(begun) > time.Minute {
			t.Errorf("%s: %s after %s", r.ID, r.State, r.UpdatedAt.Sub(begun))
		}
	}
}
