package ssm

import (
	"cmp"
	"context"
	"errors"
	"path"
	"regexp"
	"slices"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// replicationRole is that of Elastic Disaster Recovery's own servers:
// https://docs.aws.amazon.com/drs/latest/userguide/security-iam-awsmanpol-AWSElasticDisasterRecoveryReplicationServerPolicy.html
const replicationRole = "AWSElasticDisasterRecoveryReplicationServerRole"

// passes lets EC2 have our role; its name ends in .cn in China.
var passes = asr.Grant{On: ourRole, Actions: []string{"iam:PassRole"}, When: map[string]map[string]string{"StringLike": {"iam:PassedToService": "ec2.amazonaws.com*"}}}

var pathAndName = regexp.MustCompile(`^([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}$`)

func validateProfile(on remedy.On[handOut]) error {
	if !pathAndName.MatchString(on.Params.Profile) {
		return errors.New("profile must be a path and a name, as in asr/asr-ssm-instance")
	}
	return nil
}

func readAccess(ctx context.Context, cfg aws.Config, on remedy.On[handOut]) (a access, err error) {
	api := ec2.NewFromConfig(cfg)
	i, err := find(ctx, api, on.Name)
	if err != nil {
		return a, err
	}
	now, err := associations(ctx, api, on.Name)
	if err != nil {
		return a, err
	}
	for _, n := range now {
		if !stands(n.State, i) {
			return a, asr.ErrSettling
		}
		if n.IamInstanceProfile != nil {
			a.Profile = aws.ToString(n.IamInstanceProfile.Arn)
		}
	}
	if a.Online, err = online(ctx, cfg, on.Name); err != nil {
		return a, err
	}
	if err := a.look(ctx, cfg, on); err != nil {
		return a, err
	}
	if operator := operatorOf(i); operator != "" {
		a.Refusal, a.Do = "the instance is managed by "+operator+", which alone may change it", "suppress the finding, or set it up there"
	}
	return a, nil
}

func find(ctx context.Context, api *ec2.Client, id string) (i ec2types.Instance, err error) {
	out, err := api.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		return i, remedy.Gone(err, "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed")
	}
	if len(out.Reservations) == 0 || len(out.Reservations[0].Instances) == 0 {
		return i, asr.ErrGone
	}
	i = out.Reservations[0].Instances[0]
	return i, settled(i)
}

// settled is nil of an instance that EC2 would give or take a profile: one that
// runs or is stopped.
func settled(i ec2types.Instance) error {
	switch state(i) {
	case ec2types.InstanceStateNameTerminated, ec2types.InstanceStateNameShuttingDown:
		return asr.ErrGone
	case ec2types.InstanceStateNamePending, ec2types.InstanceStateNameStopping:
		return asr.ErrSettling
	}
	return nil
}

func state(i ec2types.Instance) ec2types.InstanceStateName {
	if i.State == nil {
		return ""
	}
	return i.State.Name
}

// stands reports whether an association changes no more by itself. A stopped
// instance may be associating until it is started.
func stands(s ec2types.IamInstanceProfileAssociationState, i ec2types.Instance) bool {
	return s == ec2types.IamInstanceProfileAssociationStateAssociated ||
		s == ec2types.IamInstanceProfileAssociationStateAssociating && state(i) == ec2types.InstanceStateNameStopped
}

// operatorOf is the AWS service that manages an instance, "" if its owner does.
func operatorOf(i ec2types.Instance) string {
	if i.Operator != nil && aws.ToBool(i.Operator.Managed) {
		return cmp.Or(aws.ToString(i.Operator.Principal), "AWS")
	}
	return ""
}

// associations are those of the instance that are, come or go.
func associations(ctx context.Context, api *ec2.Client, id string) (all []ec2types.IamInstanceProfileAssociation, err error) {
	pages := ec2.NewDescribeIamInstanceProfileAssociationsPaginator(api, &ec2.DescribeIamInstanceProfileAssociationsInput{
		Filters: []ec2types.Filter{{Name: aws.String("instance-id"), Values: []string{id}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.IamInstanceProfileAssociations...)
	}
	return slices.DeleteFunc(all, func(a ec2types.IamInstanceProfileAssociation) bool {
		return a.State == ec2types.IamInstanceProfileAssociationStateDisassociated
	}), nil
}

// leave takes a profile from an instance.
func leave(ctx context.Context, api *ec2.Client, id, profile string) error {
	all, err := associations(ctx, api, id)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.IamInstanceProfile == nil || aws.ToString(a.IamInstanceProfile.Arn) != profile {
			continue
		}
		_, err := api.DisassociateIamInstanceProfile(ctx, &ec2.DisassociateIamInstanceProfileInput{AssociationId: a.AssociationId})
		if err := remedy.Unless(err, "InvalidAssociationID.NotFound"); err != nil {
			return err
		}
	}
	return nil
}

// online reports whether Systems Manager hears from the instance, wherever its
// rights come from: a role, or Default Host Management Configuration.
func online(ctx context.Context, cfg aws.Config, id string) (bool, error) {
	pages := ssm.NewDescribeInstanceInformationPaginator(ssm.NewFromConfig(cfg), &ssm.DescribeInstanceInformationInput{
		Filters: []types.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: []string{id}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, err
		}
		for _, i := range page.InstanceInformationList {
			if aws.ToString(i.InstanceId) == id && i.PingStatus == types.PingStatusOnline {
				return true, nil
			}
		}
	}
	return false, nil
}

// look reads the role of the instance's profile, or of the profile that it
// would get.
func (a *access) look(ctx context.Context, cfg aws.Config, on remedy.On[handOut]) error {
	api, ours := iam.NewFromConfig(cfg), on.Expand(ourProfile)
	profile := cmp.Or(a.Profile, ours)
	out, err := api.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(path.Base(profile))})
	missing := remedy.Is(err, "NoSuchEntity") || err == nil && aws.ToString(out.InstanceProfile.Arn) != profile // another path is another profile
	switch {
	case missing && a.Profile == "":
		a.Refusal, a.Do = "the instance profile "+ours+" is not there", "deploy asr-member, which has it, in account "+on.Account+", then plan again"
		return nil
	case missing:
		a.Refusal, a.Do = "the instance's profile "+profile+" was deleted", "take it from the instance, then plan again"
		return nil
	case err != nil:
		return err
	case len(out.InstanceProfile.Roles) == 0:
		a.Refusal, a.Do = "the instance profile "+profile+" has no role", "put a role into it, which every instance with the profile then has, or take it from the instance; then plan again"
		return nil
	}
	role := out.InstanceProfile.Roles[0] // there is one at most
	a.Role = aws.ToString(role.RoleName)
	if a.Role == replicationRole {
		a.Refusal, a.Do = "the instance is a replication server of Elastic Disaster Recovery, which has no agent", "suppress the finding"
	}
	if a.Profile == "" && aws.ToString(role.Arn) != on.Expand(ourRole) {
		a.Refusal, a.Do = "the instance profile "+ours+" has the role "+aws.ToString(role.Arn)+", which asr may not pass", "give it the role "+on.Expand(ourRole)
	}
	if err := a.attached(ctx, api, on.Expand(core)); err != nil {
		return err
	}
	return a.simulate(ctx, api, aws.ToString(role.Arn), on)
}

func (a *access) attached(ctx context.Context, api *iam.Client, policy string) error {
	a.Core = map[string]bool{}
	pages := iam.NewListAttachedRolePoliciesPaginator(api, &iam.ListAttachedRolePoliciesInput{RoleName: &a.Role})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(page.AttachedPolicies, func(p iamtypes.AttachedPolicy) bool { return aws.ToString(p.PolicyArn) == policy }) {
			a.Core[a.Role] = true
		}
	}
	return nil
}

// simulate asks IAM whether the role may report to Systems Manager, by whatever
// policy, and what would still stand against it with one more.
func (a *access) simulate(ctx context.Context, api *iam.Client, role string, on remedy.On[handOut]) error {
	const report = "ssm:UpdateInstanceInformation"
	region := iamtypes.ContextEntry{ContextKeyName: aws.String("aws:RequestedRegion"), ContextKeyType: iamtypes.ContextKeyTypeEnumString, ContextKeyValues: []string{on.Region}}
	out, err := api.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: &role, ActionNames: []string{report}, ResourceArns: []string{on.Expand(instance)}, ContextEntries: []iamtypes.ContextEntry{region},
	})
	if err != nil {
		return err
	}
	for _, r := range out.EvaluationResults {
		a.Allowed = r.EvalDecision == iamtypes.PolicyEvaluationDecisionTypeAllowed
		if why := against(r); why != "" && a.Refusal == "" {
			a.Refusal, a.Do = why+" the role "+a.Role+" "+report, "change that first, then plan again"
		}
	}
	return nil
}

// against says what no further policy of a role can overcome. A service control
// policy proves nothing: the simulator takes one with a condition, as on
// Regions, for a denial.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html
func against(r iamtypes.EvaluationResult) string {
	switch boundary, org := r.PermissionsBoundaryDecisionDetail, r.OrganizationsDecisionDetail; {
	case org != nil && !org.AllowedByOrganizations:
		return ""
	case r.EvalDecision == iamtypes.PolicyEvaluationDecisionTypeExplicitDeny:
		return "a policy denies"
	case boundary != nil && !boundary.AllowedByPermissionsBoundary:
		return "a permissions boundary doesn't allow"
	}
	return ""
}
