// Package configrules reads what AWS Config's rules are parameterised with:
// Security Hub writes a control's parameters into the rule behind it. It reads
// and nothing else.
package configrules

import (
	"context"
	"encoding/json"
	"fmt"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
)

// Reader implements asr.Rules.
type Reader struct{ Dial remedy.Dialer }

// Grants are what a session for reading rules may do.
var Grants = []asr.Grant{asr.Allow("*", "config:DescribeConfigRules")}

// InputParameters are a rule's, by name, in the account and Region of the
// target: https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigRule.html.
// A rule that has none, or is gone, gives none.
func (r Reader) InputParameters(ctx context.Context, on asr.On, rule string) (map[string]json.RawMessage, error) {
	cfg, err := r.Dial(ctx, remedy.Session{Target: on.Target, Grants: Grants, Call: on.Call})
	if err != nil {
		return nil, err
	}
	out, err := configservice.NewFromConfig(cfg).DescribeConfigRules(ctx, &configservice.DescribeConfigRulesInput{ConfigRuleNames: []string{rule}})
	if err != nil {
		return nil, remedy.Judge(remedy.Unless(err, "NoSuchConfigRuleException"))
	}
	if len(out.ConfigRules) == 0 || aws.ToString(out.ConfigRules[0].InputParameters) == "" {
		return nil, nil
	}
	var params map[string]json.RawMessage
	if err := json.Unmarshal([]byte(*out.ConfigRules[0].InputParameters), &params); err != nil {
		return nil, &asr.Error{Code: asr.CodeBadParams, Message: fmt.Sprintf("the InputParameters of Config rule %s are no JSON object", rule), Do: "correct the rule", Err: err}
	}
	return params, nil
}
