package configrules_test

import (
	"testing"

	"example.com/asr"
	"example.com/asr/configrules"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/configservice/types"
)

func TestInputParametersAreReadAsTheRuleHasThem(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for name, params := range map[string]string{"with": `{"MinRetentionTime":"400"}`, "without": ""} {
		_, err := configservice.NewFromConfig(acct.Config).PutConfigRule(t.Context(), &configservice.PutConfigRuleInput{ConfigRule: &types.ConfigRule{
			ConfigRuleName: &name, InputParameters: aws.String(params),
			Source: &types.Source{Owner: types.OwnerAws, SourceIdentifier: aws.String("CW_LOGGROUP_RETENTION_PERIOD_CHECK")},
		}})
		remedytest.Must(t, name, err)
	}
	r := configrules.Reader{Dial: acct.Dial}
	on := asr.On{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region}}
	for rule, want := range map[string]string{"with": `"400"`, "without": "", "gone": ""} {
		got, err := r.InputParameters(t.Context(), on, rule)
		if err != nil || string(got["MinRetentionTime"]) != want {
			t.Errorf("%s: got %s, %v, want %s", rule, got, err, want)
		}
	}
}
