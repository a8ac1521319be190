package notify

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// topic keeps what is published.
type topic struct {
	sent []*sns.PublishInput
	err  error
}

func (t *topic) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	t.sent = append(t.sent, in)
	return &sns.PublishOutput{}, t.err
}

func TestAnOutcomeIsPublishedWholeAndCanBeFiltered(t *testing.T) {
	want := asr.Report{
		Channel: asr.ChannelOutcome, Account: "222222222222", Region: "eu-west-1", Run: "r-1", State: asr.StatePartly, Control: "S3.5", Remediation: "s3-tls-only",
		Resource: "arn:aws:s3:::b", Severity: "HIGH", Reason: "access_denied", Note: "denied\nmidway", Do: "asr revert r-1", By: "jo", At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	to := &topic{}
	if err := (SNS{Client: to, Topic: "arn:aws:sns:eu-west-1:111111111111:asr-hub-outcomes"}).Report(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	in := to.sent[0]
	var got asr.Report
	if err := json.Unmarshal([]byte(*in.Message), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	attributes := map[string]string{}
	for name, v := range in.MessageAttributes {
		attributes[name] = *v.DataType + " " + *v.StringValue
	}
	if diff := cmp.Diff(map[string]string{"state": "String partly_applied", "control": "String S3.5", "account": "String 222222222222", "severity": "String HIGH", "reason": "String access_denied", "ticket": "String false"}, attributes); diff != "" {
		t.Error(diff)
	}
	if *in.Subject != "asr: partly applied S3.5 in 222222222222 eu-west-1" || *in.TopicArn != "arn:aws:sns:eu-west-1:111111111111:asr-hub-outcomes" {
		t.Errorf("subject %q to %s", *in.Subject, *in.TopicArn)
	}
}

// covers: A20
func TestAMailCantBeSteeredByANameAndSaysItAllTheSame(t *testing.T) {
	const name = "b\x1b[2J\u009b1m\u202e\r\nasr: all is well\u2028<script>=HYPERLINK(1)"
	to := &topic{}
	if err := (SNS{Client: to}).Report(t.Context(), asr.Report{Control: name, Account: name, Region: name, Resource: name, Note: name, Severity: "\x00"}); err != nil {
		t.Fatal(err)
	}
	in := to.sent[0]
	said := []string{*in.Subject, strings.ReplaceAll(*in.Message, "\n", "")}
	for _, v := range in.MessageAttributes {
		said = append(said, *v.StringValue)
	}
	for _, text := range said {
		if text != asr.Line(text) {
			t.Errorf("got %q", text)
		}
	}
	var got asr.Report
	if err := json.Unmarshal([]byte(*in.Message), &got); err != nil || got.Resource != name {
		t.Errorf("got %q, %v", got.Resource, err)
	}
}

// covers: W7
func TestATopicThatCantBeReachedIsAnErrorAndNoEmptyAttributeIsSent(t *testing.T) {
	to := &topic{err: errors.New("no route to host")}
	if err := (SNS{Client: to}).Report(t.Context(), asr.Report{State: asr.StateVerified}); err == nil {
		t.Error("nobody was told, and nobody knows")
	}
	for name, v := range to.sent[0].MessageAttributes {
		if aws.ToString(v.StringValue) == "" {
			t.Errorf("the attribute %s is empty", name)
		}
	}
}

func TestASubjectIsAlwaysOneThatSNSTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := subject(asr.Report{State: asr.State(rapid.String().Draw(t, "state")), Control: rapid.String().Draw(t, "control"), Account: "1", Region: rapid.String().Draw(t, "region")})
		if len(s) == 0 || len(s) >= 100 || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) || !strings.HasPrefix(s, "asr: ") {
			t.Errorf("subject %q", s)
		}
	})
}
