package lambda_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/lambda"
	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
)

// seal signs with a digest: enough to see that something was signed.
type seal struct{}

func (seal) Sign(message []byte) string {
	sum := sha256.Sum256(message)
	return hex.EncodeToString(sum[:])
}
func (s seal) Verify(message []byte, signature string) bool { return s.Sign(message) == signature }

// forged is a store in which somebody has changed a record.
type forged struct{ asr.Store }

func (f forged) Records(ctx context.Context, subject string) ([]asr.Record, error) {
	all, err := f.Store.Records(ctx, subject)
	for i := range all {
		if all[i].Event == "wrote" {
			all[i].Actor.Name = "somebody else"
		}
	}
	return all, err
}

func TestTheAuditLogIsProvenSignedAndWhatWasFoundIsKept(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	w.config.Signer = seal{}
	w.rebuild()
	w.execute(w.finding("f-1", "s"), 0)
	got, err := w.handlers.Audit(t.Context())
	if err != nil || len(got.Report.Problems) > 0 || got.Report.Records == 0 || got.Report.Last == nil || got.Report.Last.Seq != 1 || got.Report.Unsigned != 0 {
		t.Fatalf("%+v %v", got, err)
	}
	text, err := w.store.Setting(t.Context(), lambda.AuditSetting)
	var kept lambda.Audited
	if err != nil || json.Unmarshal([]byte(text), &kept) != nil || kept.Report.Last.Signature != got.Report.Last.Signature || !kept.At.Equal(w.clock()) {
		t.Errorf("kept: %s %v", text, err)
	}
	w.config.Store = forged{w.store}
	w.rebuild()
	got, err = w.handlers.Audit(t.Context())
	if err != nil || len(got.Report.Problems) != 1 {
		t.Fatalf("a record was changed: %+v %v", got, err)
	}
	if all, err := w.store.Checkpoints(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("a log that was tampered with was signed: %d checkpoints, %v", len(all), err)
	}
	counted := w.metrics("AuditProblems")
	if len(counted) != 2 || counted[0]["AuditProblems"] != 0.0 || counted[1]["AuditProblems"] != 1.0 {
		t.Errorf("counted %v", counted)
	}
}

func TestWhatAFormerKeyEncryptedIsEncryptedAnewOnceForEachKey(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	w.config.Signer = seal{}
	primary, since, asked := "k1", time.Time{}, 0
	w.config.Keys = lambda.Keys{
		Primary: func() (string, time.Time) { return primary, since },
		Rewrap:  func(context.Context) (int, error) { asked++; return 0, nil },
	}
	w.rebuild()
	w.execute(w.finding("f-1", "s"), 0)
	for _, step := range []struct {
		name     string
		rotate   bool
		wait     time.Duration
		asked    int
		complete bool
	}{
		{name: "there was no rotation"},
		{name: "others may still write with the former key", rotate: true, wait: time.Minute, asked: 1},
		{name: "nobody does any more", wait: 2 * time.Hour, asked: 2, complete: true},
		{name: "nothing is left to do", wait: 24 * time.Hour, asked: 2, complete: true},
	} {
		if step.rotate {
			primary, since = "k2", w.clock()
		}
		w.jump(step.wait)
		got, err := w.handlers.Audit(t.Context())
		if err != nil || asked != step.asked || (got.Keys != nil && got.Keys.Complete) != step.complete {
			t.Errorf("%s: asked %d times, %+v %v", step.name, asked, got.Keys, err)
		}
	}
}

// stuck is a Security Hub that doesn't answer.
type stuck struct{ hub }

func (stuck) CreateActionTarget(ctx context.Context, _ *securityhub.CreateActionTargetInput, _ ...func(*securityhub.Options)) (*securityhub.CreateActionTargetOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// covers: O16
func TestTheStackIsAnsweredBeforeTheFunctionsTimeIsOver(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+100*time.Millisecond)
	defer cancel()
	if _, _, err := (&lambda.Setup{Actions: &stuck{}}).Handle(ctx, stack(cfn.RequestCreate)); err == nil || ctx.Err() != nil {
		t.Errorf("got %v, and the time is over: %v", err, ctx.Err())
	}
}
