package sessions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// guard stands between a session's clients and AWS. It knows actions, not
// resources: those are for AWS to check against the session's policy.
type guard struct {
	s      *Sessions
	rs     remedy.Session
	piece  *piece // whose credentials sign
	direct bool   // no: the hub's own do
}

func (g guard) install(stack *middleware.Stack) error {
	if err := stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("asr:Discreet", quiet), middleware.Before); err != nil {
		return err
	}
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("asr:Guard", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		action := Action(awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx))
		if err := g.permit(ctx, action); err != nil {
			return middleware.InitializeOutput{}, middleware.Metadata{}, err
		}
		if _, presigns := stack.Finalize.Get("PresignHTTPRequest"); presigns {
			return next.HandleInitialize(ctx, in) // nothing leaves: a part of the call that it is made for
		}
		start := g.s.cfg.Clock()
		out, meta, err := next.HandleInitialize(ctx, in)
		g.s.journal.note(ctx, g.call(action, start, meta, err))
		return out, meta, g.judge(discreet(in.Parameters, err))
	}), middleware.After)
}

// permit refuses a call before it leaves.
func (g guard) permit(ctx context.Context, action string) error {
	if action != "" && !reads(action) && !g.rs.Write {
		return &asr.Error{Code: asr.CodeDenied, Message: action + " writes, and this session only reads, so it was not called", Do: "report this: planning and verifying must not write"}
	}
	if !allows(g.rs.Grants, action) {
		return undeclared(action)
	}
	if !reads(action) {
		if err := killed(ctx, g.s.cfg.Settings); err != nil {
			return err
		}
	}
	return g.s.journal.settle(ctx)
}

// killed asks the kill switch, for every write anew. A switch that can't be
// read is on.
func killed(ctx context.Context, settings asr.Settings) error {
	if settings == nil {
		return &asr.Error{Code: asr.CodeKilled, Message: "there is no kill switch to ask, so nothing may be written", Do: "run asr with its store"}
	}
	reason, err := settings.Setting(ctx, asr.KillSwitch)
	switch {
	case err != nil:
		return &asr.Error{Code: asr.CodeKilled, Message: "the kill switch can't be read, so nothing may be written", Do: "see that asr's store can be reached; the step is tried again by itself", Err: err}
	case reason != "":
		return &asr.Error{Code: asr.CodeKilled, Message: "the kill switch is on: " + reason, Do: "turn it off when the reason is gone; the step goes on by itself"}
	}
	return nil
}

func (g guard) call(action string, start time.Time, meta middleware.Metadata, err error) asr.APICall {
	return asr.APICall{
		Run: g.rs.Call.Run, At: start, Account: g.rs.Target.Account, Region: g.rs.Target.Region,
		Action: action, Write: !reads(action), Look: g.rs.Call.Look,
		RequestID: requestID(meta, err), Error: failed(err), Took: g.s.cfg.Clock().Sub(start),
	}
}

// requestID is what AWS calls a call, for its support.
func requestID(meta middleware.Metadata, err error) string {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.ServiceRequestID() != "" {
		return answer.ServiceRequestID()
	}
	id, _ := awsmiddleware.GetRequestIDMetadata(meta)
	return id
}

// failed is the code of a call's error as the journal has it.
func failed(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &api):
		return api.ErrorCode()
	case errors.Is(err, context.Canceled):
		return "cancelled" // like the codes below, not one of AWS's: there was no answer
	}
	return string(asr.Classify(remedy.Judge(err)))
}

// judge knows what remedy.Judge can't. Credentials that STS gave just now are
// invalid only in a Region that the account has switched off. Those that have
// expired by AWS's clock, though not by ours, are got anew by the next try.
func (g guard) judge(err error) error {
	var api smithy.APIError
	switch {
	case !errors.As(err, &api):
		return err
	case remedy.Is(err, "ExpiredToken", "ExpiredTokenException", "RequestExpired") && g.direct:
		return g.s.hubError(err)
	case remedy.Is(err, "ExpiredToken", "ExpiredTokenException", "RequestExpired"):
		g.piece.forget()
		return &asr.Error{Code: asr.CodeUnavailable, Message: "the session in account " + g.rs.Target.Account + " has expired", Do: "wait; the step is tried again by itself, in a new session; see that this machine's clock is right", Err: err}
	}
	off := remedy.Is(err, "UnrecognizedClientException", "InvalidClientTokenId", "InvalidToken", "InvalidAccessKeyId") || // the last two are S3's
		remedy.Is(err, "AuthFailure") && strings.Contains(api.ErrorMessage(), "validate the provided access credentials")
	if !off {
		return err
	}
	t := g.rs.Target
	return &asr.Error{Code: asr.CodeRegionOff, Message: fmt.Sprintf("%s takes no credentials of account %s", t.Region, t.Account), Do: regionDo(t.Account, t.Region), Err: err}
}
