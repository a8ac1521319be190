package codebuild

import (
	"context"
	"maps"
	"slices"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// needed is what the service role of a project does, by action, to read what is
// in clear text now from parameters. The key aws/ssm asks for nothing.
func needed(on remedy.On[store], now credentials) map[string][]string {
	actions := map[string][]string{}
	for _, name := range names(on, now.Variables, plaintext) {
		actions["ssm:GetParameters"] = append(actions["ssm:GetParameters"], on.Expand("arn:{partition}:ssm:{region}:{account}:parameter")+name)
	}
	if len(actions) > 0 && on.Params.Key != "" {
		actions["kms:Decrypt"] = []string{on.Expand(key)}
	}
	return actions
}

// unreadable asks IAM what of that the role may not do. It has no grant to
// change the role: who may give policies to roles may give itself anything.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
func unreadable(ctx context.Context, cfg aws.Config, on remedy.On[store], now credentials) (denied []string, err error) {
	actions := needed(on, now)
	for _, action := range slices.Sorted(maps.Keys(actions)) {
		pages := iam.NewSimulatePrincipalPolicyPaginator(iam.NewFromConfig(cfg), &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &now.Role, ActionNames: []string{action}, ResourceArns: actions[action]})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if remedy.Is(err, "NoSuchEntity") {
				return []string{"anything: it doesn't exist"}, nil
			}
			if err != nil {
				return nil, err
			}
			for _, r := range page.EvaluationResults {
				if r.EvalDecision != types.PolicyEvaluationDecisionTypeAllowed {
					denied = append(denied, action+" on "+aws.ToString(r.EvalResourceName))
				}
			}
		}
	}
	return denied, nil
}

// unread is the refusal for a role that can't read the parameters.
func unread(on remedy.On[store], now credentials) error {
	var allow []any
	actions := needed(on, now)
	for _, action := range slices.Sorted(maps.Keys(actions)) {
		allow = append(allow, map[string]any{"Effect": "Allow", "Action": action, "Resource": actions[action]})
	}
	return asr.Refuse("the project's service role "+now.Role+" may not do "+now.Unreadable[0], "give the role this policy, then plan again: "+remedy.Document{"Version": "2012-10-17", "Statement": allow}.Text())
}
