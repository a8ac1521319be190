package s3

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const function = "arn:aws:lambda:eu-west-1:111111111111:function:thumbnails"

func newTopic(t *testing.T, acct *remedytest.Account, name string) string {
	t.Helper()
	out, err := sns.NewFromConfig(acct.Config).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: &name})
	return *remedytest.Must(t, out, err).TopicArn
}

func putNotifications(t *testing.T, acct *remedytest.Account, name string, c *types.NotificationConfiguration) {
	t.Helper()
	_, err := s3.NewFromConfig(acct.Config).PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{Bucket: &name, NotificationConfiguration: c})
	remedytest.Must(t, name, err)
}

// theirNotifications are of every kind but the topic's, with filters.
func theirNotifications(t *testing.T, acct *remedytest.Account) *types.NotificationConfiguration {
	t.Helper()
	_, err := sqs.NewFromConfig(acct.Config).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("removals")})
	remedytest.Must(t, 0, err)
	only := func(name types.FilterRuleName, value string) *types.NotificationConfigurationFilter {
		return &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{{Name: name, Value: &value}}}}
	}
	return &types.NotificationConfiguration{
		EventBridgeConfiguration: &types.EventBridgeConfiguration{},
		LambdaFunctionConfigurations: []types.LambdaFunctionConfiguration{{
			Id: aws.String("thumbnails"), LambdaFunctionArn: aws.String(function), Events: []types.Event{"s3:ObjectCreated:Put", "s3:ObjectCreated:Post"}, Filter: only(types.FilterRuleNamePrefix, "in/"),
		}},
		QueueConfigurations: []types.QueueConfiguration{{
			Id: aws.String("removals"), QueueArn: aws.String(acct.Expand("arn:aws:sqs:{region}:{account}:{name}", "removals")), Events: []types.Event{"s3:ObjectRemoved:*"}, Filter: only(types.FilterRuleNameSuffix, ".jpg"),
		}},
	}
}

func TestEventNotifications(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	silent, told, topic := newBucket(t, acct, "silent"), newBucket(t, acct, "told"), newTopic(t, acct, "uploads")
	theirs := theirNotifications(t, acct)
	putNotifications(t, acct, told, theirs)
	moved := types.TopicConfiguration{Id: aws.String(ourNotification), TopicArn: aws.String(newTopic(t, acct, "theirs")), Events: []types.Event{"s3:ObjectAcl:Put", "s3:ObjectTagging:*"}}
	remedytest.Lifecycle(t, acct, EventNotifications, remedytest.Case{
		Name: "nobody is told", Control: "S3.11", Resource: acct.Expand(bucket, silent), View: wholeBucket(acct, silent),
		Want: []string{"eventBridge: false → true"}, // its configuration is {}, which is as good as nothing in a view: the next test looks
	}, remedytest.Case{
		Name: "types of events; others are told of others; a bare name", Control: "S3.11", Resource: told, View: wholeBucket(acct, told),
		Params: `{"events":["s3:ObjectAcl:Put","s3:ObjectRemoved:Delete","s3:ObjectTagging:*"],"topic":"` + topic + `"}`,
		Want:   []string{`ours[s3:ObjectAcl:Put]: none → "` + topic + `"`, `ours[s3:ObjectTagging:*]: none → "` + topic + `"`},
		Seen:   []string{`get_bucket_notification_configuration.TopicConfigurations: none → [{"Events":["s3:ObjectAcl:Put","s3:ObjectTagging:*"],"Id":"asr-events","TopicArn":"` + topic + `"}]`},
		Foreign: func() {
			theirs.TopicConfigurations = []types.TopicConfiguration{moved}
			putNotifications(t, acct, told, theirs)
		},
		Gone: deleted(t, acct, told),
	})
}

func notificationsOf(t *testing.T, acct *remedytest.Account, name string) *s3.GetBucketNotificationConfigurationOutput {
	t.Helper()
	out, err := s3.NewFromConfig(acct.Config).GetBucketNotificationConfiguration(t.Context(), &s3.GetBucketNotificationConfigurationInput{Bucket: &name})
	return remedytest.Must(t, out, err)
}

func TestEventBridgeIsTurnedOnAndOffAgain(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	name := newBucket(t, acct, "silent")
	h := remedytest.NewHarness(acct, EventNotifications)
	r := h.End(t, remedytest.Case{Control: "S3.11", Resource: name})
	if r.State != asr.StateVerified || notificationsOf(t, acct, name).EventBridgeConfiguration == nil {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
	_, err := h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	remedytest.Must(t, r, err)
	if r, err = h.Drive(t.Context(), r.ID); err != nil || r.State != asr.StateReverted || notificationsOf(t, acct, name).EventBridgeConfiguration != nil {
		t.Errorf("undo ended %s: %+v, %v", r.State, r.Error, err)
	}
}

// A bucket with notifications fails the control if it asks for types that
// nobody is told of. What is there must stay, EventBridge too.
func TestNotificationsThatAreThereAreNotOverwritten(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	name, topic := newBucket(t, acct, "told"), newTopic(t, acct, "uploads")
	putNotifications(t, acct, name, theirNotifications(t, acct))
	if r := remedytest.End(t, acct, EventNotifications, remedytest.Case{Control: "S3.11", Resource: name, Params: `{"events":["s3:ObjectAcl:Put"],"topic":"` + topic + `"}`}); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	got := notificationsOf(t, acct, name)
	if got.EventBridgeConfiguration == nil || len(got.QueueConfigurations) != 1 || len(got.LambdaFunctionConfigurations) != 1 || len(got.TopicConfigurations) != 1 || got.LambdaFunctionConfigurations[0].Filter == nil {
		t.Errorf("got %+v", got)
	}
}

func TestAnyNotificationIsEnoughUnlessTypesAreAskedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	name := newBucket(t, acct, "told")
	c := theirNotifications(t, acct)
	c.EventBridgeConfiguration = nil
	putNotifications(t, acct, name, c)
	for _, params := range []string{"", `{"events":["s3:ObjectRemoved:*","s3:ObjectRemoved:DeleteMarkerCreated"]}`} {
		if r := remedytest.End(t, acct, EventNotifications, remedytest.Case{Control: "S3.11", Resource: name, Params: params}); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", params, r.State, r.Error)
		}
	}
}

func TestWhatS3WouldNotSendIsRefused(t *testing.T) {
	t.Parallel()
	const topic = "arn:aws:sns:eu-west-1:111111111111:uploads"
	for name, c := range map[string]struct {
		now    told
		params notify
	}{
		"types, and no topic that somebody reads":   {told{}, notify{Events: []string{"s3:ObjectCreated:*"}}},
		"part of it goes elsewhere already":         {told{Others: map[string]string{"s3:ObjectCreated:Put": function}}, notify{[]string{"s3:ObjectCreated:*"}, topic}},
		"EventBridge, which can't be told of types": {told{EventBridge: true}, notify{Events: []string{"s3:ObjectCreated:*"}}},
		"we send to another topic":                  {told{Ours: map[string]string{"s3:ObjectAcl:Put": topic + "2"}}, notify{[]string{"s3:ObjectCreated:*"}, topic}},
	} {
		if _, err := EventNotifications.Want(remedy.On[notify]{Params: c.params}, c.now); asr.Classify(err) != asr.CodeRefused || asr.Advice(err) == "" {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
}

func TestTypesAndTopicsAreChecked(t *testing.T) {
	t.Parallel()
	on := remedy.On[notify]{Target: asr.Target{Partition: "aws-cn", Region: "cn-north-1", Account: "111111111111"}}
	for _, c := range []struct {
		params notify
		ok     bool
	}{
		{notify{}, true},
		{notify{[]string{"s3:ObjectCreated:*"}, "arn:aws-cn:sns:cn-north-1:222222222222:x"}, true},
		{notify{Topic: "arn:aws:sns:cn-north-1:111111111111:x"}, false},
		{notify{Topic: "arn:aws-cn:sns:cn-northwest-1:111111111111:x"}, false},
		{notify{Topic: "uploads"}, false},
		{notify{Events: []string{"s3:ObjectCreated:*,s3:ObjectRemoved:*"}}, false},
		{notify{Events: []string{"ObjectCreated"}}, false},
	} {
		on.Params = c.params
		if err := EventNotifications.Validate(on); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.params, err)
		}
	}
}

func TestNobodyIsToldLessThanBefore(t *testing.T) {
	t.Parallel()
	types := []string{"s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectRemoved:*", "s3:ObjectAcl:Put"}
	rapid.Check(t, func(t *rapid.T) {
		topics := rapid.SampledFrom([]string{"", "arn:aws:sns:eu-west-1:111111111111:a", "arn:aws:sns:eu-west-1:111111111111:b"})
		sent := rapid.MapOf(rapid.SampledFrom(types), rapid.Just(function))
		now := told{rapid.Bool().Draw(t, "EventBridge"), sent.Draw(t, "others"), map[string]string{}}
		for _, e := range rapid.SliceOfDistinct(rapid.SampledFrom(types), rapid.ID[string]).Draw(t, "ours") {
			now.Ours[e] = "arn:aws:sns:eu-west-1:111111111111:a"
		}
		on := remedy.On[notify]{Params: notify{rapid.SliceOf(rapid.SampledFrom(types)).Draw(t, "asked"), topics.Draw(t, "topic")}}
		remedytest.Stable(t, EventNotifications, on, now, "eventBridge", "ours")
		to, err := EventNotifications.Want(on, now)
		if err != nil {
			return // refused
		}
		lost := slices.DeleteFunc(slices.Collect(maps.Keys(now.Ours)), func(e string) bool { return to.Ours[e] == now.Ours[e] })
		if now.EventBridge && !to.EventBridge || !maps.Equal(now.Others, to.Others) || len(lost) > 0 {
			t.Fatalf("%+v becomes %+v", now, to)
		}
	})
}

// Topics, their policies and whether somebody reads them are their owner's.
func TestNoTopicIsMadeOrOpened(t *testing.T) {
	t.Parallel()
	for _, g := range EventNotifications.Spec.WriteGrants() {
		for _, a := range g.Actions {
			if !strings.HasPrefix(a, "s3:") {
				t.Errorf("%s is granted", a)
			}
		}
	}
}

// A destination of others' that is gone is no reason to fail; ours must exist.
func TestOnlyOurDestinationIsValidated(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	name, topic := newBucket(t, acct, "told"), newTopic(t, acct, "uploads")
	var skipped []bool
	cfg := watched(acct, acct.Region, func(in any) {
		if put, ok := in.(*s3.PutBucketNotificationConfigurationInput); ok {
			skipped = append(skipped, *put.SkipDestinationValidation)
		}
	})
	on := remedy.On[notify]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: name}}
	ours, bridge := told{Ours: map[string]string{"s3:ObjectAcl:Put": topic}}, told{EventBridge: true}
	for _, step := range [][2]told{{told{}, bridge}, {told{}, ours}, {ours, told{}}} {
		remedytest.Must(t, name, EventNotifications.Write(t.Context(), cfg, on, step[0], step[1]))
	}
	if diff := cmp.Diff([]bool{true, false, true}, skipped); diff != "" {
		t.Errorf("skipped (-want +got)\n%s", diff)
	}
}
