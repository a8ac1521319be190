package asr_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/asr"
)

// batches tells of several reports at once, and can't of those on a finding.
type batches struct {
	refuse  string
	batches []int
	sent    []string
}

func (to *batches) Report(ctx context.Context, r asr.Report) error {
	return to.ReportAll(ctx, []asr.Report{r})[0]
}

func (to *batches) ReportAll(_ context.Context, reports []asr.Report) []error {
	to.batches = append(to.batches, len(reports))
	errs := make([]error, len(reports))
	for i, r := range reports {
		if errs[i] = (&asr.Error{Code: asr.CodeThrottled}); r.Finding != to.refuse {
			errs[i] = nil
			to.sent = append(to.sent, r.Finding)
		}
	}
	return errs
}

func TestReportsGoOutTogetherAndOneThatFailsCostsNoOther(t *testing.T) {
	w, c := one(t, auto)
	var want []string
	for i := range 90 {
		id := fmt.Sprintf("f%02d", i)
		c.docs["r"+id+account] = map[string]any{"name": id}
		w.drive(w.ingest(w.finding(id, "T.1", "r"+id)).Runs[0])
		if id != "f07" {
			want = append(want, id)
		}
	}
	to := &batches{refuse: "f07"}
	if n, err := w.engine.Deliver(t.Context(), to, asr.Pending{}); err != nil || n != 89 {
		t.Fatalf("sent %d, %v, want 89", n, err)
	}
	if !slices.Equal(to.sent, want) || !slices.Equal(to.batches, []int{40, 40, 10}) {
		t.Errorf("sent %v in batches of %v", to.sent, to.batches)
	}
	to.refuse, to.sent = "", nil
	w.jump(time.Hour)
	if n, err := w.engine.Deliver(t.Context(), to, asr.Pending{}); err != nil || n != 1 || !slices.Equal(to.sent, []string{"f07"}) {
		t.Errorf("sent %v, %v, want f07 alone", to.sent, err)
	}
}

func TestEachChannelGetsItsOwnReports(t *testing.T) {
	hub, people := &batches{refuse: "b"}, &flaky{fail: 1}
	all := asr.Reporters{asr.ChannelSecurityHub: hub, asr.ChannelOutcome: people}
	errs := all.ReportAll(t.Context(), []asr.Report{
		{Finding: "a"}, {Channel: asr.ChannelOutcome, Run: "r1"}, {Finding: "b"}, {Channel: asr.ChannelRequester}, {Channel: asr.ChannelOutcome, Run: "r2"}, {Finding: "c"},
	})
	for i, failed := range []bool{false, true, true, false, false, false} {
		if (errs[i] != nil) != failed {
			t.Errorf("report %d: %v", i, errs[i])
		}
	}
	if !slices.Equal(hub.sent, []string{"a", "c"}) || !slices.Equal(hub.batches, []int{3}) || len(people.sent) != 1 || people.sent[0].Run != "r2" {
		t.Errorf("the hub is told of %v in %v, people of %v", hub.sent, hub.batches, people.sent)
	}
}
