package storetest

import (
	"fmt"
	"testing"
	"time"

	"example.com/asr"
)

func messageIDs(t *testing.T, s asr.Store, now time.Time, limit int) (ids []string) {
	t.Helper()
	due, err := s.Messages(t.Context(), "", now, limit)
	noError(t, err)
	for _, m := range due {
		ids = append(ids, m.ID)
	}
	return ids
}

var outbox = []clause{
	{"messages come when they are due, the longest due first", func(t *testing.T, s asr.Store) {
		commit(t, s, asr.Batch{Messages: []asr.Message{newMessage("m-2", at(2)), newMessage("m-3", at(3)), newMessage("m-1", at(1))}})
		sameOrder(t, "before", messageIDs(t, s, at(1).Add(-time.Microsecond), 10), nil)
		sameOrder(t, "some", messageIDs(t, s, at(2), 10), []string{"m-1", "m-2"})
		sameOrder(t, "all", messageIDs(t, s, at(9), 10), []string{"m-1", "m-2", "m-3"})
		sameOrder(t, "at most 1", messageIDs(t, s, at(9), 1), []string{"m-1"})
	}},
	{"a run's messages are those whose ids begin with it", func(t *testing.T, s asr.Store) {
		commit(t, s, asr.Batch{Messages: []asr.Message{newMessage("r-1/b", at(2)), newMessage("r-1/a/x", at(1)), newMessage("r-1/late", at(5)), newMessage("r-10/a", at(1)), newMessage("r-1", at(1)), newMessage("refused/r-1/a", at(1))}})
		due, err := s.Messages(t.Context(), "r-1", at(3), 10)
		noError(t, err)
		var ids []string
		for _, m := range due {
			ids = append(ids, m.ID)
		}
		sameOrder(t, "of the run", ids, []string{"r-1/a/x", "r-1/b"})
	}},
	{"a postponed message keeps what it is told", func(t *testing.T, s asr.Store) {
		m := newMessage("m-1", at(1))
		commit(t, s, asr.Batch{Messages: []asr.Message{m, newMessage("m-2", at(2))}})
		m.DueAt, m.Tries, m.Error = at(3), 2, "throttled <again>"
		noError(t, s.Postpone(t.Context(), m))
		sameOrder(t, "due", messageIDs(t, s, at(2), 10), []string{"m-2"})
		due, err := s.Messages(t.Context(), "", at(3), 10)
		noError(t, err)
		equal(t, "postponed", due[1], m)
	}},
	{"a delivered message is gone, and stays so", func(t *testing.T, s asr.Store) {
		m := newMessage("m-1", at(1))
		commit(t, s, asr.Batch{Messages: []asr.Message{m}})
		noError(t, s.Delivered(t.Context(), "m-1"))
		noError(t, s.Delivered(t.Context(), "m-1"))
		noError(t, s.Postpone(t.Context(), m))
		sameOrder(t, "due", messageIDs(t, s, at(9), 10), nil)
	}},
}

var settings = []clause{
	{"a setting is what was set last", func(t *testing.T, s asr.Store) {
		for _, want := range []string{"", "stop: <incident> é", "another", ""} {
			if want != "" {
				noError(t, s.SetSetting(t.Context(), asr.KillSwitch, want))
			}
			noError(t, s.SetSetting(t.Context(), "other", "x"))
			if want == "" {
				noError(t, s.SetSetting(t.Context(), asr.KillSwitch, ""))
			}
			if got, err := s.Setting(t.Context(), asr.KillSwitch); err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		}
		if got, err := s.Setting(t.Context(), "never set"); err != nil || got != "" {
			t.Errorf("never set: got %q, %v", got, err)
		}
	}},
	{"a run's calls come back in the order of their noting", func(t *testing.T, s asr.Store) {
		var want []asr.APICall
		for i := range 12 {
			c := asr.APICall{Run: "r-1", At: at(0), Account: "111111111111", Region: "eu-west-1", Action: fmt.Sprint("s3:Put", i), Write: i%2 == 0, Error: "AccessDenied", RequestID: "q", Took: 1234567 * time.Nanosecond}
			want = append(want, c)
			noError(t, s.AddCall(t.Context(), c))
			c.Run = "r-11"
			noError(t, s.AddCall(t.Context(), c))
		}
		got, err := s.Calls(t.Context(), "r-1")
		noError(t, err)
		equal(t, "calls", got, want)
		none, err := s.Calls(t.Context(), "r-2")
		noError(t, err)
		if len(none) > 0 {
			t.Errorf("calls of nobody: %v", none)
		}
	}},
}
