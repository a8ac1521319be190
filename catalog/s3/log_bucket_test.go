package s3

import (
	"context"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
)

// What we make must not become the next finding: it is private (S3.2, S3.3,
// S3.8), asks for TLS (S3.5), gives other accounts nothing (S3.6), and has no
// ACL (S3.12). It isn't logged itself (S3.9): the test below has that refused.
func TestTheLogBucketPassesTheOtherControls(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api, logs := s3.NewFromConfig(acct.Config), "asr-access-logs-"+acct.ID+"-eu-west-1"
	if r := remedytest.End(t, acct, AccessLogging, remedytest.Case{Control: "S3.9", Resource: newBucket(t, acct, "data")}); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	arn := acct.Expand(bucket, logs)
	for control, r := range map[string]asr.Run{
		"S3.2": remedytest.End(t, acct, BlockPublicAccess, remedytest.Case{Control: "S3.2", Resource: arn}), "S3.4": remedytest.End(t, acct, DefaultEncryption, remedytest.Case{Control: "S3.4", Resource: arn}),
		"S3.5": remedytest.End(t, acct, TLSOnly, remedytest.Case{Control: "S3.5", Resource: arn}), "S3.6": remedytest.End(t, acct, RestrictOtherAccounts, remedytest.Case{Control: "S3.6", Resource: arn}),
	} {
		if r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run on the log bucket ended %s: %+v %+v", control, r.State, r.Plan, r.Error)
		}
	}
	acl, err := api.GetBucketAcl(t.Context(), &s3.GetBucketAclInput{Bucket: &logs})
	for _, g := range remedytest.Must(t, acl, err).Grants {
		if aws.ToString(g.Grantee.ID) != aws.ToString(acl.Owner.ID) {
			t.Errorf("the log bucket's ACL has %+v", g.Grantee)
		}
	}
	r := remedytest.End(t, acct, AccessLogging, remedytest.Case{Control: "S3.9", Resource: arn})
	if r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Do, "suppress") {
		t.Errorf("logging the log bucket ended %s: %+v", r.State, r.Error)
	}
}

// A bucket of the owner's may have a public policy, which S3 lets nobody add to
// once the bucket is closed.
func TestALogBucketWithAPublicPolicyIsExplained(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	logs := newBucket(t, acct, "logs")
	putPolicy(t, acct, logs, policyWith(statement(`"Principal":"*","Action":"s3:GetObject"`)))
	r := remedytest.End(t, acct, AccessLogging, remedytest.Case{Control: "S3.9", Resource: newBucket(t, acct, "data"), Params: `{"bucket":"` + logs + `"}`})
	if r.State != asr.StatePartly || r.Error.Code != asr.CodeDenied || !strings.Contains(r.Error.Do, "Block Public Access") {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

// watched is an account's config in a Region that shows the inputs of one
// operation's calls.
func watched(acct *remedytest.Account, region string, see func(in any)) aws.Config {
	cfg := acct.Sandbox.Config(acct.ID, region)
	look := middleware.InitializeMiddlewareFunc("look", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		see(in.Parameters)
		return next.HandleInitialize(ctx, in)
	})
	cfg.APIOptions = append(cfg.APIOptions, func(st *middleware.Stack) error { return st.Initialize.Add(look, middleware.After) })
	return cfg
}

// In us-east-1 making one's own bucket again succeeds, and resets its ACL. Logs
// come by the policy, not by an ACL or target grants, which buckets without
// ACLs refuse; with Object Lock S3 would refuse to log to it.
func TestTheLogBucketIsMadeOnceAndWithoutACLs(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for region, where := range map[string]types.BucketLocationConstraint{"us-east-1": "", "eu-west-1": "eu-west-1"} {
		var made []*s3.CreateBucketInput
		cfg := watched(acct, region, func(in any) {
			switch in := in.(type) {
			case *s3.CreateBucketInput:
				made = append(made, in)
			case *s3.PutBucketLoggingInput:
				if e := in.BucketLoggingStatus.LoggingEnabled; e != nil && len(e.TargetGrants) > 0 {
					t.Errorf("%s: target grants %+v", region, e.TargetGrants)
				}
			}
		})
		for _, name := range []string{"one-" + region, "two-" + region} {
			name += "-" + acct.ID
			create := &s3.CreateBucketInput{Bucket: &name}
			if where != "" {
				create.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: where}
			}
			_, err := s3.NewFromConfig(acct.Sandbox.Config(acct.ID, region)).CreateBucket(t.Context(), create)
			remedytest.Must(t, name, err)
			on := remedy.On[logTo]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: region, Name: name}, Params: AccessLogging.Controls["S3.9"], Call: asr.Call{Run: "r1"}}
			for range 4 {
				now, err := readLogging(t.Context(), cfg, on)
				to, err2 := AccessLogging.Want(on, remedytest.Must(t, now, err))
				if remedytest.Must(t, to, err2) != now {
					err = writeLogging(t.Context(), cfg, on, now, to)
				}
				remedytest.Must(t, name, err)
			}
		}
		if len(made) != 1 {
			t.Fatalf("%s: the log bucket is made %d times", region, len(made))
		}
		in := made[0]
		if in.ACL != "" || in.GrantWrite != nil || in.GrantReadACP != nil || in.ObjectOwnership != "" || in.ObjectLockEnabledForBucket != nil {
			t.Errorf("%s: made with %+v", region, in)
		}
		if c := in.CreateBucketConfiguration; c.LocationConstraint != where || len(c.Tags) == 0 {
			t.Errorf("%s: made with %+v, want tags and %q", region, c, where)
		}
	}
}

func TestTheLogBucketIsInTheBucketsAccountRegionAndPartition(t *testing.T) {
	t.Parallel()
	for control, params := range AccessLogging.Controls {
		on := remedy.On[logTo]{Target: asr.Target{Partition: "aws-cn", Account: "111111111111", Region: "cn-north-1", Name: "data"}, Params: params}
		got, err := AccessLogging.Want(on, logging{})
		want := logging{Bucket: "arn:aws-cn:s3:::asr-access-logs-111111111111-cn-north-1", Private: true, Delivery: true, Target: "asr-access-logs-111111111111-cn-north-1", Prefix: "data/"}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", control, err, diff)
		}
	}
}
