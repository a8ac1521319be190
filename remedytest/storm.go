package remedytest

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// inTrouble is the share of an account's calls that a storm strikes.
const inTrouble = 0.3

// storm strikes calls as they leave AWS's clients, before or after they take
// effect. The clients try once more, and the engine goes on from there.
type storm struct {
	mu           sync.Mutex
	seed         string
	seen         map[string]int // how often each operation came
	calls        int
	struck, late int
}

// strike is what strikes the next call of an operation: how it fails, nil if it
// doesn't, and whether it takes effect all the same.
func (s *storm) strike(operation string) (err error, late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.seen[operation]++
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, s.seed, operation, s.seen[operation]) // never fails
	r := rand.New(rand.NewPCG(h.Sum64(), 0))
	if r.Float64() >= inTrouble {
		return nil, false
	}
	s.struck++
	if r.IntN(2) == 0 {
		s.late++
		return []error{answered(http.StatusInternalServerError, "InternalFailure", smithy.FaultServer), reset, cutOff, silence}[r.IntN(4)], true
	}
	return []error{
		answered(http.StatusBadRequest, "ThrottlingException", smithy.FaultClient), answered(http.StatusServiceUnavailable, "ServiceUnavailable", smithy.FaultServer), reset, silence,
	}[r.IntN(4)], false
}

// How calls fail, as AWS's clients say it.
var (
	reset   error = &smithyhttp.RequestSendError{Err: &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}}
	silence error = &smithyhttp.RequestSendError{Err: &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}}
	cutOff  error = &smithy.DeserializationError{Err: io.ErrUnexpectedEOF}
)

func answered(status int, code string, fault smithy.ErrorFault) error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: http.Header{}}}, Err: &smithy.GenericAPIError{Code: code, Message: "the test's trouble", Fault: fault},
	}}
}

// stormy lets a storm strike a config's calls.
func (s *storm) stormy(cfg aws.Config) aws.Config {
	strike := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (out middleware.DeserializeOutput, meta middleware.Metadata, err error) {
		trouble, late := s.strike(awsmiddleware.GetServiceID(ctx) + " " + awsmiddleware.GetOperationName(ctx))
		if trouble != nil && !late {
			return out, meta, trouble
		}
		if out, meta, err = next.HandleDeserialize(ctx, in); err == nil && trouble != nil {
			out.Result, err = nil, trouble
		}
		return out, meta, err
	}
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(st *middleware.Stack) error {
		return st.Deserialize.Add(middleware.DeserializeMiddlewareFunc("storm", strike), middleware.Before)
	})
	cfg.RetryMaxAttempts = 2
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxBackoff, o.RateLimiter = time.Nanosecond, ratelimit.None // the engine's own waits are the clock's
		})
	}
	return cfg
}

// raise begins a storm, or ends it: nil.
func (a *Account) raise(s *storm) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.storm = s
}

// storm fixes and puts back once more while AWS is in trouble: both end as they
// do without it, and what is there afterwards is what was there before.
func (x *cycleRun[P, S]) storm(plan asr.Plan) {
	x.t.Helper()
	undoable := x.undoable(plan)
	if x.acct.assume != nil || !undoable && x.c.Seed == nil { // on the wire, package faults has it
		return
	}
	if x.c.Seed != nil {
		x.c.Seed()
	}
	x.view = x.c.View.See(x.t)
	fixed := x.inTrouble(undoable)
	if undoable {
		x.restored(plan)
		if len(fixed.Left) == 0 {
			x.unchanged("an undo in trouble")
		}
	}
}

// InTrouble fixes a case while AWS is in trouble: for what can neither be undone
// nor seeded again, which Lifecycle can't fix a second time. The case is another
// one than those that Lifecycle had.
func InTrouble[P, S any](t T, acct *Account, u remedy.Unit[P, S], c Case) {
	t.Helper()
	x := &cycleRun[P, S]{t: t, h: NewHarness(acct, u), acct: acct, unit: u, c: c}
	x.view = c.View.See(t)
	x.inTrouble(false)
	x.seen("a fix in trouble")
}

// inTrouble fixes, and undoes where asked to, while a storm is raised.
func (x *cycleRun[P, S]) inTrouble(undo bool) asr.Run {
	x.t.Helper()
	s := &storm{seed: x.unit.Spec.ID + x.c.Name, seen: map[string]int{}}
	x.acct.raise(s)
	defer x.acct.raise(nil)
	r := x.drive(x.request(false))
	if r.State != asr.StateVerified {
		x.t.Fatalf("%s: in trouble the run ended %s: %+v", x.c.Name, r.State, r.Error)
	}
	if again := x.drive(x.request(false)); again.State != asr.StateNothingToDo {
		x.t.Errorf("%s: in trouble a second run ended %s: %v %+v", x.c.Name, again.State, again.Plan, again.Error)
	}
	if undo {
		if r = x.revert(r); r.State != asr.StateReverted {
			x.t.Fatalf("%s: in trouble the undo ended %s: %+v %+v", x.c.Name, r.State, r.Error, r.Undo)
		}
	}
	if l, ok := x.t.(interface{ Logf(string, ...any) }); ok {
		l.Logf("%s %s: of %d calls in trouble %d were struck, %d after they took effect", x.unit.Spec.ID, x.c.Name, s.calls, s.struck, s.late)
	}
	return r
}
