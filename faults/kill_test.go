package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/sandbox"
)

// soon is how long after the kill switch was turned the last write may begin.
const soon = time.Second

// late is how many runs begin after it was turned.
const late = 3

// drill turns the kill switch while runs are writing, has more come in, and tells
// when the last write began after that, and how many runs it holds.
func drill(t *testing.T, s *sandbox.Sandbox, kill func(reason string) error, more func(), runs func() []asr.Run) {
	t.Helper()
	await(t, "some runs to write", func() bool { return len(written(s)) >= 4 })
	turned := time.Now()
	if err := kill("drill"); err != nil {
		t.Fatal(err)
	}
	more()
	held := 0
	await(t, "the switch to hold the others", func() bool {
		held = 0
		return !slices.ContainsFunc(runs(), func(r asr.Run) bool {
			waits := r.Error != nil && r.Error.Code == asr.CodeKilled
			if waits {
				held++
			}
			return r.State.Open() && !waits && r.State != asr.StateSettling // what has written is looked at
		})
	})
	time.Sleep(2 * soon) // who waits asks again and again
	calls := written(s)
	last := calls[len(calls)-1].Sub(turned)
	t.Logf("%d writes before the switch was turned and %d after it, the last %s after; %d runs held", len(calls)-after(calls, turned), after(calls, turned), max(last, 0).Round(time.Millisecond), held)
	if last > soon || held < late {
		t.Errorf("a write began %s after the switch was turned; %d runs were held", last, held)
	}
	if err := kill(""); err != nil {
		t.Fatal(err)
	}
}

// written is when the product's writes came in, in order.
func written(s *sandbox.Sandbox) (all []time.Time) {
	for _, c := range s.Calls() {
		if !c.Principal.Root && strings.HasPrefix(c.Operation, "Put") && c.Service == "logs" {
			all = append(all, c.At)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

func after(all []time.Time, turned time.Time) (n int) {
	for _, at := range all {
		if at.After(turned) {
			n++
		}
	}
	return n
}

func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestASecondAfterTheKillSwitchIsTurnedNoWriteBegins(t *testing.T) {
	w := small(t)
	const groups = 60
	var all []string
	for i := range groups {
		all = append(all, w.group(t, fmt.Sprintf("/kill-%02d", i)))
	}
	request := func(arns []string) {
		for _, arn := range arns {
			if _, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: "CloudWatch.16", Account: member, Region: region, Resource: asr.Resource{ID: arn, Region: region}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	request(all[late:])
	w.s.Reset()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.pool.Serve(ctx) }()
	kill := func(reason string) error { return w.engine.Kill(t.Context(), ada, reason) }
	drill(t, w.s, kill, func() { request(all[:late]) }, func() []asr.Run { return w.runs(t) })
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.serve(t)
	w.ended(t)
	if n := len(written(w.s)); n != groups {
		t.Errorf("%d writes for %d groups", n, groups)
	}
}

func TestDeployedASecondAfterTheKillSwitchIsTurnedNoWriteBegins(t *testing.T) {
	t.Parallel()
	const groups = 12
	f := newFunctions(t)
	var all []string
	for i := range groups {
		all = append(all, f.group(t, fmt.Sprintf("/kill-%02d", i)))
	}
	f.s.Reset()
	f.fix("CloudWatch.16", all[late:]...)
	e, _ := f.parts()
	kill := func(reason string) error { return e.Kill(t.Context(), ada, reason) }
	drill(t, f.s, kill, func() { f.fix("CloudWatch.16", all[:late]...) }, f.runs)
	f.serve(allEnded)
	f.wg.Wait()
	f.whole(groups, asr.StateVerified, asr.OutcomeFixed)
	if n := len(written(f.s)); n != groups {
		t.Errorf("%d writes for %d groups", n, groups)
	}
}
