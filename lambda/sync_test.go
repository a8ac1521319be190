package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/lambda"
)

// pages is Security Hub with so many pages of one finding each.
type pages struct {
	w     *world
	n     int
	fail  int // the page that can't be had
	asked []string
	after func(page int)
}

func (p *pages) Pull(_ context.Context, cursor string, emit func([]asr.Observation, []asr.Rejected, string) error) error {
	p.asked = append(p.asked, cursor)
	from, _ := strconv.Atoi(cursor)
	for i := from; i < p.n; i++ {
		if i == p.fail-1 {
			return errors.New("ThrottlingException")
		}
		body, _ := json.Marshal(map[string]event{"detail": {Finding: fmt.Sprint("f-", i), Resource: fmt.Sprint("s-", i)}})
		obs, _ := decode("page", p.w.clock(), body)
		if err := emit(obs, nil, strconv.Itoa(i+1)); err != nil {
			return err
		}
		if p.after != nil {
			p.after(i)
		}
	}
	return nil
}

// covers: W23
func TestAPullGoesOnWhereTheTimeOrAnErrorStoppedIt(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	p := &pages{w: w, n: 5, fail: 4}
	w.config.Pull = p
	w.rebuild()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // not enough for a second page
	defer cancel()
	if out, err := w.handlers.Sync(ctx); err != nil || out.Done {
		t.Fatalf("%+v %v", out, err)
	}
	if out, err := w.handlers.Sync(t.Context()); err == nil || out.Done {
		t.Fatalf("%+v: page 4 can't be had", out)
	}
	p.fail = 0
	if out, err := w.handlers.Sync(t.Context()); err != nil || !out.Done {
		t.Fatalf("%+v %v", out, err)
	}
	if got, want := fmt.Sprint(p.asked), "[ 1 3]"; got != want {
		t.Errorf("it began at %s, want %s", got, want)
	}
	if len(w.sfn.names) != 5 {
		t.Errorf("executions %v: want one of each finding", w.sfn.names)
	}
}

// source is a policy in a bucket.
type source struct {
	text   string
	tag    string
	err    error
	asked  int
	parsed int
	parse  func(text string) (asr.Policy, error)
}

func (s *source) Fetch(_ context.Context, tag string) (asr.Policy, string, error) {
	s.asked++
	switch {
	case s.err != nil:
		return nil, "", s.err
	case s.text == "":
		return nil, "", nil
	case tag == s.tag:
		return nil, tag, nil
	}
	s.parsed++
	if s.text == "broken" {
		return nil, s.tag, &asr.Error{Code: asr.CodeBadInput, Message: "line 1"}
	}
	p, err := s.parse(s.text)
	return p, s.tag, err
}

// covers: W16, W18
func TestThePolicyIsLookedAtEveryMinute(t *testing.T) {
	now := time.Now()
	s := &source{parse: func(text string) (asr.Policy, error) { return enginetest.Always(text), nil }}
	p := &lambda.Policy{Source: s, Clock: func() time.Time { return now }}
	mode := func(wantErr bool) asr.Mode {
		t.Helper()
		if err := p.Refresh(t.Context()); (err != nil) != wantErr {
			t.Fatalf("refresh: %v", err)
		}
		d, _ := p.Decide(asr.Facts{})
		return d.Mode
	}
	if got := mode(false); got != asr.ModeOff {
		t.Errorf("without a policy: %s", got)
	}
	s.text, s.tag = "auto", "1"
	if got := mode(false); got != asr.ModeOff || s.asked != 1 {
		t.Errorf("within the minute: %s, asked %d times", got, s.asked)
	}
	now = now.Add(time.Minute)
	if got := mode(false); got != asr.ModeAuto {
		t.Errorf("after a minute: %s", got)
	}
	now = now.Add(time.Minute)
	if got := mode(false); got != asr.ModeAuto || s.parsed != 1 {
		t.Errorf("unchanged: %s, parsed %d times", got, s.parsed)
	}
	now, s.text, s.tag = now.Add(time.Minute), "broken", "2"
	mode(true)
	mode(true) // it is looked at until it is mended
	s.err = errors.New("AccessDenied")
	mode(true)
	if err := p.Refresh(t.Context()); asr.Classify(err) != asr.CodeUnavailable || asr.Advice(err) == "" {
		t.Errorf("what the source says: %v", err)
	}
	s.err, s.text, s.tag = nil, "ask", "3"
	if got := mode(false); got != asr.ModeAsk {
		t.Errorf("mended: %s", got)
	}
	now, s.text = now.Add(time.Minute), ""
	if got := mode(false); got != asr.ModeOff {
		t.Errorf("taken away: %s", got)
	}
}

// viewing is a policy that says what callers see.
type viewing struct {
	enginetest.Always
	view  asr.View
	units []string
}

func (v viewing) View(asr.Actor) (asr.View, []string) { return v.view, v.units }

// covers: A1, A5
func TestWhatACallerSeesIsLookedUpAndNeverGuessed(t *testing.T) {
	now := time.Now()
	s := &source{parse: func(text string) (asr.Policy, error) {
		if text == "silent" {
			return enginetest.Always(asr.ModeAsk), nil
		}
		return viewing{enginetest.Always(asr.ModeAsk), asr.View{text}, nil}, nil
	}}
	p := &lambda.Policy{Source: s, Clock: func() time.Time { return now }}
	for i, row := range []struct {
		text string
		err  error
		want string // what is seen, or "error"
	}{
		{"", nil, "[*]"}, {"111111111111", nil, "[111111111111]"}, {"broken", nil, "error"}, {"222222222222", nil, "[222222222222]"}, {"222222222222", errors.New("AccessDenied"), "error"}, {"silent", nil, "[]"},
	} {
		now, s.text, s.tag, s.err = now.Add(time.Minute), row.text, fmt.Sprint(i), row.err
		v, err := p.View(t.Context(), asr.Actor{})
		if got := fmt.Sprint(v); (err != nil) != (row.want == "error") || err == nil && got != row.want {
			t.Errorf("%q, %v: got %s, %v, want %s", row.text, row.err, got, err, row.want)
		}
	}
}

// shop is an organization with one unit.
type shop struct{ err error }

func (s shop) Below(_ context.Context, units []string) ([]string, error) {
	if !slices.Equal(units, []string{"Shop"}) {
		return nil, nil
	}
	return []string{"333333333333", "444444444444"}, s.err
}

// covers: A1, W18
func TestTheAccountsOfUnitsAreSeenAndNoneWhileNobodyCanTell(t *testing.T) {
	none := error(&asr.Error{Code: asr.CodeThrottled, Message: "Organizations is busy"})
	for name, row := range map[string]struct {
		of    lambda.Units
		units []string
		want  string
		err   string
	}{
		"known":           {shop{}, []string{"Shop"}, "[1* 333333333333 444444444444]", ""},
		"of no units":     {shop{none}, nil, "[1*]", ""},
		"an unknown unit": {shop{}, []string{"Shops"}, "[1*]", ""},
		"no answer":       {shop{none}, []string{"Shop"}, "[1*]", "Organizations is busy"},
		"it doesn't ask":  {nil, []string{"Shop"}, "[1*]", "the hub doesn't ask"},
	} {
		s := &source{text: "x", tag: "1", parse: func(string) (asr.Policy, error) {
			return viewing{enginetest.Always(asr.ModeAsk), asr.View{"1*"}, row.units}, nil
		}}
		v, err := (&lambda.Policy{Source: s, Units: row.of}).View(t.Context(), asr.Actor{})
		var unseen *asr.UnseenError
		if errors.As(err, &unseen) != (row.err != "") || fmt.Sprint(v) != row.want || err != nil && !strings.Contains(err.Error(), row.err) {
			t.Errorf("%s: %v, %v; want %s", name, v, err, row.want)
		}
	}
}

func TestMetricsAreLinesThatCloudWatchTakes(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	w.execute(w.finding("f-1", "s"), 0)
	runs := w.metrics("Runs")
	if len(runs) != 1 || runs[0]["Outcome"] != "verified" || runs[0]["Control"] != "T.1" || runs[0]["Runs"] != 1.0 {
		t.Fatalf("runs: %v", runs)
	}
	meta := runs[0]["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)[0].(map[string]any)
	if got := fmt.Sprint(meta["Namespace"], meta["Dimensions"], meta["Metrics"]); got != "ASR[[Outcome] [Control Outcome]] [map[Name:Runs Unit:Count]]" {
		t.Errorf("described as %s", got)
	}
	fixed := w.metrics("TimeToFix")
	if len(fixed) != 1 || fixed[0]["TimeToFix"].(float64) <= 0 || fixed[0]["TimeSaved"] != 30.0 {
		t.Errorf("time to fix: %v", fixed)
	}
}

// covers: O7
func TestEveryEndOfARunIsCountedAndFailuresByTheirReason(t *testing.T) {
	good := []asr.State{asr.StateVerified, asr.StateNothingToDo, asr.StateReverted}
	for _, state := range asr.States {
		if state.Open() {
			continue
		}
		w := newWorld(t, asr.ModeAuto)
		w.config.Metrics.Ended(asr.Run{State: state, Control: "T.1", Error: &asr.Failure{Code: asr.CodeDenied}})
		runs, failures, saved := w.metrics("Runs"), w.metrics("Failures"), w.metrics("TimeSaved")
		if len(runs) != 1 || runs[0]["Outcome"] != string(state) || (len(failures) == 1) == slices.Contains(good, state) || (len(saved) == 1) != (state == asr.StateVerified) {
			t.Errorf("%s: runs %v, failures %v, time saved %v", state, runs, failures, saved)
		}
	}
}
