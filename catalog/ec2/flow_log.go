package ec2

import (
	"cmp"
	"context"
	"errors"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
)

const active = "ACTIVE" // the only status of a flow log that there is

// ourFlow is the key of the flow log that we make.
func ourFlow(on remedy.On[traffic]) string {
	return string(on.Params.Type) + " to " + on.Expand(flowGroup)
}

func flowKey(l types.FlowLog) string {
	return string(l.TrafficType) + " to " + cmp.Or(aws.ToString(l.LogGroupName), aws.ToString(l.LogDestination))
}

func readFlows(ctx context.Context, cfg aws.Config, on remedy.On[traffic]) (f flows, err error) {
	api := ec2.NewFromConfig(cfg)
	if _, err := api.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{on.Name}}); err != nil {
		return f, remedy.Gone(err, "InvalidVpcID.NotFound", "InvalidVpcID.Malformed")
	}
	logs, err := flowLogs(ctx, api, on.Name)
	if err != nil {
		return f, err
	}
	f.FlowLogs = map[string]string{}
	for _, l := range logs {
		f.FlowLogs[flowKey(l)] = aws.ToString(l.FlowLogStatus)
	}
	if f.Group, err = flowGroupOf(ctx, cfg, on); err != nil {
		return f, err
	}
	role, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("asr-flow-logs")})
	if err != nil {
		return f, remedy.Unless(err, "NoSuchEntity")
	}
	if role.Role != nil && aws.ToString(role.Role.Arn) == on.Expand(flowRole) { // another path is another role
		f.Role = *role.Role.Arn
	}
	return f, nil
}

// flowGroupOf is the ARN of the VPC's log group, "" if there is none.
func flowGroupOf(ctx context.Context, cfg aws.Config, on remedy.On[traffic]) (string, error) {
	name := on.Expand(flowGroup)
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(cloudwatchlogs.NewFromConfig(cfg), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, g := range page.LogGroups {
			if aws.ToString(g.LogGroupName) == name {
				return on.Expand(flowGroupID), nil
			}
		}
	}
	return "", nil
}

// flowLogs are those of the VPC itself, wherever they go.
func flowLogs(ctx context.Context, api *ec2.Client, vpc string) (all []types.FlowLog, err error) {
	pages := ec2.NewDescribeFlowLogsPaginator(api, &ec2.DescribeFlowLogsInput{Filter: []types.Filter{{Name: aws.String("resource-id"), Values: []string{vpc}}}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.FlowLogs...)
	}
	return all, nil
}

func createFlowLog(ctx context.Context, api *ec2.Client, on remedy.On[traffic]) error {
	out, err := api.CreateFlowLogs(ctx, &ec2.CreateFlowLogsInput{
		ResourceType: types.FlowLogsResourceTypeVpc, ResourceIds: []string{on.Name}, TrafficType: on.Params.Type,
		LogDestinationType: types.LogDestinationTypeCloudWatchLogs, LogGroupName: aws.String(on.Expand(flowGroup)), DeliverLogsPermissionArn: aws.String(on.Expand(flowRole)),
		TagSpecifications: tagged(on.Call, types.ResourceTypeVpcFlowLog), ClientToken: &on.Call.Token,
	})
	if err == nil {
		err = failed(out.Unsuccessful)
	}
	return remedy.Unless(err, "FlowLogAlreadyExists")
}

// deleteFlowLog deletes the flow log that this run made, and no other like it.
func deleteFlowLog(ctx context.Context, api *ec2.Client, on remedy.On[traffic]) error {
	logs, err := flowLogs(ctx, api, on.Name)
	if err != nil {
		return err
	}
	for _, l := range logs {
		if flowKey(l) != ourFlow(on) {
			continue
		}
		if !madeBy(l.Tags, on.Call.Run) {
			return asr.Refuse("the flow log "+aws.ToString(l.FlowLogId)+" doesn't carry this run's tag: somebody else made it", "delete it by hand, if it shall go")
		}
		out, err := api.DeleteFlowLogs(ctx, &ec2.DeleteFlowLogsInput{FlowLogIds: []string{aws.ToString(l.FlowLogId)}})
		if err == nil {
			err = failed(out.Unsuccessful)
		}
		if err := remedy.Unless(err, "InvalidFlowLogId.NotFound"); err != nil {
			return err
		}
	}
	return nil
}

// failed is the error of a call that answers 200 and lists what it didn't do.
func failed(items []types.UnsuccessfulItem) (err error) {
	for _, i := range items {
		if i.Error != nil {
			err = errors.Join(err, &smithy.GenericAPIError{Code: aws.ToString(i.Error.Code), Message: aws.ToString(i.Error.Message)})
		}
	}
	return err
}
