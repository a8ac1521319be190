package org

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func fromEC2(list []ec2types.Tag) tags {
	return gather(list, func(t ec2types.Tag) (key, value *string) { return t.Key, t.Value })
}

func securityGroups(ctx context.Context, s *spot) ([]ec2types.SecurityGroup, error) {
	return recall(s, "security groups", func() ([]ec2types.SecurityGroup, error) {
		p := ec2.NewDescribeSecurityGroupsPaginator(ec2.NewFromConfig(s.Config), &ec2.DescribeSecurityGroupsInput{MaxResults: aws.Int32(1000)})
		return collect(ctx, p, func(o *ec2.DescribeSecurityGroupsOutput) []ec2types.SecurityGroup { return o.SecurityGroups })
	})
}

// everyGroup judges the security groups that a filter lets through.
func everyGroup(concerns, passes func(ec2types.SecurityGroup) bool) check {
	return func(ctx context.Context, s *spot) ([]verdict, error) {
		all, err := securityGroups(ctx, s)
		all = slices.DeleteFunc(slices.Clone(all), func(g ec2types.SecurityGroup) bool { return !concerns(g) })
		return judge(all, func(g ec2types.SecurityGroup) verdict {
			return verdict{s.arn("ec2", "security-group/"+*g.GroupId), passes(g), fromEC2(g.Tags)}
		}), err
	}
}

func anyGroup(ec2types.SecurityGroup) bool { return true }

func defaultGroupsClosed() check {
	return everyGroup(
		func(g ec2types.SecurityGroup) bool { return aws.ToString(g.GroupName) == "default" },
		func(g ec2types.SecurityGroup) bool {
			return len(g.IpPermissions) == 0 && len(g.IpPermissionsEgress) == 0
		},
	)
}

// span is what a rule opens to the internet.
type span struct {
	protocol string // "-1": all
	from, to int32
}

// opened are the spans that a group opens to everybody.
func opened(g ec2types.SecurityGroup) []span {
	var all []span
	for _, p := range g.IpPermissions {
		four := slices.ContainsFunc(p.IpRanges, func(r ec2types.IpRange) bool { return aws.ToString(r.CidrIp) == anyIPv4 })
		six := slices.ContainsFunc(p.Ipv6Ranges, func(r ec2types.Ipv6Range) bool { return aws.ToString(r.CidrIpv6) == anyIPv6 })
		if !four && !six {
			continue
		}
		one := span{aws.ToString(p.IpProtocol), aws.ToInt32(p.FromPort), aws.ToInt32(p.ToPort)}
		if one.protocol == "-1" {
			one.from, one.to = 0, 65535
		}
		all = append(all, one)
	}
	return all
}

// portsClosed checks that no rule opens one of the ports, of TCP unless udp too.
func portsClosed(udp bool, ports ...int32) check {
	return everyGroup(anyGroup, func(g ec2types.SecurityGroup) bool {
		return !slices.ContainsFunc(opened(g), func(o span) bool {
			concerned := o.protocol == "-1" || o.protocol == "tcp" || udp && o.protocol == "udp"
			return concerned && slices.ContainsFunc(ports, func(p int32) bool { return o.from <= p && p <= o.to })
		})
	})
}

// riskyPorts of https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html#ec2-19
func riskyPorts() check {
	return portsClosed(true, 20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389, 4333, 5000, 5432, 5500, 5601, 8080, 8088, 8888, 9200, 9300)
}

// authorizedPorts lets everybody use TCP ports 80 and 443 only.
func authorizedPorts() check {
	return everyGroup(anyGroup, func(g ec2types.SecurityGroup) bool {
		return !slices.ContainsFunc(opened(g), func(o span) bool {
			return o.protocol != "tcp" || o.from != o.to || o.from != 80 && o.from != 443
		})
	})
}

func snapshotsPrivate(ctx context.Context, s *spot) ([]verdict, error) {
	p := ec2.NewDescribeSnapshotsPaginator(ec2.NewFromConfig(s.Config), &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, RestorableByUserIds: []string{"all"}})
	all, err := collect(ctx, p, func(o *ec2.DescribeSnapshotsOutput) []ec2types.Snapshot { return o.Snapshots })
	return s.whole(len(all) == 0), err
}

func volumesEncrypted(ctx context.Context, s *spot) ([]verdict, error) {
	out, err := ec2.NewFromConfig(s.Config).GetEbsEncryptionByDefault(ctx, nil)
	if err != nil {
		return nil, err
	}
	return s.whole(aws.ToBool(out.EbsEncryptionByDefault)), nil
}

func flowLogs(ctx context.Context, s *spot) ([]verdict, error) {
	api := ec2.NewFromConfig(s.Config)
	vpcs, err := collect(ctx, ec2.NewDescribeVpcsPaginator(api, &ec2.DescribeVpcsInput{}), func(o *ec2.DescribeVpcsOutput) []ec2types.Vpc { return o.Vpcs })
	if err != nil {
		return nil, err
	}
	logs, err := collect(ctx, ec2.NewDescribeFlowLogsPaginator(api, &ec2.DescribeFlowLogsInput{}), func(o *ec2.DescribeFlowLogsOutput) []ec2types.FlowLog { return o.FlowLogs })
	return judge(vpcs, func(v ec2types.Vpc) verdict {
		logged := slices.ContainsFunc(logs, func(l ec2types.FlowLog) bool {
			return aws.ToString(l.ResourceId) == *v.VpcId && aws.ToString(l.FlowLogStatus) == "ACTIVE" && l.TrafficType != ec2types.TrafficTypeAccept
		})
		return verdict{s.arn("ec2", "vpc/"+*v.VpcId), logged, fromEC2(v.Tags)}
	}), err
}

func metadataTokens(ctx context.Context, s *spot) ([]verdict, error) {
	p := ec2.NewDescribeInstancesPaginator(ec2.NewFromConfig(s.Config), &ec2.DescribeInstancesInput{})
	all, err := collect(ctx, p, func(o *ec2.DescribeInstancesOutput) []ec2types.Instance {
		var all []ec2types.Instance
		for _, r := range o.Reservations {
			all = append(all, r.Instances...)
		}
		return all
	})
	all = slices.DeleteFunc(all, func(i ec2types.Instance) bool {
		return i.State != nil && i.State.Name == ec2types.InstanceStateNameTerminated
	})
	return judge(all, func(i ec2types.Instance) verdict {
		required := i.MetadataOptions != nil && i.MetadataOptions.HttpTokens == ec2types.HttpTokensStateRequired
		return verdict{s.arn("ec2", "instance/"+*i.InstanceId), required, fromEC2(i.Tags)}
	}), err
}

func subnetsPrivate(ctx context.Context, s *spot) ([]verdict, error) {
	p := ec2.NewDescribeSubnetsPaginator(ec2.NewFromConfig(s.Config), &ec2.DescribeSubnetsInput{})
	all, err := collect(ctx, p, func(o *ec2.DescribeSubnetsOutput) []ec2types.Subnet { return o.Subnets })
	return judge(all, func(n ec2types.Subnet) verdict {
		return verdict{s.arn("ec2", "subnet/"+*n.SubnetId), !aws.ToBool(n.MapPublicIpOnLaunch), fromEC2(n.Tags)}
	}), err
}
