package org

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const (
	anyIPv4 = "0.0.0.0/0"
	anyIPv6 = "::/0"
)

// network is a VPC to build in place of the Region's default VPC, which goes
// away as landing zones do it. The zero network is none.
type network struct {
	name, cidr  string
	tags        tags
	unlogged    bool // no flow logs: wrong
	defaultOpen bool // the default security group has the rules it began with: wrong
	subnets     []subnet
	groups      []group
	instances   []instance
}

type subnet struct {
	name, cidr string
	public     bool // assigns public addresses: wrong
}

// group is a security group.
type group struct {
	name          string
	ports         []port
	control, what string // "": it is right
	tags          tags
}

type port struct {
	protocol string
	from, to int32
	source   string
}

// instance is a virtual machine in the first subnet.
type instance struct {
	name  string
	plain bool // answers metadata requests without a token: wrong
	tags  tags
}

func (n network) build(ctx context.Context, b *site) error {
	api := ec2.NewFromConfig(b.Config)
	if err := dropDefault(ctx, api); err != nil || n.name == "" {
		return err
	}
	made, err := api.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: &n.cidr, TagSpecifications: named(ec2types.ResourceTypeVpc, n.name, n.tags)})
	if err != nil {
		return err
	}
	id := made.Vpc.VpcId
	if n.unlogged {
		b.wrong("EC2.6", b.arn("ec2", "vpc/"+*id), "no flow logs")
	}
	if err := n.defaultGroup(ctx, b, api, id); err != nil {
		return err
	}
	for _, g := range n.groups {
		if err := g.build(ctx, b, api, id); err != nil {
			return err
		}
	}
	first, err := n.divide(ctx, b, api, id)
	if err != nil {
		return err
	}
	return n.populate(ctx, b, api, first)
}

// dropDefault deletes the Region's default VPC.
func dropDefault(ctx context.Context, api *ec2.Client) error {
	subnets, err := api.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []ec2types.Filter{{Name: aws.String("default-for-az"), Values: []string{"true"}}}})
	if err != nil {
		return err
	}
	vpcs := map[string]bool{}
	for _, s := range subnets.Subnets {
		vpcs[*s.VpcId] = true
		if _, err := api.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: s.SubnetId}); err != nil {
			return err
		}
	}
	for id := range vpcs {
		if _, err := api.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &id}); err != nil {
			return err
		}
	}
	return nil
}

// defaultGroup gives the VPC's default security group the rules that AWS
// begins with, of which the emulator has only those out, or takes them away.
func (n network) defaultGroup(ctx context.Context, b *site, api *ec2.Client, vpc *string) error {
	found, err := api.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{
		{Name: aws.String("vpc-id"), Values: []string{*vpc}}, {Name: aws.String("group-name"), Values: []string{"default"}},
	}})
	if err != nil {
		return err
	}
	g := found.SecurityGroups[0]
	b.group = *g.GroupId
	if _, err := api.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{*g.GroupId}, Tags: ec2Tags(n.tags.with(tags{"Name": n.name + "-default"}))}); err != nil {
		return err
	}
	if !n.defaultOpen {
		_, err := api.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: g.GroupId, IpPermissions: g.IpPermissionsEgress})
		return err
	}
	b.wrong("EC2.2", b.arn("ec2", "security-group/"+*g.GroupId), "the VPC's default security group has rules")
	_, err = api.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: g.GroupId, IpPermissions: []ec2types.IpPermission{
		{IpProtocol: aws.String("-1"), UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: g.GroupId, UserId: &b.account}}},
	}})
	return err
}

func (g group) build(ctx context.Context, b *site, api *ec2.Client, vpc *string) error {
	made, err := api.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: &g.name, Description: aws.String(g.name), VpcId: vpc, TagSpecifications: named(ec2types.ResourceTypeSecurityGroup, g.name, g.tags),
	})
	if err != nil {
		return err
	}
	if g.control != "" {
		b.wrong(g.control, b.arn("ec2", "security-group/"+*made.GroupId), g.what)
	}
	in := &ec2.AuthorizeSecurityGroupIngressInput{GroupId: made.GroupId}
	for _, p := range g.ports {
		permission := ec2types.IpPermission{IpProtocol: &p.protocol, FromPort: &p.from, ToPort: &p.to}
		if p.source == anyIPv6 {
			permission.Ipv6Ranges = []ec2types.Ipv6Range{{CidrIpv6: &p.source, Description: &g.name}}
		} else {
			permission.IpRanges = []ec2types.IpRange{{CidrIp: &p.source, Description: &g.name}}
		}
		in.IpPermissions = append(in.IpPermissions, permission)
	}
	_, err = api.AuthorizeSecurityGroupIngress(ctx, in)
	return err
}

// divide makes the subnets and returns the first's id.
func (n network) divide(ctx context.Context, b *site, api *ec2.Client, vpc *string) (first *string, err error) {
	for _, s := range n.subnets {
		made, err := api.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: vpc, CidrBlock: &s.cidr, AvailabilityZone: aws.String(b.Region + "a"), TagSpecifications: named(ec2types.ResourceTypeSubnet, s.name, n.tags),
		})
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = made.Subnet.SubnetId
		}
		if s.public {
			b.wrong("EC2.15", b.arn("ec2", "subnet/"+*made.Subnet.SubnetId), "what starts in it gets a public address")
		}
		// Said for all: the emulator takes a zone's first subnet for a default one.
		if _, err := api.ModifySubnetAttribute(ctx, &ec2.ModifySubnetAttributeInput{SubnetId: made.Subnet.SubnetId, MapPublicIpOnLaunch: &ec2types.AttributeBooleanValue{Value: &s.public}}); err != nil {
			return nil, err
		}
	}
	return first, nil
}

// populate starts the instances.
func (n network) populate(ctx context.Context, b *site, api *ec2.Client, subnet *string) error {
	if len(n.instances) == 0 {
		return nil
	}
	image, err := api.RegisterImage(ctx, &ec2.RegisterImageInput{Name: aws.String("golden-" + n.name), Architecture: ec2types.ArchitectureValuesX8664, RootDeviceName: aws.String("/dev/xvda")})
	if err != nil {
		return err
	}
	for _, i := range n.instances {
		in := &ec2.RunInstancesInput{
			ImageId: image.ImageId, MinCount: aws.Int32(1), MaxCount: aws.Int32(1), InstanceType: ec2types.InstanceTypeT3Micro, SubnetId: subnet,
			TagSpecifications: named(ec2types.ResourceTypeInstance, i.name, i.tags),
		}
		if !i.plain {
			in.MetadataOptions = &ec2types.InstanceMetadataOptionsRequest{HttpTokens: ec2types.HttpTokensStateRequired}
		}
		made, err := api.RunInstances(ctx, in)
		if err != nil {
			return err
		}
		if i.plain {
			b.wrong("EC2.8", b.arn("ec2", "instance/"+*made.Instances[0].InstanceId), "answers metadata requests of version 1")
		}
	}
	return nil
}

func ec2Tags(t tags) []ec2types.Tag {
	return as(t, func(key, value *string) ec2types.Tag { return ec2types.Tag{Key: key, Value: value} })
}

func named(kind ec2types.ResourceType, name string, t tags) []ec2types.TagSpecification {
	return []ec2types.TagSpecification{{ResourceType: kind, Tags: ec2Tags(t.with(tags{"Name": name}))}}
}

// publicSnapshot is an EBS snapshot that everybody may restore.
type publicSnapshot struct {
	name string
	tags tags
}

func (p publicSnapshot) build(ctx context.Context, b *site) error {
	api := ec2.NewFromConfig(b.Config)
	volume, err := api.CreateVolume(ctx, &ec2.CreateVolumeInput{AvailabilityZone: aws.String(b.Region + "a"), Size: aws.Int32(8)})
	if err != nil {
		return err
	}
	made, err := api.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: volume.VolumeId, TagSpecifications: named(ec2types.ResourceTypeSnapshot, p.name, p.tags)})
	if err != nil {
		return err
	}
	b.wrong("EC2.1", accountARN(b.account), "everybody may restore the EBS snapshot "+p.name)
	_, err = api.ModifySnapshotAttribute(ctx, &ec2.ModifySnapshotAttributeInput{
		SnapshotId: made.SnapshotId, Attribute: ec2types.SnapshotAttributeNameCreateVolumePermission, OperationType: ec2types.OperationTypeAdd, GroupNames: []string{"all"},
	})
	return err
}

// encryptionDefault encrypts new EBS volumes.
func encryptionDefault(ctx context.Context, b *site) error {
	_, err := ec2.NewFromConfig(b.Config).EnableEbsEncryptionByDefault(ctx, nil)
	return err
}

// plainVolumes is how Regions begin.
func plainVolumes(_ context.Context, b *site) error {
	b.wrong("EC2.7", accountARN(b.account), "new EBS volumes are not encrypted unasked")
	return nil
}
