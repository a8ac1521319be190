package codebuild

import (
	"context"
	"errors"
	"regexp"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	folder     = "/CodeBuild/{name}/env/" // CodeBuild recommends /CodeBuild/
	parameters = "arn:{partition}:ssm:{region}:{account}:parameter" + folder + "*"
	anyRole    = "arn:{partition}:iam::{account}:role/*" // which one a project has is known by looking only
	key        = "arn:{partition}:kms:{region}:{account}:key/{params.key}"
	anyKey     = "arn:{partition}:kms:{region}:{account}:key/*"
)

type store struct {
	Key string `json:"key" doc:"ID of a KMS key of this account and Region that encrypts the parameters. Empty: Parameter Store's own (aws/ssm), which asks nobody for rights."`
}

// credentials is where a project has its AWS keys from. What doesn't exist is empty.
type credentials struct {
	Variables  map[string]variable `json:"variables"`            // by name; those that hold AWS keys
	Parameters map[string]int64    `json:"parameters"`           // by the names that we'd give them: the version, which is 1 when it is made
	Role       string              `json:"role,omitempty"`       // the project's service role; for judging only, as is the next
	Unreadable []string            `json:"unreadable,omitempty"` // what it may not do: "ssm:GetParameters on arn:…"
}

type variable struct {
	Type  string     `json:"type"`
	Plain asr.Secret `json:"plain,omitempty"` // of type PLAINTEXT: the value
	From  string     `json:"from,omitempty"`  // of the other types: where the value is
}

// NoClearTextCredentials moves AWS keys out of a project's settings, where
// everybody who may look at the project reads them.
// https://docs.aws.amazon.com/codebuild/latest/userguide/change-project.html
var NoClearTextCredentials = remedy.Unit[store, credentials]{
	Spec: asr.Spec{
		ID: "codebuild-no-clear-text-credentials", Version: 1,
		Title:  "Move AWS keys of CodeBuild projects into Parameter Store",
		Impact: "Builds get the same keys under the same names, from encrypted parameters that are made for the project. The project's service role must be allowed to read them first; if it isn't, nothing is changed and the refusal says what to allow. The keys were readable until now and stand in CloudTrail and in former builds: rotate them, or better let the service role do what they are for. Put back, they are readable again and the parameters are deleted, unless somebody changed them.",
		Risk:   asr.RiskMedium, RiskWhy: "builds fail if something that IAM's simulation doesn't see, such as a service control policy, keeps the role from reading the parameters",
		Scope: asr.ScopeResource, Resources: []string{project},
		Reads: []asr.Grant{
			asr.Allow(project, "codebuild:BatchGetProjects"), asr.Allow(parameters, "ssm:GetParameters"),
			asr.Allow(anyRole, "iam:SimulatePrincipalPolicy"),
		},
		Writes: []asr.Grant{
			asr.Allow(project, "codebuild:UpdateProject"), asr.Allow(parameters, "ssm:PutParameter", "ssm:ListTagsForResource"),
			{On: parameters, Actions: []string{"ssm:DeleteParameter"}, When: map[string]map[string]string{"StringLike": {"aws:ResourceTag/" + asr.OwnerTag: "*"}}},
		},
		Implied: []asr.Grant{
			asr.Allow(parameters, "ssm:AddTagsToResource"), asr.Allow(key, "kms:Encrypt"),
			{On: anyKey, Actions: []string{"kms:Encrypt"}, When: map[string]map[string]string{"StringLike": {"kms:ViaService": "ssm.{region}.*"}, "ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/aws/ssm"}}},
		},
		Settle: 5 * time.Second,
	},
	Controls: map[string]store{"CodeBuild.2": {}},
	Validate: func(on remedy.On[store]) error {
		if on.Params.Key != "" && !keyID.MatchString(on.Params.Key) {
			return errors.New("key must be a key's ID, no alias and no ARN")
		}
		return nil
	},
	Read: readCredentials,
	Want: wantCredentials,
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[store], from, to credentials) error {
		return discreet(writeCredentials(ctx, cfg, on, from, to), from, to)
	},
	Makes: func(on remedy.On[store], c asr.Change) string {
		if c.Path[0] == "parameters" && len(c.Path) == 2 {
			return on.Expand("arn:{partition}:ssm:{region}:{account}:parameter") + c.Path[1]
		}
		return ""
	},
}

var keyID = regexp.MustCompile(`^[0-9a-zA-Z-]{1,64}$`)

func readCredentials(ctx context.Context, cfg aws.Config, on remedy.On[store]) (now credentials, err error) {
	p, environment, err := find(ctx, cfg, on.Target)
	if err != nil {
		return now, err
	}
	now.Variables, now.Role = awsKeys(environment), aws.ToString(p.ServiceRole)
	if now.Parameters, err = versions(ctx, cfg, names(on, now.Variables, "")); err != nil {
		return now, err
	}
	now.Unreadable, err = unreadable(ctx, cfg, on, now)
	return now, err
}
