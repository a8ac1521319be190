package org

import (
	"context"
	"fmt"

	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	hubtypes "github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

const (
	memberRole  = "asr-member"
	flowLogRole = "asr-flow-logs"

	// idTag asks the emulator for a certain account id: AWS chooses them at random.
	idTag = "sandbox:account-id"

	operators = "arn:aws:iam::" + hub + ":user/asr-operator"
)

// organize makes the organization with its units and accounts. It returns the
// organization's id.
func (o *Org) organize(ctx context.Context) (string, error) {
	api := organizations.NewFromConfig(o.s.Config(hub, virginia))
	made, err := api.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: orgtypes.OrganizationFeatureSetAll})
	if err != nil {
		return "", err
	}
	roots, err := api.ListRoots(ctx, nil)
	if err != nil {
		return "", err
	}
	root, units := roots.Roots[0].Id, map[string]*string{}
	for _, a := range o.Accounts {
		if units[a.OU] == nil {
			unit, err := api.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: root, Name: &a.OU})
			if err != nil {
				return "", err
			}
			units[a.OU] = unit.OrganizationalUnit.Id
		}
		if err := join(ctx, api, a, root, units[a.OU]); err != nil {
			return "", fmt.Errorf("account %s: %w", a.Name, err)
		}
	}
	return aws.ToString(made.Organization.Id), nil
}

// join puts an account into its unit. The hub is a member from the start.
func join(ctx context.Context, api *organizations.Client, a Account, root, unit *string) error {
	id := aws.String(hub)
	if a.ID != hub {
		made, err := api.CreateAccount(ctx, &organizations.CreateAccountInput{
			AccountName: &a.Name, Email: aws.String("aws+" + a.Name + "@example.com"),
			Tags: []orgtypes.Tag{{Key: aws.String(idTag), Value: &a.ID}, {Key: aws.String("owner"), Value: aws.String("team-" + a.Name)}},
		})
		if err != nil {
			return err
		}
		id = made.CreateAccountStatus.AccountId
	}
	_, err := api.MoveAccount(ctx, &organizations.MoveAccountInput{AccountId: id, SourceParentId: root, DestinationParentId: unit})
	return err
}

// admit enables Security Hub in an account and makes the roles that asr needs.
// The hub enables the aggregation Region first.
func (o *Org) admit(ctx context.Context, account, organization string) error {
	for _, region := range o.Regions {
		if _, err := securityhub.NewFromConfig(o.s.Config(account, region)).EnableSecurityHub(ctx, nil); err != nil {
			return err
		}
	}
	if account == hub {
		if err := o.administer(ctx); err != nil {
			return err
		}
	}
	api := iam.NewFromConfig(o.s.Config(account, virginia))
	// What a run may do is in its session's policy; the account is thrown away with the sandbox.
	if err := role(ctx, api, "/", memberRole, sessions.TrustPolicy(hub, "aws", organization, "", operators), allowing("*")); err != nil {
		return err
	}
	return role(ctx, api, "/asr/", flowLogRole, serviceTrust("vpc-flow-logs.amazonaws.com"),
		allowing("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups", "logs:DescribeLogStreams"))
}

// administer lets the hub see the findings of all accounts and Regions.
func (o *Org) administer(ctx context.Context) error {
	api := securityhub.NewFromConfig(o.s.Config(hub, virginia))
	in := &securityhub.CreateMembersInput{}
	for _, a := range o.Accounts[1:] {
		in.AccountDetails = append(in.AccountDetails, hubtypes.AccountDetails{AccountId: &a.ID, Email: aws.String("aws+" + a.Name + "@example.com")})
	}
	if _, err := api.CreateMembers(ctx, in); err != nil {
		return err
	}
	_, err := api.CreateFindingAggregator(ctx, &securityhub.CreateFindingAggregatorInput{RegionLinkingMode: aws.String("ALL_REGIONS")})
	return err
}

func role(ctx context.Context, api *iam.Client, path, name, trust, policy string) error {
	if _, err := api.CreateRole(ctx, &iam.CreateRoleInput{Path: &path, RoleName: &name, AssumeRolePolicyDocument: &trust}); err != nil {
		return err
	}
	_, err := api.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &name, PolicyDocument: &policy})
	return err
}

func serviceTrust(service string) string {
	return document(map[string]any{"Effect": "Allow", "Principal": map[string]string{"Service": service}, "Action": "sts:AssumeRole"})
}

func allowing(actions ...string) string {
	return document(map[string]any{"Effect": "Allow", "Action": actions, "Resource": "*"})
}
