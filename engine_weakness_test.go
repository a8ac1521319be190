package asr_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"example.com/asr"
)

// covers: W21
func TestARunSaysWhoWantedItAndWhenItEnded(t *testing.T) {
	w, _ := one(t, auto)
	byPolicy := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	byAda := w.revert(byPolicy.ID, false)
	if byPolicy.Actor.Kind != "policy" || !byPolicy.EndedAt.After(byPolicy.CreatedAt) {
		t.Errorf("the fix was wanted by %+v and lasted from %s to %s", byPolicy.Actor, byPolicy.CreatedAt, byPolicy.EndedAt)
	}
	if byAda.Undo.By != ada || !byAda.EndedAt.After(byPolicy.EndedAt) {
		t.Errorf("the undo was wanted by %+v and ended at %s", byAda.Undo.By, byAda.EndedAt)
	}
}

// covers: O9
func TestWhatAFindingSaysIsNotLogged(t *testing.T) {
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
	unit := c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`})
	w := newWorld(t, auto, unit)
	var log bytes.Buffer
	w.engine = asr.New(asr.Config{Store: w.store, Remediations: []asr.Remediation{unit}, Matcher: w, Policy: auto, Vault: mirror{}, Clock: w.clock, NewID: w.newID, Log: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	w.drive(w.ingest(w.finding("f1", "T.1", "r", func(o *asr.Observation) {
		o.Title, o.Note.Text, o.UserFields = "canary title", "canary note", map[string]string{"canary": "field"}
		o.Parameters = map[string]json.RawMessage{"canary": json.RawMessage(`"parameter"`)}
		o.Resources[0].Tags = map[string]string{"owner": "canary tag"}
	})).Runs[0])
	if !strings.Contains(log.String(), `"run":"r-1"`) || strings.Contains(log.String(), "canary") {
		t.Errorf("the log says\n%s", log.String())
	}
}
