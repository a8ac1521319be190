package sns

import (
	"context"
	"errors"
	"slices"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const theirs = "arn:aws:iam::111111111111:role/theirs"

func newLogRole(t *testing.T, acct *remedytest.Account, path string) string {
	t.Helper()
	out, err := iam.NewFromConfig(acct.Config).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("asr-sns-logging"), Path: &path,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	return *remedytest.Must(t, out, err).Role.Arn
}

func TestDeliveryLogging(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	role := newLogRole(t, acct, "/asr/")
	silent, partly := newTopic(t, acct, "silent"), newTopic(t, acct, "partly")
	set(t, acct, partly, "KmsMasterKeyId", "alias/mine")
	for name, value := range map[string]string{"LambdaSuccessFeedbackRoleArn": theirs, "SQSSuccessFeedbackRoleArn": theirs, "SQSFailureFeedbackRoleArn": theirs, "SQSSuccessFeedbackSampleRate": "50", "HTTPSuccessFeedbackSampleRate": "5"} {
		set(t, acct, partly, name, value)
	}
	var all, seen []string
	for _, p := range protocols {
		all = append(all, `logs.`+p+`.failure: "" → "`+role+`"`, `logs.`+p+`.success: "" → "`+role+`"`)
		seen = append(seen, `get_topic_attributes.`+p+`FailureFeedbackRoleArn: none → "`+role+`"`, `get_topic_attributes.`+p+`SuccessFeedbackRoleArn: none → "`+role+`"`)
	}
	remedytest.Lifecycle(t, acct, DeliveryLogging, remedytest.Case{
		Name: "nothing is logged", Control: "SNS.2", Resource: silent, View: wholeTopic(acct, silent), Want: all, Seen: seen,
		Foreign: func() { set(t, acct, silent, "LambdaFailureFeedbackRoleArn", theirs) },
		Gone:    deleted(t, acct, silent),
	}, remedytest.Case{
		Name: "some is logged, with other roles; more successes are asked for", Control: "SNS.2", Resource: partly, Params: `{"sampleRate":5}`, View: wholeTopic(acct, partly),
		Want: []string{
			`logs.Application.failure: "" → "` + role + `"`, `logs.Application.rate: 0 → 5`, `logs.Application.success: "" → "` + role + `"`,
			`logs.Firehose.failure: "" → "` + role + `"`, `logs.Firehose.rate: 0 → 5`, `logs.Firehose.success: "" → "` + role + `"`,
			`logs.HTTP.failure: "" → "` + role + `"`, `logs.HTTP.success: "" → "` + role + `"`,
			`logs.Lambda.failure: "" → "` + role + `"`, `logs.Lambda.rate: 0 → 5`,
		},
		Seen: []string{
			`get_topic_attributes.ApplicationFailureFeedbackRoleArn: none`, `get_topic_attributes.ApplicationSuccessFeedbackRoleArn: none`, `get_topic_attributes.ApplicationSuccessFeedbackSampleRate: "0" → "5"`,
			`get_topic_attributes.FirehoseFailureFeedbackRoleArn: none`, `get_topic_attributes.FirehoseSuccessFeedbackRoleArn: none`, `get_topic_attributes.FirehoseSuccessFeedbackSampleRate: "0" → "5"`,
			`get_topic_attributes.HTTPFailureFeedbackRoleArn: none`, `get_topic_attributes.HTTPSuccessFeedbackRoleArn: none`,
			`get_topic_attributes.LambdaFailureFeedbackRoleArn: none`, `get_topic_attributes.LambdaSuccessFeedbackSampleRate: "0" → "5"`,
		},
		Seed: func() { // AWS keeps a rate of 0 once one was set, and takes no empty one
			for _, p := range []string{"Application", "Firehose", "Lambda"} {
				set(t, acct, partly, p+"SuccessFeedbackSampleRate", "0")
			}
		},
	})
}

func TestTheLoggingRoleMustBeThere(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*remedytest.Account){
		"none": func(*remedytest.Account) {}, "one of the same name elsewhere": func(a *remedytest.Account) { newLogRole(t, a, "/") },
	} {
		acct := remedytest.NewAccount(t)
		prepare(acct)
		r := remedytest.End(t, acct, DeliveryLogging, remedytest.Case{Control: "SNS.2", Resource: newTopic(t, acct, "q")})
		if r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || r.Error.Do == "" {
			t.Errorf("%s: the run ended %s: %+v", name, r.State, r.Error)
		}
	}
}

func TestWhatIsLoggedWithOtherRolesNeedsNoneOfOurs(t *testing.T) {
	t.Parallel()
	now := deliveries{Logs: map[string]feedback{}}
	for _, p := range protocols {
		now.Logs[p] = feedback{Success: theirs, Failure: theirs}
	}
	to, err := DeliveryLogging.Want(remedy.On[sample]{}, now)
	if err != nil || to.Logs["SQS"].Success != theirs {
		t.Errorf("got %+v, %v", to, err)
	}
}

func TestRatesArePercentages(t *testing.T) {
	t.Parallel()
	for rate, ok := range map[int32]bool{-1: false, 0: true, 100: true, 101: false} {
		if err := DeliveryLogging.Validate(remedy.On[sample]{Params: sample{rate}}); (err == nil) != ok {
			t.Errorf("%d: %v", rate, err)
		}
	}
}

func TestExistingRolesStayAndNoRateSinks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		roles := rapid.SampledFrom([]string{"", theirs})
		one := rapid.Custom(func(t *rapid.T) feedback {
			return feedback{roles.Draw(t, "success"), roles.Draw(t, "failure"), rapid.Int32Range(0, 100).Draw(t, "rate")}
		})
		now := deliveries{rapid.SampledFrom([]string{"", "arn:aws:iam::111111111111:role/asr/asr-sns-logging"}).Draw(t, "role"), rapid.MapOf(rapid.SampledFrom(protocols), one).Draw(t, "logs")}
		on := remedy.On[sample]{Params: sample{rapid.Int32Range(0, 100).Draw(t, "asked")}}
		remedytest.Stable(t, DeliveryLogging, on, now, "logs")
		to, err := DeliveryLogging.Want(on, now)
		if err != nil {
			return // no role
		}
		for _, p := range protocols {
			was, is := now.Logs[p], to.Logs[p]
			if was.Success != "" && is.Success != was.Success || was.Failure != "" && is.Failure != was.Failure || is.Rate < was.Rate || is.Success == "" || is.Failure == "" {
				t.Fatalf("%s: %+v becomes %+v", p, was, is)
			}
		}
	})
}

// A fix that fails on the way leaves what was logged before.
func TestAFailureWipesNoSettings(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	role, arn := newLogRole(t, acct, "/asr/"), newTopic(t, acct, "q")
	set(t, acct, arn, "SQSFailureFeedbackRoleArn", theirs)
	calls, cfg := 0, acct.Config.Copy()
	fails := middleware.InitializeMiddlewareFunc("fails", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		if _, sets := in.Parameters.(*sns.SetTopicAttributesInput); sets {
			if calls++; calls == 3 {
				return middleware.InitializeOutput{}, middleware.Metadata{}, errors.New("the third fails")
			}
		}
		return next.HandleInitialize(ctx, in)
	})
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(st *middleware.Stack) error { return st.Initialize.Add(fails, middleware.After) })
	on := remedy.On[sample]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: "q", ID: arn}}
	now, err := readDeliveries(t.Context(), acct.Config, on)
	to, err2 := DeliveryLogging.Want(on, remedytest.Must(t, now, err))
	if err := DeliveryLogging.Write(t.Context(), cfg, on, now, remedytest.Must(t, to, err2)); err == nil {
		t.Fatal("the write succeeds")
	}
	got, err := readDeliveries(t.Context(), acct.Config, on)
	want := deliveries{Role: role, Logs: map[string]feedback{"Application": {Success: role, Failure: role}, "Firehose": {}, "HTTP": {}, "Lambda": {}, "SQS": {Failure: theirs}}}
	if diff := cmp.Diff(want, remedytest.Must(t, got, err)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
