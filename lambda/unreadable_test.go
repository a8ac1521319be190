package lambda_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/lambda"
	"example.com/asr/workflow"
)

// torn is a store of which a run can't be read any more.
type torn struct {
	asr.Store
	run string
}

func (s torn) Run(ctx context.Context, id string) (asr.Run, error) {
	if id == s.run {
		return asr.Run{}, asr.Corrupt("run", id, errors.New("a byte is another"))
	}
	return s.Store.Run(ctx, id)
}

func TestARunThatCantBeReadKeepsTheSweepFromNoOther(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	w.sfn.fail = errors.New("Step Functions is down")
	var ids []string
	for _, name := range []string{"a", "b", "c"} {
		w.ingest(w.message("m-"+name, "aws.securityhub", event{Finding: "f-" + name, Resource: name}))
		f, err := w.store.Finding(t.Context(), "f-"+name)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, f.Run)
		w.jump(time.Second)
	}
	w.sfn.fail = nil
	store := torn{w.store, ids[0]} // the one that is due longest
	w.config.Store, w.config.Starter = store, &workflow.Starter{Executions: w.sfn, Machine: "arn:machine", Engine: w.engine, Store: store, Clock: w.clock}
	w.handlers = lambda.New(w.config)
	w.jump(5 * time.Minute)
	if again := w.ingest(w.message("m-sweep", "asr.schedule", nil)); again == "" {
		t.Error("nobody hears of the run that can't be read")
	}
	if len(w.sfn.running) != 2 {
		t.Errorf("started %v, want the other two", w.sfn.names)
	}
}
