// Package notify tells people what became of runs. It only tells: what is to be
// told was decided, and stored, before.
package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// Publisher is what SNS needs of Amazon SNS; *sns.Client has it.
type Publisher interface {
	Publish(ctx context.Context, in *sns.PublishInput, options ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// SNS publishes reports to a topic: the report as JSON, and as message
// attributes what subscribers filter by: state, control, account, severity,
// reason, ticket.
type SNS struct {
	Client Publisher
	Topic  string // its ARN
}

// Report implements asr.Reporter. Errors are remedy.Judge's.
func (s SNS) Report(ctx context.Context, r asr.Report) error {
	doc, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	_, err = s.Client.Publish(ctx, &sns.PublishInput{
		TopicArn: &s.Topic, Subject: aws.String(subject(r)), Message: aws.String(string(asr.Inert(doc))), MessageAttributes: attributes(r),
	})
	return remedy.Judge(err)
}

// attributes leave out what is empty: SNS takes no empty one.
func attributes(r asr.Report) map[string]types.MessageAttributeValue {
	all := map[string]types.MessageAttributeValue{}
	for name, value := range map[string]string{
		"state": string(r.State), "control": r.Control, "account": r.Account, "severity": r.Severity, "reason": r.Reason, "ticket": fmt.Sprint(r.Ticket),
	} {
		if value = asr.Line(value); value != "" {
			all[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
	}
	return all
}

// subject is the line that mail programs show: ASCII, one line, less than 100
// characters, as SNS wants it.
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
func subject(r asr.Report) string {
	text := fmt.Sprintf("asr: %s %s in %s %s", strings.ReplaceAll(string(r.State), "_", " "), r.Control, r.Account, r.Region)
	text = strings.Map(func(c rune) rune {
		if c > '~' {
			return '?'
		}
		return c
	}, asr.Line(text))
	return text[:min(len(text), 99)]
}
