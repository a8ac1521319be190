package cloudtrail

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

const (
	logGroup = "arn:{partition}:logs:{region}:{account}:log-group:{params.group}"
	logsRole = "arn:{partition}:iam::{account}:role/asr/asr-cloudtrail-logs"
)

type forwarding struct {
	Group string `json:"group" doc:"The log group that the events go to; {name} (the trail's), {account} and {region} are filled in. It is made if it isn't there. The role asr-cloudtrail-logs must be allowed to write to it."`
}

// forwarded is where a trail sends its events besides the bucket. What doesn't exist is empty.
type forwarded struct {
	Role  string `json:"role"`  // the ARN of the service role that delivers for us
	Group string `json:"group"` // the ARN of the log group that the parameter names
	To    string `json:"to"`    // the ARN, which ends in :*, of the log group that the trail delivers to
	As    string `json:"as"`    // the ARN of the role that it delivers as
}

// CloudWatchLogs lets a trail send its events to a log group too.
var CloudWatchLogs = remedy.Unit[forwarding, forwarded]{
	Spec: asr.Spec{
		ID: "cloudtrail-cloudwatch-logs", Version: 1,
		Title:  "Send CloudTrail's events to CloudWatch Logs",
		Impact: "The events that the trail records go to a CloudWatch log group too, within minutes, where metric filters and alarms can watch them; who may read the log group reads the account's audit log. The log group keeps them until somebody sets a retention. What the trail delivers to S3 stays as it is. Undone, nothing more is sent; the log group stays with what it holds.",
		Risk:   asr.RiskLow, RiskWhy: "the trail's files are delivered as before, and its bucket isn't touched",
		Cost:  "about 0.50 USD per GB of events, and 0.03 USD per GB and month to keep them",
		Scope: asr.ScopeResource, Resources: []string{trail},
		Reads: []asr.Grant{
			asr.Allow("*", "cloudtrail:DescribeTrails", "logs:DescribeLogGroups"), asr.Allow(trail, "cloudtrail:GetTrail"), asr.Allow(logsRole, "iam:GetRole"),
		},
		Writes:  []asr.Grant{asr.Allow(logGroup+":*", "logs:CreateLogGroup"), asr.Allow(trail, "cloudtrail:UpdateTrail")},
		Implied: append(ofOrganizations(), asr.Allow(logGroup, "logs:TagResource"), asr.Allow(logGroup+":*", "logs:TagResource"), asr.Pass(logsRole, "cloudtrail.amazonaws.com")),
		Locks:   []string{trail, logGroup},
		Settle:  5 * time.Second,
	},
	Controls: map[string]forwarding{"CloudTrail.5": {"/asr/cloudtrail/{name}"}},
	Resolve:  resolveTrail[forwarding],
	Validate: func(on remedy.On[forwarding]) error {
		name := on.Expand("{params.group}")
		if !groupName.MatchString(name) || strings.HasPrefix(name, "aws/") {
			return errors.New("group must be a log group's name, as in /asr/cloudtrail/main: 1 to 512 letters, digits and . - _ / #")
		}
		return nil
	},
	Read: readForwarded,
	Want: func(on remedy.On[forwarding], now forwarded) (forwarded, error) {
		if now.To != "" {
			return now, nil
		}
		if now.Role == "" {
			return now, asr.Refuse("the role "+on.Expand(logsRole)+", with which CloudTrail writes to CloudWatch Logs, is not there",
				"deploy asr-member, which has it, in account "+on.Account+", then plan again")
		}
		return forwarded{now.Role, on.Expand(logGroup), on.Expand(logGroup) + ":*", now.Role}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[forwarding], from, to forwarded) error {
		if from.Group == "" && to.Group != "" {
			_, err := cloudwatchlogs.NewFromConfig(cfg).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(on.Expand("{params.group}")), Tags: on.Call.Tags()})
			return remedy.Unless(err, "ResourceAlreadyExistsException")
		}
		_, err := cloudtrail.NewFromConfig(cfg).UpdateTrail(ctx, &cloudtrail.UpdateTrailInput{Name: &on.ID, CloudWatchLogsLogGroupArn: &to.To, CloudWatchLogsRoleArn: &to.As}) // both "": none
		return heeded(err)
	},
	Keep: func(_ remedy.On[forwarding], c asr.Change) string {
		if c.Path[0] == "group" {
			return "it holds what was recorded"
		}
		return ""
	},
	Makes: func(on remedy.On[forwarding], c asr.Change) string {
		if c.Path[0] == "group" {
			return on.Expand(logGroup)
		}
		return ""
	},
}

var groupName = regexp.MustCompile(`^[A-Za-z0-9_/.#-]{1,512}$`)
