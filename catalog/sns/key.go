package sns

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// keyName is the id of a KMS key, or an alias.
var keyName = regexp.MustCompile(`^(alias/.+|[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|mrk-[0-9a-f]{32})$`)

func readEncryption(ctx context.Context, cfg aws.Config, on remedy.On[with]) (now encryption, err error) {
	attributes, err := attributesOf(ctx, cfg, on.Target)
	if err != nil {
		return now, err
	}
	if now.Key = attributes["KmsMasterKeyId"]; now.Key != "" {
		return now, nil
	}
	policy, err := remedy.ParseDocument(attributes["Policy"])
	if err != nil {
		return now, err
	}
	publishers := publishersIn(policy, on.Account)
	alarm, err := alarmOn(ctx, cfg, on.ID)
	if err != nil {
		return now, err
	}
	if alarm != "" && publishers[cloudWatch] == "" {
		publishers[cloudWatch] = "alarm " + alarm
	}
	rights, err := rightsOn(ctx, cfg, on)
	now.Problem, now.CutOff = rights.problem, map[string]string{}
	for who, why := range publishers {
		if !rights.of(who) {
			now.CutOff[who] = why + rights.unread
		}
	}
	return now, err
}

func attributesOf(ctx context.Context, cfg aws.Config, t asr.Target) (map[string]string, error) {
	out, err := sns.NewFromConfig(cfg).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &t.ID})
	if err != nil {
		return nil, remedy.Gone(err, "NotFound", "NotFoundException")
	}
	return out.Attributes, nil
}

// alarmOn names a CloudWatch alarm that tells a topic, "" if there is none.
func alarmOn(ctx context.Context, cfg aws.Config, topic string) (string, error) {
	pages := cloudwatch.NewDescribeAlarmsPaginator(cloudwatch.NewFromConfig(cfg), &cloudwatch.DescribeAlarmsInput{
		ActionPrefix: &topic, AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm, cwtypes.AlarmTypeCompositeAlarm},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, a := range page.MetricAlarms {
			if slices.Contains(slices.Concat(a.AlarmActions, a.OKActions, a.InsufficientDataActions), topic) {
				return aws.ToString(a.AlarmName), nil
			}
		}
		for _, a := range page.CompositeAlarms {
			if slices.Contains(slices.Concat(a.AlarmActions, a.OKActions, a.InsufficientDataActions), topic) {
				return aws.ToString(a.AlarmName), nil
			}
		}
	}
	return "", nil
}

// rights are those on the key that is asked for.
type rights struct {
	problem string          // why nobody can encrypt with it
	policy  remedy.Document // nil: only principals of its account have any
	unread  string          // why the policy isn't known
}

// of reports whether a service or another account may encrypt for a topic.
func (r rights) of(who string) bool {
	return lets(r.policy, who, "kms:GenerateDataKey") && lets(r.policy, who, "kms:Decrypt")
}

// rightsOn reads a key's policy. AWS's own keys are for their account's
// principals alone, and KMS shows nobody the policies of other accounts' keys.
func rightsOn(ctx context.Context, cfg aws.Config, on remedy.On[with]) (r rights, err error) {
	if strings.HasSuffix(on.Params.Key, awsKey) {
		return r, nil
	}
	api := kms.NewFromConfig(cfg)
	out, err := api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &on.Params.Key})
	if err != nil {
		return r, err
	}
	switch key := out.KeyMetadata; {
	case key.KeyState != types.KeyStateEnabled:
		r.problem = "the key " + on.Params.Key + " is " + string(key.KeyState) + ": nobody could publish"
		return r, nil
	case key.KeySpec != types.KeySpecSymmetricDefault || key.KeyUsage != types.KeyUsageTypeEncryptDecrypt:
		r.problem = "the key " + on.Params.Key + " isn't one for symmetric encryption, the only kind that SNS takes"
		return r, nil
	case key.KeyManager == types.KeyManagerTypeAws:
		return r, nil
	case aws.ToString(key.AWSAccountId) != on.Account:
		r.unread = "; the policy of the key, account " + aws.ToString(key.AWSAccountId) + "'s, can't be read"
		return r, nil
	}
	policy, err := api.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: out.KeyMetadata.Arn, PolicyName: aws.String("default")})
	if err != nil {
		return r, err
	}
	r.policy, err = remedy.ParseDocument(aws.ToString(policy.Policy))
	return r, err
}

// lets reports whether a key's policy names a service or an account for an
// action. Conditions are the owner's business, who wrote them for this.
func lets(policy remedy.Document, who, action string) bool {
	return slices.ContainsFunc(policy.Statements(), func(e any) bool {
		s, _ := e.(map[string]any)
		by, _ := s["Principal"].(map[string]any)
		named := s["Principal"] == "*" || slices.Contains(remedy.Texts(by["Service"]), who) || slices.ContainsFunc(remedy.Texts(by["AWS"]), func(p string) bool {
			return p == "*" && !strings.Contains(who, ".") || remedy.AccountOf(p) == who // a service isn't meant by {"AWS": "*"}
		})
		return s["Effect"] == "Allow" && named && covers(s, action)
	})
}
