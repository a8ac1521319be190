package iam

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// readSupporters counts as the control does: a group counts with users only.
// https://docs.aws.amazon.com/config/latest/developerguide/iam-policy-in-use.html
func readSupporters(ctx context.Context, cfg aws.Config, on remedy.On[support]) (now supporters, err error) {
	api := iam.NewFromConfig(cfg)
	if err := now.findRole(ctx, api, on); err != nil {
		return now, err
	}
	pages := iam.NewListEntitiesForPolicyPaginator(api, &iam.ListEntitiesForPolicyInput{
		PolicyArn: aws.String(on.Expand(supportPolicy)), PolicyUsageFilter: types.PolicyUsageTypePermissionsPolicy, // a boundary gives no rights
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return now, err
		}
		for _, r := range page.PolicyRoles {
			if now.Role != "" && aws.ToString(r.RoleName) == *roleName(on) {
				now.Attached = true
			} else {
				now.Other = "role " + aws.ToString(r.RoleName)
			}
		}
		for _, u := range page.PolicyUsers {
			now.Other = "user " + aws.ToString(u.UserName)
		}
		for _, g := range page.PolicyGroups {
			if err := now.join(ctx, api, g.GroupName); err != nil {
				return now, err
			}
		}
	}
	return now, nil
}

// join counts a group that has members.
func (s *supporters) join(ctx context.Context, api *iam.Client, group *string) error {
	pages := iam.NewGetGroupPaginator(api, &iam.GetGroupInput{GroupName: group})
	for s.Other == "" && pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return remedy.Unless(err, "NoSuchEntity")
		}
		if len(page.Users) > 0 {
			s.Other = "group " + aws.ToString(group)
		}
	}
	return nil
}

func (s *supporters) findRole(ctx context.Context, api *iam.Client, on remedy.On[support]) error {
	out, err := api.GetRole(ctx, &iam.GetRoleInput{RoleName: roleName(on)})
	if err != nil {
		return remedy.Unless(err, "NoSuchEntity")
	}
	if aws.ToString(out.Role.Arn) != on.Expand(supportRole) { // another path: not the role that was meant
		return nil
	}
	s.Role = aws.ToString(out.Role.Arn)
	text, err := url.PathUnescape(aws.ToString(out.Role.AssumeRolePolicyDocument))
	if err != nil {
		return err
	}
	trust, err := remedy.ParseDocument(text)
	if all := strangers(trust, on.Account); len(all) > 0 {
		s.Stranger = all[0]
	}
	return err
}

// strangers are the principals that a trust policy lets in and that are not of
// the account, sorted: anybody, other accounts, AWS services, and providers of
// identities that are nobody's own.
func strangers(trust remedy.Document, account string) (all []string) {
	for _, s := range trust.Statements() {
		statement, _ := s.(map[string]any)
		if statement["Effect"] != "Allow" {
			continue
		}
		principal, ok := statement["Principal"].(map[string]any)
		if !ok { // "*", or NotPrincipal
			all = append(all, "anybody")
			continue
		}
		for _, who := range principal {
			for _, p := range remedy.Texts(who) {
				if parts := strings.Split(p, ":"); p != account && (len(parts) < 6 || parts[4] != account) {
					all = append(all, p)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}
