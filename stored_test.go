package asr_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/asr"
)

// kept are what stores keep, each with what asr does with one that it read.
var kept = map[string]func(doc []byte) (v any, err error){
	"run": func(doc []byte) (any, error) {
		var r asr.Run
		err := asr.Restore("run", "x", doc, &r)
		r.Due()
		r.Undoable()
		r.Held(time.Unix(0, 0))
		r.Lacks()
		if r.Plan != nil {
			for _, c := range r.Plan.Changes {
				_, _, _ = c.Field(), c.Was(), c.Reverse().Becomes()
			}
		}
		return r, err
	},
	"finding": func(doc []byte) (any, error) {
		var f asr.Finding
		err := asr.Restore("finding", "x", doc, &f)
		f.Resource()
		f.Failing()
		f.Echo()
		asr.ManagedBy(f.Resource().Tags)
		again := f
		again.Observe(asr.Observation{ID: f.ID, Provider: f.Provider, Workflow: f.Workflow})
		return f, err
	},
	"message":    restore[asr.Message]("message"),
	"rejected":   restore[asr.Rejected]("rejected"),
	"checkpoint": restore[asr.Checkpoint]("checkpoint"),
	"call":       restore[asr.APICall]("call"),
	"record": func(doc []byte) (any, error) {
		var r asr.Record
		err := asr.Restore("record", "x", doc, &r)
		asr.Chain{Seq: r.Seq - 1, Hash: r.Prev}.Follows(r)
		return r, err
	},
}

func restore[T any](kind string) func([]byte) (any, error) {
	return func(doc []byte) (any, error) {
		var v T
		err := asr.Restore(kind, "x", doc, &v)
		return v, err
	}
}

func FuzzRestore(f *testing.F) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var chain asr.Chain
	for _, v := range []any{
		asr.Run{ID: "x", State: asr.StateAwaiting, Params: []byte(`{}`), Plan: &asr.Plan{Params: []byte(`{"a":1}`), Changes: []asr.Change{{Path: []string{"a b", asr.Element}, From: []byte(`{"$secret":"asr1:x"}`)}}}, Approval: &asr.Approval{}, CreatedAt: at},
		asr.Finding{ID: "x", Provider: asr.Provider{Resources: []asr.Resource{{ID: "r", Tags: map[string]string{"managed-by": "terraform"}}}, Parameters: map[string]json.RawMessage{"p": []byte(`[1]`)}}, SeenAt: at},
		asr.Message{ID: "x", DueAt: at}, asr.Rejected{ID: "x", At: at, Body: "\xff"}, asr.Checkpoint{Seq: 1, At: at}, asr.APICall{Run: "x", At: at, Took: 1},
		chain.Append(asr.Record{Subject: "x", At: at, Detail: []byte(`{"a":[1e400]}`)}),
	} {
		doc, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc)
		f.Add(doc[:len(doc)/2])
	}
	for _, doc := range []string{`null`, ` null `, `{}`, `[]`, `{"id":"y"}`, `{"id":"x"}{"id":"x"}`, `{"id":"x","resources":[null]}`, `{"id":"x","plan":{"changes":[{"path":null,"from":"` + strings.Repeat("[", 20000) + `"}]}}`, `{"at":"then"}`} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		for kind, read := range kept {
			v, err := read(doc)
			if err != nil {
				var e *asr.Error
				if !errors.As(err, &e) || !errors.Is(err, asr.ErrCorrupt) || e.Code != asr.CodeInternal || e.Do == "" || !strings.Contains(err.Error(), kind+" x ") {
					t.Fatalf("%s: error %q (%s)", kind, err, asr.Advice(err))
				}
				continue
			}
			again, err := json.Marshal(v)
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			w, err := read(again)
			if err != nil {
				t.Fatalf("%s: what was stored again can't be read: %v", kind, err)
			}
			if twice, err := json.Marshal(w); err != nil || string(twice) != string(again) {
				t.Fatalf("%s: %s became %s", kind, again, twice)
			}
		}
	})
}
