package config

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/configservice/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3t "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
)

// account is one with what tests need of it.
type account struct {
	t *testing.T
	*remedytest.Account
	api *configservice.Client
	s3  *s3.Client
	iam *iam.Client
}

func newAccount(t *testing.T) account {
	acct := remedytest.NewAccount(t)
	a := account{t, acct, configservice.NewFromConfig(acct.Config), s3.NewFromConfig(acct.Config), iam.NewFromConfig(acct.Config)}
	a.recorders() // the emulator learns the service-linked role's name with the first call to AWS Config
	return a
}

func (a account) arn(pattern string) string {
	return a.on().Expand(pattern)
}

func (a account) bucketName() string { return strings.TrimPrefix(a.arn(bucket), "arn:aws:s3:::") }

func (a account) on() remedy.On[delivery] {
	return remedy.On[delivery]{Target: asr.Target{Partition: "aws", Account: a.ID, Region: a.Region}, Params: Recording.Controls["Config.1"]}
}

// clean takes away what is there.
func (a account) clean() {
	a.t.Helper()
	for _, name := range []string{ourRecorder, "default"} {
		_, err := a.api.StopConfigurationRecorder(a.t.Context(), &configservice.StopConfigurationRecorderInput{ConfigurationRecorderName: &name})
		remedytest.Must(a.t, name, remedy.Unless(err, "NoSuchConfigurationRecorderException"))
		a.forget(ourChannel, name)
	}
	_, err := a.s3.DeleteBucket(a.t.Context(), &s3.DeleteBucketInput{Bucket: aws.String(a.bucketName())})
	_, err2 := a.iam.DeleteServiceLinkedRole(a.t.Context(), &iam.DeleteServiceLinkedRoleInput{RoleName: aws.String("AWSServiceRoleForConfig")})
	remedytest.Must(a.t, 0, errors.Join(remedy.Unless(err, "NoSuchBucket"), remedy.Unless(err2, "NoSuchEntity")))
}

// prepared has nothing but the role and the bucket.
func (a account) prepared() {
	a.t.Helper()
	a.clean()
	a.role()
	b := ourBucket(a.on())
	remedytest.Must(a.t, 0, errors.Join(b.Make(a.t.Context(), a.Config, asr.Call{Run: "r"}), b.Close(a.t.Context(), a.Config), b.Allow(a.t.Context(), a.Config)))
}

// role makes the service-linked role as AWS does.
func (a account) role() string {
	a.t.Helper()
	_, err := a.iam.CreateServiceLinkedRole(a.t.Context(), &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("config.amazonaws.com")})
	remedytest.Must(a.t, 0, remedy.Unless(err, "InvalidInput"))
	return a.arn(linkedRole)
}

// bucket makes a bucket that lets AWS Config deliver for an account.
func (a account) bucket(name, of string) {
	a.t.Helper()
	_, err := a.s3.CreateBucket(a.t.Context(), &s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &s3t.CreateBucketConfiguration{LocationConstraint: s3t.BucketLocationConstraint(a.Region)}})
	_, err2 := a.s3.PutBucketPolicy(a.t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: aws.String(`{"Version":"2012-10-17","Statement":{"Sid":"Theirs","Effect":"Allow","Principal":{"Service":"config.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::` + name + `/*","Condition":{"StringEquals":{"AWS:SourceAccount":"` + of + `"}}}}`)})
	remedytest.Must(a.t, name, errors.Join(err, err2))
}

// recorder makes a recorder as somebody else would, changed as said.
func (a account) recorder(name string, change func(*types.ConfigurationRecorder)) {
	a.t.Helper()
	r := &types.ConfigurationRecorder{Name: &name, RoleARN: aws.String(a.role()), RecordingGroup: &types.RecordingGroup{AllSupported: true, IncludeGlobalResourceTypes: true}, RecordingMode: &types.RecordingMode{RecordingFrequency: types.RecordingFrequencyDaily}}
	if change != nil {
		change(r)
	}
	_, err := a.api.PutConfigurationRecorder(a.t.Context(), &configservice.PutConfigurationRecorderInput{ConfigurationRecorder: r})
	remedytest.Must(a.t, name, err)
}

func (a account) channel(name, bucket string) {
	a.t.Helper()
	_, err := a.api.PutDeliveryChannel(a.t.Context(), &configservice.PutDeliveryChannelInput{DeliveryChannel: &types.DeliveryChannel{Name: &name, S3BucketName: &bucket, S3KeyPrefix: aws.String("p")}})
	remedytest.Must(a.t, name, err)
}

func (a account) start(name string) {
	a.t.Helper()
	_, err := a.api.StartConfigurationRecorder(a.t.Context(), &configservice.StartConfigurationRecorderInput{ConfigurationRecorderName: &name})
	remedytest.Must(a.t, name, err)
}

func (a account) stop(name string) {
	a.t.Helper()
	_, err := a.api.StopConfigurationRecorder(a.t.Context(), &configservice.StopConfigurationRecorderInput{ConfigurationRecorderName: &name})
	remedytest.Must(a.t, name, err)
}

func (a account) ended(params string) asr.Run {
	a.t.Helper()
	return remedytest.End(a.t, a.Account, Recording, remedytest.Case{Control: "Config.1", Params: params})
}

func (a account) recorders() []types.ConfigurationRecorder {
	a.t.Helper()
	out, err := a.api.DescribeConfigurationRecorders(a.t.Context(), &configservice.DescribeConfigurationRecordersInput{})
	return remedytest.Must(a.t, out, err).ConfigurationRecorders
}

// snapshot is what a value says, without what the client adds to it.
func snapshot(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	return string(remedytest.Must(t, b, err))
}

// asking looks at what is asked of AWS.
func asking(look func(any)) func(*middleware.Stack) error {
	return func(st *middleware.Stack) error {
		return st.Initialize.Add(middleware.InitializeMiddlewareFunc("look", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			look(in.Parameters)
			return next.HandleInitialize(ctx, in)
		}), middleware.Before)
	}
}

// answering changes what an operation of AWS answers.
func answering[O any](change func(*O)) func(*middleware.Stack) error {
	return func(st *middleware.Stack) error {
		return st.Initialize.Add(middleware.InitializeMiddlewareFunc("answer", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleInitialize(ctx, in)
			if o, ok := out.Result.(*O); ok && err == nil {
				change(o)
			}
			return out, meta, err
		}), middleware.Before)
	}
}

func (a account) refused(params, message string) {
	a.t.Helper()
	before := snapshot(a.t, a.recorders())
	r := a.ended(params)
	if r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || r.Error.Do == "" || !strings.Contains(r.Error.Message, message) {
		a.t.Errorf("%s: the run ended %s %+v, want a refusal that says %q", params, r.State, r.Error, message)
	}
	if diff := cmp.Diff(before, snapshot(a.t, a.recorders())); diff != "" {
		a.t.Errorf("the recorders (-before +after)\n%s", diff)
	}
}

// forget deletes a channel and a recorder, if they are there.
func (a account) forget(channel, recorder string) {
	a.t.Helper()
	_, err := a.api.DeleteDeliveryChannel(a.t.Context(), &configservice.DeleteDeliveryChannelInput{DeliveryChannelName: &channel})
	remedytest.Must(a.t, channel, remedy.Unless(err, "NoSuchDeliveryChannelException"))
	if recorder != "" {
		_, err := a.api.DeleteConfigurationRecorder(a.t.Context(), &configservice.DeleteConfigurationRecorderInput{ConfigurationRecorderName: &recorder})
		remedytest.Must(a.t, recorder, remedy.Unless(err, "NoSuchConfigurationRecorderException"))
	}
}

func changesOf(r asr.Run) (out []string) {
	if r.Plan != nil {
		for _, c := range r.Plan.Changes {
			out = append(out, c.String())
		}
	}
	return out
}
