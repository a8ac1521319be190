package ec2

import (
	"context"
	"errors"
	"slices"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
)

// tap returns a config that shows each call to look: before it is made (out is
// nil), and after. What look changes is changed; an error of it is the call's.
func tap(cfg aws.Config, look func(in, out any) error) aws.Config {
	cfg = cfg.Copy()
	tap := func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		if err := look(in.Parameters, nil); err != nil {
			return middleware.InitializeOutput{}, middleware.Metadata{}, err
		}
		out, meta, err := next.HandleInitialize(ctx, in)
		if err != nil {
			return out, meta, err
		}
		return out, meta, errors.Join(err, look(in.Parameters, out.Result))
	}
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(st *middleware.Stack) error {
		return st.Initialize.Add(middleware.InitializeMiddlewareFunc("tap", tap), middleware.Before)
	})
	return cfg
}

// ended runs a unit on a resource and returns how the run ended.
func ended[P, S any](t *testing.T, acct *remedytest.Account, u remedy.Unit[P, S], control, resource string) asr.Run {
	t.Helper()
	return remedytest.End(t, acct, u, remedytest.Case{Control: control, Resource: resource})
}
