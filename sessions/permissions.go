package sessions

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

// most is how many actions one simulation is asked for.
const most = 100

// Denied asks IAM which of the grants, on real ARNs, the member role of an
// account does not have, as "action on resource", sorted. Conditions of the
// grants are not simulated; service control policies are, as IAM does it:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html.
// The role needs iam:SimulatePrincipalPolicy on itself.
func (s *Sessions) Denied(ctx context.Context, account, region string, grants []asr.Grant) ([]string, error) {
	t := asr.Target{Account: account, Region: region}
	if err := s.admit(&t); err != nil {
		return nil, err
	}
	role := s.roleARN(t)
	cfg, err := s.Dial(ctx, remedy.Session{Target: t, Grants: []asr.Grant{asr.Allow(role, "iam:SimulatePrincipalPolicy")}})
	if err != nil {
		return nil, err
	}
	byResource := map[string][]string{}
	for _, g := range grants {
		byResource[g.On] = append(byResource[g.On], g.Actions...)
	}
	var denied []string
	api := iam.NewFromConfig(cfg)
	for _, resource := range slices.Sorted(maps.Keys(byResource)) {
		actions := slices.Compact(slices.Sorted(slices.Values(byResource[resource])))
		for some := range slices.Chunk(actions, most) {
			no, err := simulate(ctx, api, role, resource, some)
			if err != nil {
				return nil, err
			}
			denied = append(denied, no...)
		}
	}
	return denied, nil
}

func simulate(ctx context.Context, api *iam.Client, role, resource string, actions []string) (denied []string, err error) {
	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &role, ActionNames: actions, ResourceArns: []string{resource}}
	pages := iam.NewSimulatePrincipalPolicyPaginator(api, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, remedy.Judge(err)
		}
		for _, r := range page.EvaluationResults {
			if r.EvalDecision != types.PolicyEvaluationDecisionTypeAllowed {
				denied = append(denied, aws.ToString(r.EvalActionName)+" on "+resource)
			}
		}
	}
	return denied, nil
}
