// Package ssm fixes Systems Manager.
package ssm

import (
	"cmp"
	"context"
	"maps"
	"path"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

const (
	instance   = "arn:{partition}:ec2:{region}:{account}:instance/{name}"
	profiles   = "arn:{partition}:iam::{account}:instance-profile/*"
	roles      = "arn:{partition}:iam::{account}:role/*"
	ourProfile = "arn:{partition}:iam::{account}:instance-profile/{params.profile}"
	ourRole    = "arn:{partition}:iam::{account}:role/{params.profile}"
	core       = "arn:{partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
)

type none struct{}

type handOut struct {
	Profile string `json:"profile" doc:"Path and name of the instance profile for instances that have none. It is deployed with the member role; its role has the same path and name."`
}

// access is how an instance comes to Systems Manager. The fields after Core are
// for judging only.
type access struct {
	Profile string          `json:"profile"` // the ARN of the instance's profile; "": none
	Core    map[string]bool `json:"core"`    // the profile's role, if AmazonSSMManagedInstanceCore is attached to it

	Role    string `json:"role,omitempty"`    // of the profile, or of the one that the instance would get
	Allowed bool   `json:"allowed,omitempty"` // its policies let the role report to Systems Manager
	Online  bool   `json:"online,omitempty"`  // Systems Manager hears from the instance
	Refusal string `json:"refusal,omitempty"`
	Do      string `json:"do,omitempty"`
}

// ManagedInstance gives an instance the rights that Systems Manager's agent needs.
var ManagedInstance = remedy.Unit[handOut, access]{
	Spec: asr.Spec{
		ID: "ssm-managed-instance", Version: 1,
		Title: "Let Systems Manager manage EC2 instances",
		Impact: "An instance without an instance profile gets the one that is deployed with the member role. Otherwise the policy AmazonSSMManagedInstanceCore is attached to the role of its profile, and every instance with that role gets these rights, which include reading any parameter of Parameter Store; undo takes them from all of these again. " +
			"Nothing changes where Systems Manager hears from the instance already, or the role's policies let it report. The agent takes up to an hour to notice. Whether it is installed, reaches Systems Manager and is let by service control policies can't be seen from outside: what is verified is the rights alone. " +
			"Instances that an Auto Scaling group makes later come without the profile: its launch template must name it.",
		Risk: asr.RiskMedium, RiskWhy: "who can run commands through Systems Manager can then do so on the instance, and its software gets more rights",
		Scope: asr.ScopeResource, Resources: []string{instance},
		Reads: []asr.Grant{
			asr.Allow("*", "ec2:DescribeInstances", "ec2:DescribeIamInstanceProfileAssociations", "ssm:DescribeInstanceInformation"),
			asr.Allow(profiles, "iam:GetInstanceProfile"), asr.Allow(roles, "iam:ListAttachedRolePolicies", "iam:SimulatePrincipalPolicy"),
		},
		Writes: []asr.Grant{
			asr.Allow(instance, "ec2:AssociateIamInstanceProfile", "ec2:DisassociateIamInstanceProfile"),
			{On: roles, Actions: []string{"iam:AttachRolePolicy", "iam:DetachRolePolicy"}, When: map[string]map[string]string{"ArnEquals": {"iam:PolicyARN": core}}},
		},
		Implied: []asr.Grant{passes},
		Locks:   []string{instance, "ssm-managed-instance/{account}"}, // instances share roles
		Settle:  5 * time.Second,
	},
	Controls: map[string]handOut{"SSM.1": {"asr/asr-ssm-instance"}},
	Validate: validateProfile,
	Read:     readAccess,
	Want: func(on remedy.On[handOut], now access) (access, error) {
		switch {
		case now.Online || now.Profile != "" && now.Allowed:
			return now, nil
		case now.Refusal != "":
			return now, asr.Refuse(now.Refusal, now.Do)
		}
		now.Profile = cmp.Or(now.Profile, on.Expand(ourProfile))
		if !now.Allowed {
			now.Core = maps.Clone(now.Core)
			if now.Core == nil {
				now.Core = map[string]bool{}
			}
			now.Core[now.Role] = true
		}
		return now, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[handOut], from, to access) error {
		for role := range to.Core {
			if !from.Core[role] {
				_, err := iam.NewFromConfig(cfg).AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &role, PolicyArn: aws.String(on.Expand(core))})
				return err
			}
		}
		for role := range from.Core {
			if !to.Core[role] {
				_, err := iam.NewFromConfig(cfg).DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &role, PolicyArn: aws.String(on.Expand(core))})
				return remedy.Unless(err, "NoSuchEntity")
			}
		}
		api := ec2.NewFromConfig(cfg)
		switch {
		case from.Profile == to.Profile:
			return nil
		case from.Profile != "":
			return leave(ctx, api, on.Name, from.Profile)
		}
		_, err := api.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{InstanceId: &on.Name, IamInstanceProfile: &ec2types.IamInstanceProfileSpecification{Arn: &to.Profile}})
		return err
	},
	Keep: func(on remedy.On[handOut], c asr.Change) string {
		if c.Path[0] == "core" && c.Path[len(c.Path)-1] == path.Base(on.Params.Profile) {
			return "the role is deployed with the policy, and other instances have the role by now"
		}
		return ""
	},
}
