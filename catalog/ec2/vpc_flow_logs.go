package ec2

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const (
	vpc         = "arn:{partition}:ec2:{region}:{account}:vpc/{name}"
	flowLog     = "arn:{partition}:ec2:{region}:{account}:vpc-flow-log/*"
	flowGroup   = "/asr/vpc-flow-logs/{name}"
	flowGroupID = "arn:{partition}:logs:{region}:{account}:log-group:" + flowGroup
	flowRole    = "arn:{partition}:iam::{account}:role/asr/asr-flow-logs"
)

type traffic struct {
	Type types.TrafficType `json:"traffic" doc:"What is logged at least: REJECT or ALL."`
}

// flows is where a VPC's traffic is logged. What doesn't exist is empty.
type flows struct {
	Role     string            `json:"role"`     // the ARN of the service role that delivers
	Group    string            `json:"group"`    // the ARN of our log group for this VPC
	FlowLogs map[string]string `json:"flowLogs"` // the status of each: "REJECT to /asr/vpc-flow-logs/vpc-0123"
}

// VPCFlowLogs logs a VPC's traffic to CloudWatch Logs.
var VPCFlowLogs = remedy.Unit[traffic, flows]{
	Spec: asr.Spec{
		ID: "ec2-vpc-flow-logs", Version: 1,
		Title:  "Log the traffic of VPCs",
		Impact: "Rejected connections of the VPC, or all of them, are logged to a CloudWatch log group of its own, which keeps them until somebody sets a retention. The log group stays when the fix is undone.",
		Risk:   asr.RiskLow, RiskWhy: "traffic is only watched, and nobody notices",
		Cost:  "about 0.50 USD per GB of log, and 0.03 USD per GB and month to keep it",
		Scope: asr.ScopeResource, Resources: []string{vpc},
		Reads: []asr.Grant{asr.Allow("*", "ec2:DescribeVpcs", "ec2:DescribeFlowLogs", "logs:DescribeLogGroups"), asr.Allow(flowRole, "iam:GetRole")},
		Writes: []asr.Grant{
			asr.Allow(flowGroupID+":*", "logs:CreateLogGroup"),
			asr.Allow(vpc, "ec2:CreateFlowLogs"),
			asr.Allow(flowLog, "ec2:CreateFlowLogs"),
			{On: flowLog, Actions: []string{"ec2:DeleteFlowLogs"}, When: map[string]map[string]string{"StringLike": {"aws:ResourceTag/" + asr.OwnerTag: "*"}}},
		},
		Implied: []asr.Grant{
			asr.Allow(flowGroupID, "logs:TagResource"),
			asr.Allow(flowGroupID+":*", "logs:TagResource"),
			{On: flowLog, Actions: []string{"ec2:CreateTags"}, When: map[string]map[string]string{"StringEquals": {"ec2:CreateAction": "CreateFlowLogs"}}},
			asr.Pass(flowRole, "vpc-flow-logs.amazonaws.com"),
		},
		Settle: 2 * time.Second,
	},
	Controls: map[string]traffic{"EC2.6": {types.TrafficTypeReject}},
	Read:     readFlows,
	Want:     wantFlows,
	Write:    writeFlows,
	Validate: func(on remedy.On[traffic]) error {
		if t := on.Params.Type; t != types.TrafficTypeReject && t != types.TrafficTypeAll {
			return fmt.Errorf("traffic is %q, and can be REJECT or ALL", t)
		}
		return nil
	},
	Keep: func(_ remedy.On[traffic], c asr.Change) string {
		if c.Path[0] == "group" {
			return "it holds what was logged"
		}
		return ""
	},
	Makes: func(on remedy.On[traffic], c asr.Change) string {
		if c.Path[0] == "group" {
			return on.Expand(flowGroupID)
		}
		return ""
	},
}

// wantFlows is content with any destination: the control asks for REJECT, of
// which ALL is more.
func wantFlows(on remedy.On[traffic], now flows) (flows, error) {
	for what, status := range now.FlowLogs {
		logged, _, _ := strings.Cut(what, " ")
		if status == active && (logged == string(types.TrafficTypeAll) || logged == string(on.Params.Type)) {
			return now, nil
		}
	}
	if now.Role == "" {
		return now, asr.Refuse("the role "+on.Expand(flowRole)+", with which VPC Flow Logs writes to CloudWatch Logs, is not there",
			"deploy asr-member, which has it, in account "+on.Account+", then plan again")
	}
	to := flows{Role: now.Role, Group: on.Expand(flowGroupID), FlowLogs: map[string]string{}}
	maps.Copy(to.FlowLogs, now.FlowLogs)
	to.FlowLogs[ourFlow(on)] = active
	return to, nil
}

// writeFlows takes the first step that is missing.
func writeFlows(ctx context.Context, cfg aws.Config, on remedy.On[traffic], from, to flows) error {
	if from.Group == "" && to.Group != "" {
		_, err := cloudwatchlogs.NewFromConfig(cfg).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(on.Expand(flowGroup)), Tags: on.Call.Tags()})
		return remedy.Unless(err, "ResourceAlreadyExistsException")
	}
	if to.FlowLogs[ourFlow(on)] != "" {
		return createFlowLog(ctx, ec2.NewFromConfig(cfg), on)
	}
	return deleteFlowLog(ctx, ec2.NewFromConfig(cfg), on)
}
