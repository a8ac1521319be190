package org

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

const generalType = "Software and Configuration Checks/Industry and Regulatory Standards"

// findings are what Security Hub reports of a verdict: one finding, or one of
// each standard. Their form is that of
// https://docs.aws.amazon.com/securityhub/latest/userguide/sample-control-findings.html
func findings(p place, c control, v verdict, at time.Time) []types.AwsSecurityFinding {
	in := holding(p, c)
	if len(in) == 0 {
		return nil
	}
	if !separate(p) {
		f := finding(p, c, v, at)
		f.Id = aws.String(fmt.Sprintf("arn:aws:securityhub:%s:%s:security-control/%s/finding/%s", p.region, p.account, c.id, uuid(p, c.id, v.ID)))
		f.GeneratorId = aws.String("security-control/" + c.id)
		for _, s := range in {
			associate(&f, s, c)
		}
		return []types.AwsSecurityFinding{complete(f)}
	}
	var all []types.AwsSecurityFinding
	for _, s := range in {
		f := finding(p, c, v, at)
		associate(&f, s, c)
		s.sign(&f, p, c, v)
		all = append(all, complete(f))
	}
	return all
}

// finding is what all forms have in common.
func finding(p place, c control, v verdict, at time.Time) types.AwsSecurityFinding {
	now := aws.String(at.UTC().Format("2006-01-02T15:04:05.000Z"))
	severity, status := c.severity, types.ComplianceStatusFailed
	if v.Passed {
		severity, status = "INFORMATIONAL", types.ComplianceStatusPassed
	}
	f := types.AwsSecurityFinding{
		SchemaVersion: aws.String("2018-10-08"), ProductArn: aws.String("arn:aws:securityhub:" + p.region + "::product/aws/securityhub"),
		ProductName: aws.String("Security Hub"), CompanyName: aws.String("AWS"), Region: aws.String(p.region), AwsAccountId: aws.String(p.account), Types: []string{generalType},
		CreatedAt: now, UpdatedAt: now, FirstObservedAt: now, LastObservedAt: now,
		Severity:    &types.Severity{Label: types.SeverityLabel(severity), Original: &severity},
		Title:       aws.String(c.title),
		Description: aws.String(c.about),
		Remediation: &types.Remediation{Recommendation: &types.Recommendation{
			Text: aws.String("The control's page in the AWS Security Hub documentation says how to correct this."),
			Url:  aws.String("https://docs.aws.amazon.com/console/securityhub/" + c.id + "/remediation"),
		}},
		ProductFields: map[string]string{"Resources:0/Id": v.ID},
		Resources:     []types.Resource{{Type: aws.String(c.kind), Id: aws.String(v.ID), Partition: types.PartitionAws, Region: aws.String(p.region)}},
		Compliance:    &types.Compliance{Status: status, SecurityControlId: aws.String(c.id)},
		Workflow:      &types.Workflow{Status: types.WorkflowStatusNew}, RecordState: types.RecordStateActive,
	}
	if len(v.Tags) > 0 {
		f.Resources[0].Tags = v.Tags
	}
	if c.rule != "" {
		f.ProductFields["RelatedAWSResources:0/name"] = "securityhub-" + c.rule + "-" + digest(p.account, p.region, c.rule)[:8]
		f.ProductFields["RelatedAWSResources:0/type"] = "AWS::Config::ConfigRule"
	}
	for _, name := range slices.Sorted(maps.Keys(c.params)) {
		f.Compliance.SecurityControlParameters = append(f.Compliance.SecurityControlParameters, types.SecurityControlParameter{Name: &name, Value: c.params[name]})
	}
	return f
}

// complete says what the provider, Security Hub itself, says of the finding.
func complete(f types.AwsSecurityFinding) types.AwsSecurityFinding {
	f.ProductFields["aws/securityhub/ProductName"] = "Security Hub"
	f.ProductFields["aws/securityhub/CompanyName"] = "AWS"
	f.ProductFields["aws/securityhub/FindingId"] = *f.ProductArn + "/" + *f.Id
	f.FindingProviderFields = &types.FindingProviderFields{Severity: &types.FindingProviderSeverity{Label: f.Severity.Label, Original: f.Severity.Original}, Types: f.Types}
	return f
}

func associate(f *types.AwsSecurityFinding, s standard, c control) {
	f.Compliance.AssociatedStandards = append(f.Compliance.AssociatedStandards, types.AssociatedStandard{StandardsId: aws.String(s.id())})
	if s.label != "" {
		f.Compliance.RelatedRequirements = append(f.Compliance.RelatedRequirements, s.label+"/"+s.numberOf(c))
	}
}

// sign makes it the finding of one standard, which CIS 1.2.0 names in other
// words than all later ones.
func (s standard) sign(f *types.AwsSecurityFinding, p place, c control, v verdict) {
	number, here := s.numberOf(c), "arn:aws:securityhub:"+p.region+":"+p.account+":"
	f.Id = aws.String(here + "subscription/" + s.path() + "/" + number + "/finding/" + uuid(p, s.path()+"/"+number, v.ID))
	f.ProductFields["StandardsControlArn"] = here + "control/" + s.path() + "/" + number
	f.ProductFields["RecommendationUrl"] = *f.Remediation.Recommendation.Url
	f.Title = aws.String(number + " " + c.title)
	if s.kind == "ruleset" {
		guide := "arn:aws:securityhub:::ruleset/" + s.path()
		f.GeneratorId = aws.String(guide + "/rule/" + number)
		f.Types = []string{generalType + "/CIS AWS Foundations Benchmark"}
		f.ProductFields["StandardsGuideArn"], f.ProductFields["StandardsGuideSubscriptionArn"] = guide, here+"subscription/"+s.path()
		f.ProductFields["RuleId"] = number
		return
	}
	f.GeneratorId = aws.String(s.path() + "/" + number)
	f.ProductFields["StandardsArn"], f.ProductFields["StandardsSubscriptionArn"] = "arn:aws:securityhub:::standards/"+s.path(), here+"subscription/"+s.path()
	f.ProductFields["ControlId"] = number
}

// uuid is the same for the same control and resource.
func uuid(p place, control, resource string) string {
	h := digest(p.account, p.region, control, resource)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:32]
}

func digest(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(sum, "%d %s", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
