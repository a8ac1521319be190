package sns

import (
	"context"
	"strconv"

	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

func readDeliveries(ctx context.Context, cfg aws.Config, on remedy.On[sample]) (now deliveries, err error) {
	attributes, err := attributesOf(ctx, cfg, on.Target)
	if err != nil {
		return now, err
	}
	now.Logs = map[string]feedback{}
	for _, p := range protocols {
		f := feedback{Success: attributes[p+"SuccessFeedbackRoleArn"], Failure: attributes[p+"FailureFeedbackRoleArn"]}
		if rate, err := strconv.ParseInt(attributes[p+"SuccessFeedbackSampleRate"], 10, 32); err == nil { // not set: 0
			f.Rate = int32(rate)
		}
		now.Logs[p] = f
	}
	role, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("asr-sns-logging")})
	if err != nil {
		return now, remedy.Unless(err, "NoSuchEntity")
	}
	if aws.ToString(role.Role.Arn) == on.Expand(logRole) { // another path is another role
		now.Role = on.Expand(logRole)
	}
	return now, nil
}

// attributesFor writes all that is logged as SNS's attributes.
func attributesFor(d deliveries) map[string]string {
	all := map[string]string{}
	for _, p := range protocols {
		f := d.Logs[p]
		all[p+"SuccessFeedbackRoleArn"], all[p+"FailureFeedbackRoleArn"] = f.Success, f.Failure
		all[p+"SuccessFeedbackSampleRate"] = strconv.Itoa(int(f.Rate))
	}
	return all
}
