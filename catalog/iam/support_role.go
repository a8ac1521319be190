package iam

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

const (
	supportRole   = "arn:{partition}:iam::{account}:role/{params.role}"
	supportPolicy = "arn:{partition}:iam::aws:policy/AWSSupportAccess"
	anyGroup      = "arn:{partition}:iam::{account}:group/*" // whoever has the policy
)

type support struct {
	Role string `json:"role" doc:"The path and the name of the role that gets access to AWS Support. It must exist."`
}

// supporters are those who can turn to AWS Support. What doesn't exist is empty.
type supporters struct {
	Role     string `json:"role"`     // the ARN of our role
	Stranger string `json:"stranger"` // who may assume it and is not of the account
	Attached bool   `json:"attached"` // it has AWSSupportAccess
	Other    string `json:"other"`    // who else has it, as in "user ann"
}

// SupportRole gives a role that exists the rights to manage support cases.
var SupportRole = remedy.Unit[support, supporters]{
	Spec: asr.Spec{
		ID: "iam-support-role", Version: 1,
		Title:  "Give an IAM role access to AWS Support",
		Impact: "AWS's policy AWSSupportAccess is attached to a role that exists and is meant for it: who may assume that role can open, read and answer the account's support cases, and read Trusted Advisor. Undone, the policy is detached; the role stays.",
		Risk:   asr.RiskLow, RiskWhy: "only those whom the role trusts, all of the account itself, gain something, and nobody loses anything",
		Scope: asr.ScopeAccount, Global: true,
		Reads: []asr.Grant{asr.Allow(supportPolicy, "iam:ListEntitiesForPolicy"), asr.Allow(supportRole, "iam:GetRole"), asr.Allow(anyGroup, "iam:GetGroup")},
		Writes: []asr.Grant{{
			On: supportRole, Actions: []string{"iam:AttachRolePolicy", "iam:DetachRolePolicy"},
			When: map[string]map[string]string{"ArnEquals": {"iam:PolicyARN": supportPolicy}},
		}},
		Settle: 5 * time.Second,
	},
	Controls: map[string]support{"IAM.18": {"asr/asr-support"}},
	Validate: func(on remedy.On[support]) error {
		if role := on.Params.Role; !pathAndName.MatchString(role) || strings.HasPrefix(role, "aws-service-role/") || strings.HasPrefix(role, "aws-reserved/") {
			return errors.New("role must be the path and the name of a role of your own, as in asr/asr-support")
		}
		return nil
	},
	Read: readSupporters,
	Want: func(on remedy.On[support], now supporters) (supporters, error) {
		arn := on.Expand(supportRole)
		switch {
		case now.Attached || now.Other != "":
			return now, nil
		case now.Role == "":
			return now, asr.Refuse("the role "+arn+", which shall manage support cases, is not there",
				"deploy asr-member, which has it, in account "+on.Account+", or set role to a role of your own; then plan again")
		case now.Stranger != "":
			return now, asr.Refuse("the role "+arn+" may be assumed by "+now.Stranger+", which is not of account "+on.Account,
				"let its trust policy name only principals of the account, or set role to another role; then plan again")
		}
		now.Attached = true
		return now, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[support], _, to supporters) (err error) {
		api, role, policy := iam.NewFromConfig(cfg), roleName(on), aws.String(on.Expand(supportPolicy))
		if to.Attached {
			_, err = api.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role, PolicyArn: policy})
			return err
		}
		_, err = api.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: role, PolicyArn: policy})
		return remedy.Unless(err, "NoSuchEntity")
	},
}

var pathAndName = regexp.MustCompile(`^([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}$`)

// roleName is what the API calls the role: its name without the path.
func roleName(on remedy.On[support]) *string {
	return aws.String(on.Params.Role[strings.LastIndex(on.Params.Role, "/")+1:])
}
