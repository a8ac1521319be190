package main

import (
	"strings"
	"testing"

	"example.com/asr"
)

func TestAProblemIsAnsweredAtTheHub(t *testing.T) {
	d := newRemote(t)
	for _, name := range []string{"one-switch", "two-switch", "three-switch"} {
		if code, _, errs := d.asr("remediate", "--yes", "--control", "T.1", "--resource", "arn:aws:test:eu-west-1:111111111111:"+name); code != exitDone {
			t.Fatalf("%d %s", code, errs)
		}
	}
	if code, out, _ := d.asr("approve", "--control", "T.1"); code != exitUsage || !strings.Contains(out, "3 runs ask") || !strings.Contains(out, "Change 1 of 1") {
		t.Errorf("without --yes on no terminal: %d %s", code, out)
	}
	if code, out, errs := d.asr("approve", "--control", "T.1", "--show", "--account", "222222222222"); code != exitDone || !strings.Contains(out, "0 runs ask") {
		t.Errorf("in another account: %d %s %s", code, out, errs)
	}
	if code, out, errs := d.asr("approve", "--control", "T.1", "--yes", "--why", "change 12"); code != exitDone || !strings.Contains(out, "3 runs are answered") {
		t.Errorf("approve: %d %s %s", code, out, errs)
	}
	all, _, err := d.store.Runs(t.Context(), asr.RunQuery{States: []asr.State{asr.StateVerified}})
	if err != nil || len(all) != 3 || all[0].Approval.Note != "change 12" || all[0].Approval.Batch == "" || all[0].Approval.Batch != all[2].Approval.Batch {
		t.Errorf("%+v, %v", all, err)
	}
	if code, out, _ := d.asr("reject", "--control", "T.1", "--yes"); code != exitDone || !strings.Contains(out, "0 runs ask") {
		t.Errorf("reject where nothing asks: %d %s", code, out)
	}
}
