// Package lambda fixes Lambda.
package lambda

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// function is a function's ARN, or that of one of its versions or aliases: each
// has a policy of its own, and only that of the one named is changed.
const function = "arn:{partition}:lambda:{region}:{account}:function:{name}"

type none struct{}

type policy struct {
	Statements map[string]remedy.Document `json:"statements"` // by Sid
}

// NotPublic takes out of a function's policy what lets in everybody, statement
// by statement. S3, which lets in everybody's buckets, is let in again for those
// of the function's own account.
var NotPublic = remedy.Unit[none, policy]{
	Spec: asr.Spec{
		ID: "lambda-not-public", Version: 1,
		Title:  "Take public permissions out of Lambda functions",
		Impact: "Callers that had no other permission than one for everybody are refused, as are those of a public function URL. S3 triggers go on if their bucket belongs to the function's account, and stop if it belongs to another. Statements that name an account, an organization or a source stay.",
		Risk:   asr.RiskHigh, RiskWhy: "a function URL or a caller in another account stops working at once",
		Interrupts: "public function URLs and callers of other accounts",
		Scope:      asr.ScopeResource, Resources: []string{function},
		Reads:  []asr.Grant{asr.Allow(function, "lambda:GetPolicy", "lambda:GetFunctionConfiguration")},
		Writes: []asr.Grant{asr.Allow(function, "lambda:AddPermission", "lambda:RemovePermission")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]none{"Lambda.1": {}},
	Resolve: func(_ context.Context, _ aws.Config, on remedy.On[none]) (asr.Target, error) {
		t := on.Target
		t.Name = strings.TrimSuffix(t.Name, ":$LATEST") // has no policy but the function's
		t.ID = t.Expand(function)
		return t, nil
	},
	Read:  readPolicy,
	Want:  wantPolicy,
	Write: writePolicy,
	Keep: func(on remedy.On[none], c asr.Change) string {
		s, err := remedy.ParseDocument(string(c.From))
		if _, ok := permission(on, c.Path[len(c.Path)-1], s); err == nil && s != nil && !ok {
			return "Lambda's AddPermission has no words for this statement"
		}
		return ""
	},
}

func readPolicy(ctx context.Context, cfg aws.Config, on remedy.On[none]) (policy, error) {
	api, now := lambda.NewFromConfig(cfg), policy{map[string]remedy.Document{}}
	name, qualifier := split(on.Target)
	out, err := api.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: name, Qualifier: qualifier})
	if remedy.Is(err, "ResourceNotFoundException") { // no policy, or no function
		_, err = api.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: name, Qualifier: qualifier})
		return now, remedy.Gone(err, "ResourceNotFoundException")
	}
	if err != nil {
		return now, err
	}
	doc, err := remedy.ParseDocument(aws.ToString(out.Policy))
	now.Statements = bySid(doc)
	return now, err
}

// wantPolicy looks at the statements in order: what it names new ones after
// must not be chance.
func wantPolicy(on remedy.On[none], now policy) (policy, error) {
	to := policy{maps.Clone(now.Statements)}
	for _, sid := range slices.Sorted(maps.Keys(now.Statements)) {
		s := now.Statements[sid]
		open, fromS3 := public(s), anyBucket(s)
		if !open && !fromS3 {
			continue
		}
		if strings.HasPrefix(sid, nameless) {
			return now, asr.Refuse("a public statement of the policy has no Sid, without which Lambda can't remove it", "remove it by hand")
		}
		delete(to.Statements, sid)
		if !open {
			own := freeSid(sid, now, to)
			to.Statements[own] = ownBuckets(s, own, on.Account)
			if _, ok := permission(on, own, to.Statements[own]); !ok {
				return now, asr.Refuse("the statement "+sid+" lets in S3 in a way that AddPermission can't narrow", "replace it by hand by one with "+ofAccount)
			}
		}
	}
	return to, nil
}
