package sqs

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"pgregory.net/rapid"
)

const aKey = "arn:aws:kms:eu-west-1:111111111111:key/00000000-0000-4000-8000-000000000000"

func newQueue(t *testing.T, acct *remedytest.Account, name string, attributes map[string]string) *string {
	out, err := sqs.NewFromConfig(acct.Config).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes, Tags: map[string]string{"team": "orders"}})
	return remedytest.Must(t, out, err).QueueUrl
}

func TestEncrypted(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := sqs.NewFromConfig(acct.Config)
	off := map[string]string{"SqsManagedSseEnabled": "false", "VisibilityTimeout": "77", "Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}]}`}
	plain, fifo := newQueue(t, acct, "plain", off), newQueue(t, acct, "orders.fifo", map[string]string{"FifoQueue": "true", "SqsManagedSseEnabled": "false"})
	set := func(url *string, name, value string) func() {
		return func() {
			_, err := api.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{name: value}})
			remedytest.Must(t, name, err)
		}
	}
	view := func(url *string) remedytest.View {
		return acct.Boto("sqs", "get_queue_attributes", map[string]any{"QueueUrl": *url, "AttributeNames": []string{"All"}}, "Attributes").Without("LastModifiedTimestamp").
			And(acct.Boto("sqs", "list_queue_tags", map[string]any{"QueueUrl": *url}, "Tags"))
	}
	remedytest.Lifecycle(t, acct, Encrypted, remedytest.Case{
		Name: "SQS's own key", Control: "SQS.1", Resource: acct.Expand(queue, "plain"), Want: []string{"managed: false → true"},
		View: view(plain), Seen: []string{`get_queue_attributes.SqsManagedSseEnabled: "false" → "true"`},
	}, remedytest.Case{
		Name: "others change another setting", Control: "SQS.1", Resource: acct.Expand(queue, "plain"), Want: []string{"managed: false → true"},
		Meanwhile: set(plain, "VisibilityTimeout", "99"),
	}, remedytest.Case{
		Name: "a KMS key", Control: "SQS.1", Resource: acct.Expand(queue, "orders.fifo"), Params: `{"key":"` + aKey + `"}`, Want: []string{`key: "" → "` + aKey + `"`},
		View: view(fifo), Seen: []string{`get_queue_attributes.KmsMasterKeyId: none → "` + aKey + `"`, "get_queue_attributes.KmsDataKeyReusePeriodSeconds: none → "},
		Foreign: set(fifo, "KmsMasterKeyId", "alias/theirs"),
		Gone: func() {
			_, err := api.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: fifo})
			remedytest.Must(t, 0, err)
		},
	})
}

func TestAQueueWithAKMSKeyIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newQueue(t, acct, "q", map[string]string{"KmsMasterKeyId": "alias/aws/sqs"})
	r := remedytest.End(t, acct, Encrypted, remedytest.Case{Control: "SQS.1", Resource: acct.Expand(queue, "q")})
	if r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

// A customer's key in every queue locks EventBridge, S3 and SNS out.
func TestAWSServicesThatSendToAQueueAreNotCutOff(t *testing.T) {
	got, err := Encrypted.Want(remedy.On[with]{Params: Encrypted.Controls["SQS.1"]}, encryption{})
	if want := (encryption{Managed: true}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestWhatIsEncryptedStaysAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SampledFrom([]string{"", aKey, "alias/aws/sqs"})
		now, on := encryption{Key: keys.Draw(t, "now")}, remedy.On[with]{Params: with{keys.Draw(t, "asked")}}
		now.Managed = now.Key == "" && rapid.Bool().Draw(t, "managed")
		remedytest.Stable(t, Encrypted, on, now)
		got, err := Encrypted.Want(on, now)
		if was := now.Managed || now.Key != ""; err != nil || was && got != now || got.Managed == (got.Key != "") {
			t.Fatalf("%+v becomes %+v for %q: %v", now, got, aws.ToString(&on.Params.Key), err)
		}
	})
}
