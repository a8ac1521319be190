package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/simulation"
)

// backlog is a case: resources that are all there at once, a run for each.
type backlog struct {
	name      string
	resources int
	config    simulation.Config
	every     time.Duration // between two looks at the line; 0 is a minute, as in a hub
	looks     time.Duration // how often a person resumes what failures have stopped
	drawn     bool          // in the picture
}

// outcome is what became of a backlog.
type outcome struct {
	ends      []time.Duration            // of runs, in order
	waits     map[string][]time.Duration // from a run's claim to its begin, in order, by severity
	quietest  time.Duration              // the longest wait in the account with the fewest runs
	most      int                        // runs of the account that has the most
	failed    int
	throttled int // answers of AWS
	stops     int // controls, or all, that were resumed
}

var operator = asr.Actor{Kind: "person", Name: "arn:aws:iam::111111111111:user/ada", Verified: true}

// simulate lets a backlog pass.
func simulate(ctx context.Context, c backlog) (outcome, error) {
	var o outcome
	c.config.Seed = 1
	s, every := simulation.New(c.config), max(c.every, time.Minute)
	begun := s.Now
	if _, err := s.Arrive(ctx, c.resources); err != nil {
		return o, err
	}
	for looked := begun; len(s.Seen) == 0 || s.Open() > 0; {
		if err := s.Turn(ctx, every); err != nil {
			return o, err
		}
		if c.looks > 0 && s.Now.Sub(looked) >= c.looks {
			some, err := s.Resume(ctx, operator)
			if err != nil {
				return o, err
			}
			looked, o.stops = s.Now, o.stops+some
		}
		if s.Now.Sub(begun) > 60*24*time.Hour {
			return o, fmt.Errorf("%d runs are open after %s", s.Open(), s.Now.Sub(begun))
		}
	}
	if len(s.Broken) > 0 {
		return o, fmt.Errorf("limits were passed: %s", s.Broken[0])
	}
	o.failed, o.throttled = s.Ends[asr.StateFailed], s.Throttled
	o.look(s, begun)
	return o, nil
}

// look notes when runs began and ended.
func (o *outcome) look(s *simulation.Simulation, begun time.Time) {
	o.waits = map[string][]time.Duration{}
	longest, runs := map[string]time.Duration{}, map[string]int{}
	for id, r := range s.Seen {
		wait, account := s.Waits[id], r.Target.Account
		o.ends = append(o.ends, r.UpdatedAt.Sub(begun))
		o.waits[r.Facts.Severity] = append(o.waits[r.Facts.Severity], wait)
		longest[account] = max(longest[account], wait)
		runs[account]++
	}
	slices.Sort(o.ends)
	for _, w := range o.waits {
		slices.Sort(w)
	}
	quiet := ""
	for account, n := range runs {
		o.most = max(o.most, n)
		if quiet == "" || n < runs[quiet] || n == runs[quiet] && account < quiet {
			quiet = account
		}
	}
	o.quietest = longest[quiet]
}

// part is the time after which a share of them is over.
func part(times []time.Duration, share float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return times[max(0, int(share*float64(len(times))+0.5)-1)]
}
