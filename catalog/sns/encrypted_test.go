package sns

import (
	"context"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const own = "111111111111"

// newTopic makes a topic with a name to show, tags and a subscription: settings
// that every fix must leave alone.
func newTopic(t *testing.T, acct *remedytest.Account, name string) string {
	t.Helper()
	api := sns.NewFromConfig(acct.Config)
	out, err := api.CreateTopic(t.Context(), &sns.CreateTopicInput{
		Name: &name, Attributes: map[string]string{"DisplayName": "Orders"}, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}},
	})
	arn := *remedytest.Must(t, out, err).TopicArn
	_, err = api.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: &arn, Protocol: aws.String("email"), Endpoint: aws.String("ada@example.com")})
	return remedytest.Must(t, arn, err)
}

// set sets a topic's attribute.
func set(t *testing.T, acct *remedytest.Account, arn, name, value string) {
	t.Helper()
	_, err := sns.NewFromConfig(acct.Config).SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{TopicArn: &arn, AttributeName: &name, AttributeValue: &value})
	remedytest.Must(t, name, err)
}

// wholeTopic is a topic with all its settings as boto3 sees it.
func wholeTopic(acct *remedytest.Account, arn string) remedytest.View {
	return acct.Boto("sns", "get_topic_attributes", map[string]any{"TopicArn": arn}, "Attributes").
		And(acct.Boto("sns", "list_tags_for_resource", map[string]any{"ResourceArn": arn}, "Tags")).
		And(acct.Boto("sns", "list_subscriptions_by_topic", map[string]any{"TopicArn": arn}, "Subscriptions"))
}

func deleted(t *testing.T, acct *remedytest.Account, arn string) func() {
	return func() {
		_, err := sns.NewFromConfig(acct.Config).DeleteTopic(t.Context(), &sns.DeleteTopicInput{TopicArn: &arn})
		remedytest.Must(t, arn, err)
	}
}

// newKey makes a KMS key that lets these principals, in JSON, encrypt.
func newKey(t *testing.T, acct *remedytest.Account, principals ...string) string {
	t.Helper()
	statements := []string{`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + acct.ID + `:root"},"Action":"kms:*","Resource":"*"}`}
	for _, p := range principals {
		statements = append(statements, `{"Effect":"Allow","Principal":`+p+`,"Action":["kms:GenerateDataKey*","kms:Decrypt"],"Resource":"*"}`)
	}
	out, err := kms.NewFromConfig(acct.Config).CreateKey(t.Context(), &kms.CreateKeyInput{KeyUsage: kmstypes.KeyUsageTypeEncryptDecrypt, Policy: aws.String(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`)})
	return *remedytest.Must(t, out, err).KeyMetadata.Arn
}

// letPublish adds a statement to a topic's policy.
func letPublish(t *testing.T, acct *remedytest.Account, arn, statement string) {
	t.Helper()
	set(t, acct, arn, "Policy", `{"Version":"2012-10-17","Statement":[{"Sid":"Named",`+statement+`,"Effect":"Allow","Action":"SNS:Publish","Resource":"`+arn+`"}]}`)
}

func newAlarm(t *testing.T, acct *remedytest.Account, name, topic string) {
	t.Helper()
	_, err := cloudwatch.NewFromConfig(acct.Config).PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, AlarmActions: []string{topic}, Namespace: aws.String("AWS/SQS"), MetricName: aws.String("NumberOfMessagesSent"), Statistic: cwtypes.StatisticSum,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold,
	})
	remedytest.Must(t, name, err)
}

func TestEncrypted(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	plain, alarmed, fifo := newTopic(t, acct, "plain"), newTopic(t, acct, "alarmed"), newTopic(t, acct, strings.Repeat("long", 30))
	newAlarm(t, acct, "queue is full", alarmed)
	letPublish(t, acct, alarmed, `"Principal":{"Service":["events.amazonaws.com","s3.amazonaws.com"]}`)
	key := newKey(t, acct, `{"Service":["events.amazonaws.com","cloudwatch.amazonaws.com"]}`, `{"Service":"s3.amazonaws.com"}`)
	letPublish(t, acct, fifo, `"Principal":{"AWS":"222222222222"}`)
	remedytest.Lifecycle(t, acct, Encrypted, remedytest.Case{
		Name: "AWS's own key", Control: "SNS.1", Resource: plain, View: wholeTopic(acct, plain),
		Want: []string{`key: "" → "alias/aws/sns"`}, Seen: []string{`get_topic_attributes.KmsMasterKeyId: none → "alias/aws/sns"`},
		Foreign: func() { set(t, acct, plain, "KmsMasterKeyId", "alias/theirs") },
	}, remedytest.Case{
		Name: "a key that lets all publishers encrypt", Control: "SNS.1", Resource: alarmed, Params: `{"key":"` + key + `"}`, View: wholeTopic(acct, alarmed),
		Want: []string{`key: "" → "` + key + `"`}, Seen: []string{`get_topic_attributes.KmsMasterKeyId: none → "` + key + `"`},
		Gone: deleted(t, acct, alarmed),
	}, remedytest.Case{
		Name: "another account is cut off, as is asked for; a name of 120 characters", Control: "SNS.1", Resource: fifo, Params: `{"cutOff":true}`, View: wholeTopic(acct, fifo),
		Want: []string{`key: "" → "alias/aws/sns"`}, Seen: []string{`get_topic_attributes.KmsMasterKeyId: none → "alias/aws/sns"`},
		Meanwhile: func() { set(t, acct, fifo, "DisplayName", "theirs") },
	})
}

// ended runs Encrypted on a topic to its end.
func ended(t *testing.T, acct *remedytest.Account, arn, params string) asr.Run {
	t.Helper()
	return remedytest.End(t, acct, Encrypted, remedytest.Case{Control: "SNS.1", Resource: arn, Params: params})
}

func TestATopicWithAnyKeyIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newTopic(t, acct, "q")
	set(t, acct, arn, "KmsMasterKeyId", "alias/theirs")
	if r := ended(t, acct, arn, ""); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestPublishersWithoutRightsOnTheKeyAreNotCutOff(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	limited := newKey(t, acct, `{"Service":"events.amazonaws.com"}`)
	alarmed := newTopic(t, acct, "alarmed")
	newAlarm(t, acct, "queue is full", alarmed)
	newAlarm(t, acct, "another topic's", alarmed+"-too")
	backedUp := newTopic(t, acct, "backed-up")
	letPublish(t, acct, backedUp, `"Principal":{"Service":["backup.amazonaws.com","events.amazonaws.com"]}`)
	for _, c := range []struct{ name, topic, params, want string }{
		{"an alarm, which the default policy lets in, and AWS's own key", alarmed, "", "cloudwatch.amazonaws.com (alarm queue is full)"},
		{"an alarm and a key that doesn't know CloudWatch", alarmed, `{"key":"` + limited + `"}`, "cloudwatch.amazonaws.com (alarm queue is full)"},
		{"services in the policy and AWS's own key", backedUp, "", "backup.amazonaws.com (the topic's policy, Named), events.amazonaws.com (the topic's policy, Named)"},
		{"a key that knows only one of them", backedUp, `{"key":"` + limited + `"}`, "publish: backup.amazonaws.com (the topic's policy, Named)"},
	} {
		r := ended(t, acct, c.topic, c.params)
		if r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || !strings.HasSuffix(r.Error.Message, c.want) || r.Error.Do == "" {
			t.Errorf("%s: the run ended %s: %+v, want a refusal with %s", c.name, r.State, r.Error, c.want)
		}
	}
	if r := ended(t, acct, newTopic(t, acct, "alarme"), ""); r.State != asr.StateVerified {
		t.Errorf("a topic whose name begins an alarmed one's: the run ended %s: %+v", r.State, r.Error)
	}
}

// The emulator knows no keys of other accounts, so the answer is made here. KMS
// would show nobody that key's policy, whatever it says.
func TestAnotherAccountsKeyIsTakenForOneThatLetsNobodyElseIn(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newTopic(t, acct, "alarmed")
	newAlarm(t, acct, "queue is full", arn)
	key, cfg := "arn:aws:kms:eu-west-1:222222222222:key/mrk-00000000000040008000000000000000", acct.Config.Copy()
	answer := middleware.InitializeMiddlewareFunc("answer", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		if _, asks := in.Parameters.(*kms.DescribeKeyInput); asks {
			return middleware.InitializeOutput{Result: &kms.DescribeKeyOutput{KeyMetadata: &kmstypes.KeyMetadata{
				AWSAccountId: aws.String("222222222222"), KeyState: kmstypes.KeyStateEnabled, KeySpec: kmstypes.KeySpecSymmetricDefault, KeyUsage: kmstypes.KeyUsageTypeEncryptDecrypt, KeyManager: kmstypes.KeyManagerTypeCustomer,
			}}}, middleware.Metadata{}, nil
		}
		return next.HandleInitialize(ctx, in)
	})
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(st *middleware.Stack) error { return st.Initialize.Add(answer, middleware.After) })
	on := remedy.On[with]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: "alarmed", ID: arn}, Params: with{Key: key}}
	now, err := readEncryption(t.Context(), cfg, on)
	if want := "alarm queue is full; the policy of the key, account 222222222222's, can't be read"; err != nil || now.CutOff[cloudWatch] != want {
		t.Errorf("got %+v, %v, want %s", now, err, want)
	}
	if _, err := Encrypted.Want(on, now); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestAKeyThatCannotEncryptIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api, arn := kms.NewFromConfig(acct.Config), newTopic(t, acct, "q")
	off := newKey(t, acct)
	_, err := api.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: aws.String(off[strings.Index(off, "/")+1:])})
	signs, err2 := api.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: kmstypes.KeySpecRsa2048, KeyUsage: kmstypes.KeyUsageTypeSignVerify})
	remedytest.Must(t, off, err)
	for key, want := range map[string]string{off: "Disabled", *remedytest.Must(t, signs, err2).KeyMetadata.Arn: "symmetric"} {
		if r := ended(t, acct, arn, `{"key":"`+key+`","cutOff":true}`); r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, want) {
			t.Errorf("%s: the run ended %s: %+v", want, r.State, r.Error)
		}
	}
}

func TestWhoPublishesIsReadFromTheTopicsPolicy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statement string
		want      []string
	}{
		"the default policy":              {`"Principal":{"AWS":"*"},"Action":["SNS:Publish","SNS:Subscribe"],"Condition":{"StringEquals":{"AWS:SourceOwner":"111111111111"}}`, nil},
		"the own account":                 {`"Principal":{"AWS":["arn:aws:iam::111111111111:role/x","111111111111"]},"Action":"sns:*"`, nil},
		"only subscribes":                 {`"Principal":{"Service":"s3.amazonaws.com"},"Action":"sns:Subscribe"`, nil},
		"a service":                       {`"Principal":{"Service":"s3.amazonaws.com"},"Action":"sns:Pub*"`, []string{"s3.amazonaws.com"}},
		"all but subscribing":             {`"Principal":{"Service":"s3.amazonaws.com"},"NotAction":"sns:Subscribe"`, []string{"s3.amazonaws.com"}},
		"a service behind everybody":      {`"Principal":"*","Action":"sns:Publish","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::uploads"},"StringEquals":{"aws:SourceAccount":"111111111111"}}`, []string{"s3.amazonaws.com"}},
		"another account":                 {`"Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"*"`, []string{"222222222222"}},
		"another account behind everyone": {`"Principal":{"AWS":"*"},"Action":"sns:Publish","Condition":{"StringEquals":{"aws:PrincipalAccount":["111111111111","222222222222"]}}`, []string{"222222222222"}},
		"the organization":                {`"Principal":"*","Action":"sns:Publish","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`, []string{"everybody"}},
		"all but one":                     {`"NotPrincipal":{"AWS":"111111111111"},"Action":"sns:Publish"`, []string{"everybody"}},
		"who was deleted":                 {`"Principal":{"AWS":"AIDACKCEVSQ6C2EXAMPLE"},"Action":"sns:Publish"`, nil},
	} {
		doc, err := remedy.ParseDocument(`{"Statement":{"Effect":"Allow",` + c.statement + `}}`)
		want := map[string]string{}
		for _, w := range c.want {
			want[w] = "the topic's policy"
		}
		if diff := cmp.Diff(want, publishersIn(remedytest.Must(t, doc, err), own)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestKeysAreNamedInEveryForm(t *testing.T) {
	t.Parallel()
	on := remedy.On[with]{Target: asr.Target{Partition: "aws-cn", Region: "cn-north-1", Account: own}}
	for key, ok := range map[string]bool{
		"alias/aws/sns": true, "alias/mine": true, "arn:aws-cn:kms:cn-north-1:222222222222:alias/theirs": true, "arn:aws-cn:kms:cn-north-1:111111111111:key/mrk-1": true,
		"00000000-0000-4000-8000-000000000000": true, "mrk-00000000000040008000000000000000": true,
		"": false, "mine": false, "alias/": false, "arn:aws:kms:eu-west-1:111111111111:key/x": false,
	} {
		on.Params.Key = key
		if err := Encrypted.Validate(on); (err == nil) != ok {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestWhatIsEncryptedStaysAndNobodyIsCutOffUnasked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SampledFrom([]string{"", awsKey, "alias/mine"})
		now := encryption{Key: keys.Draw(t, "key"), Problem: rapid.SampledFrom([]string{"", "off"}).Draw(t, "problem"), CutOff: rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "cut off")}
		on := remedy.On[with]{Params: with{keys.Draw(t, "asked"), rapid.Bool().Draw(t, "all the same")}}
		remedytest.Stable(t, Encrypted, on, now, "key")
		to, err := Encrypted.Want(on, now)
		if now.Key != "" && (err != nil || to.Key != now.Key) {
			t.Fatalf("%+v becomes %+v, %v", now, to, err)
		}
		if now.Key == "" && err == nil && (now.Problem != "" || len(now.CutOff) > 0 && !on.Params.CutOff) {
			t.Fatalf("%+v becomes %+v", now, to)
		}
	})
}
