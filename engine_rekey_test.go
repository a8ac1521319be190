package asr_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/vault"
	"github.com/google/go-cmp/cmp"
)

// keyed is a world whose vault has a key file, and one resource whose password
// the fix takes away.
func keyed(t *testing.T, p asr.Policy) (*world, *cloud, *vault.Vault) {
	t.Helper()
	v, err := vault.Open(filepath.Join(t.TempDir(), "asr.key"), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	w, c := one(t, p)
	c.put("r"+account, "tls", map[string]any{"$secret": "hunter2"})
	u := c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`})
	w.engine = asr.New(asr.Config{Store: w.store, Remediations: []asr.Remediation{u}, Matcher: w, Policy: p, Vault: v, Clock: w.clock, NewID: w.newID})
	return w, c, v
}

func rotated(t *testing.T, v *vault.Vault) {
	t.Helper()
	if _, err := v.Rotate(); err != nil {
		t.Fatal(err)
	}
}

// rekeyed seals anew, and checks that nothing of the run is left of a former key.
func (w *world) rekeyed(v *vault.Vault, id string) asr.Run {
	w.t.Helper()
	done, err := w.engine.Rekey(w.t.Context())
	if err != nil || done != (asr.Rekeyed{Runs: 1}) {
		w.t.Fatalf("%+v %v", done, err)
	}
	if done, err := w.engine.Rekey(w.t.Context()); err != nil || done != (asr.Rekeyed{}) {
		w.t.Fatalf("the second time: %+v %v", done, err)
	}
	r := w.run(id)
	doc, _ := json.Marshal(r)
	seals := strings.Split(string(doc), `"$secret":"`)[1:]
	for _, s := range seals {
		if s, _, _ = strings.Cut(s, `"`); !v.Current(s) {
			w.t.Errorf("%s is of a former key", s)
		}
	}
	if len(seals) == 0 {
		w.t.Error("the run holds no secret")
	}
	return r
}

var ask = fixed{asr.Decision{Mode: asr.ModeAsk, Reason: asr.ReasonRule, Rule: "all", Why: "rule all"}, false}

func TestAnApprovedPlanIsCarriedOutAfterTheKeyWasChanged(t *testing.T) {
	for _, rekey := range []bool{false, true} {
		w, c, v := keyed(t, ask)
		id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
		r := w.drive(id)
		rotated(t, v)
		if _, err := w.engine.Approve(t.Context(), id, r.Plan.Hash, ada, ""); err != nil {
			t.Fatal(err)
		}
		if rekey {
			again := w.rekeyed(v, id)
			if again.Plan.Hash == r.Plan.Hash || again.Approvals[0].Hash != again.Plan.Hash {
				t.Errorf("plan %s, approved %s; it was %s", again.Plan.Hash, again.Approvals[0].Hash, r.Plan.Hash)
			}
		}
		r = w.drive(id)
		w.expect(r, asr.StateVerified)
		if c.get("r" + account)["tls"] != "on" || r.Replans > 0 {
			t.Errorf("rekeyed %v: %v, planned anew %d times", rekey, c.get("r"+account), r.Replans)
		}
	}
}

func TestAFixIsPutBackAfterTheKeyWasChanged(t *testing.T) {
	for _, rekey := range []bool{false, true} {
		w, c, v := keyed(t, auto)
		id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
		w.expect(w.drive(id), asr.StateVerified)
		rotated(t, v)
		if rekey {
			w.rekeyed(v, id)
		}
		if _, err := w.engine.Revert(t.Context(), id, ada, false); err != nil {
			t.Fatal(err)
		}
		w.expect(w.drive(id), asr.StateReverted)
		if got := c.get("r" + account)["tls"]; !cmp.Equal(got, map[string]any{"$secret": "hunter2"}) {
			t.Errorf("rekeyed %v: put back %v", rekey, got)
		}
	}
}

// A repeated call must have the token that it had at first.
func TestARunThatIsUnderWayKeepsItsSeals(t *testing.T) {
	w, c, v := keyed(t, auto)
	c.fail = func(op string, _ asr.On) error {
		if op == "write" {
			return &asr.Error{Code: asr.CodeThrottled, Message: "slow down"}
		}
		return nil
	}
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	for w.run(id).Intent == nil {
		if _, err := w.engine.Step(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	token := w.run(id).Intent.Token
	rotated(t, v)
	if done, err := w.engine.Rekey(t.Context()); err != nil || done != (asr.Rekeyed{Waiting: 1}) {
		t.Fatalf("%+v %v", done, err)
	}
	w.jump(time.Hour)
	if _, err := w.engine.Step(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if again := w.run(id).Intent.Token; again != token {
		t.Errorf("the token was %s and is %s", token, again)
	}
	c.fail = nil
	w.expect(w.drive(id), asr.StateVerified)
	w.rekeyed(v, id)
}

func TestTheChainSaysWhichHashBecameWhich(t *testing.T) {
	w, _, v := keyed(t, ask)
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	was := w.drive(id).Plan.Hash
	rotated(t, v)
	r := w.rekeyed(v, id)
	records, err := w.store.Records(t.Context(), id)
	last := records[len(records)-1]
	var said map[string]string
	if err != nil || last.Event != "rekeyed" || json.Unmarshal(last.Detail, &said) != nil || said["was"] != was || said["hash"] != r.Plan.Hash {
		t.Errorf("got %+v %v", last, err)
	}
}
