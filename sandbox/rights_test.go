package sandbox

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// onboard creates the member role that assume assumes.
func onboard(t *testing.T, s *Sandbox, trust, policy string) {
	t.Helper()
	c := iam.NewFromConfig(s.Config(memberA, here))
	if _, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("asr-member"), AssumeRolePolicyDocument: &trust}); err != nil {
		t.Fatal(err)
	}
	_, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("asr-member"), PolicyName: aws.String("p"), PolicyDocument: &policy})
	if err != nil {
		t.Fatal(err)
	}
}

const trustsHub = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},
	"Action":["sts:AssumeRole","sts:SetSourceIdentity"],"Condition":{"StringEquals":{"sts:ExternalId":"x"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:user/asr-*"}}}]}`

func withExternalID(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("x") }

func TestEnforcementByActionInEachProtocol(t *testing.T) {
	t.Parallel()
	s := start(t)
	onboard(t, s, trustsHub, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["logs:Describe*","lambda:List*","s3:ListAllMyBuckets","securityhub:DescribeHub"],"Resource":"*"},
		{"Effect":"Allow","Action":"ec2:DescribeVpcs","Resource":"arn:aws:ec2:*:*:vpc/vpc-1","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}},
		{"Effect":"Deny","Action":"logs:DescribeMetricFilters","Resource":"*"}]}`)
	if err := s.Enforce(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	cfg := assume(t, s, memberA, "run-1", withExternalID)
	for _, row := range []struct {
		name, want string
		call       func(context.Context) error
	}{
		{"JSON, granted", "", func(ctx context.Context) error {
			_, err := cloudwatchlogs.NewFromConfig(cfg).DescribeLogGroups(ctx, nil)
			return err
		}},
		{"JSON, denied explicitly", "AccessDeniedException", func(ctx context.Context) error {
			_, err := cloudwatchlogs.NewFromConfig(cfg).DescribeMetricFilters(ctx, nil)
			return err
		}},
		{"JSON, not granted", "AccessDeniedException", func(ctx context.Context) error {
			_, err := cloudwatchlogs.NewFromConfig(cfg).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("g")})
			return err
		}},
		{"EC2, granted on a resource under a condition", "", func(ctx context.Context) error {
			_, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx, nil)
			return err
		}},
		{"EC2, not granted", "UnauthorizedOperation", func(ctx context.Context) error {
			_, err := ec2.NewFromConfig(cfg).DescribeSubnets(ctx, nil)
			return err
		}},
		{"query, not granted", "AccessDenied", func(ctx context.Context) error {
			_, err := iam.NewFromConfig(cfg).ListUsers(ctx, nil)
			return err
		}},
		{"REST-JSON, granted", "", func(ctx context.Context) error {
			_, err := lambda.NewFromConfig(cfg).ListFunctions(ctx, nil)
			return err
		}},
		{"REST-JSON, not granted", "AccessDeniedException", func(ctx context.Context) error {
			_, err := lambda.NewFromConfig(cfg).GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: aws.String("f")})
			return err
		}},
		{"S3, granted", "", func(ctx context.Context) error {
			_, err := s3.NewFromConfig(cfg).ListBuckets(ctx, nil)
			return err
		}},
		{"S3, not granted", "AccessDenied", func(ctx context.Context) error {
			_, err := s3.NewFromConfig(cfg).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("b-9")})
			return err
		}},
		{"the overlay, granted, not enabled", "InvalidAccessException", func(ctx context.Context) error {
			_, err := securityhub.NewFromConfig(cfg).DescribeHub(ctx, nil)
			return err
		}},
		{"the overlay, not granted", "AccessDeniedException", func(ctx context.Context) error {
			_, err := securityhub.NewFromConfig(cfg).GetFindingsV2(ctx, nil)
			return err
		}},
		{"the sandbox itself", "", func(ctx context.Context) error {
			_, err := iam.NewFromConfig(s.Config(memberA, here)).ListUsers(ctx, nil)
			return err
		}},
		{"the operator at home", "", func(ctx context.Context) error {
			_, err := iam.NewFromConfig(s.HubConfig(here)).ListUsers(ctx, nil)
			return err
		}},
	} {
		if err := row.call(t.Context()); code(err) != row.want || (row.want == "") != (err == nil) {
			t.Errorf("%s: got %v, want code %q", row.name, err, row.want)
		}
	}
	if err := s.Enforce(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := iam.NewFromConfig(cfg).ListUsers(t.Context(), nil); err != nil {
		t.Errorf("after Enforce(false): %v", err)
	}
}

func TestASessionPolicyNarrowsTheRole(t *testing.T) {
	t.Parallel()
	s := start(t)
	onboard(t, s, trustsHub, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	if err := s.Enforce(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	cfg := assume(t, s, memberA, "run-1", func(in *sts.AssumeRoleInput) {
		withExternalID(in)
		in.Policy = aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:Describe*","Resource":"arn:aws:logs:*:222222222222:log-group:g:*"}]}`)
	})
	c := cloudwatchlogs.NewFromConfig(cfg)
	if _, err := c.DescribeLogGroups(t.Context(), nil); err != nil {
		t.Errorf("granted: %v", err)
	}
	if _, err := c.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("g")}); code(err) != "AccessDeniedException" {
		t.Errorf("not granted: %v", err)
	}
	if _, err := securityhub.NewFromConfig(cfg).DescribeHub(t.Context(), nil); code(err) != "AccessDeniedException" {
		t.Errorf("the overlay, not granted: %v", err)
	}
}

func TestTrustPoliciesDecideWhoAssumes(t *testing.T) {
	t.Parallel()
	s := start(t)
	onboard(t, s, trustsHub, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	if err := s.Enforce(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, role string
		external   *string
		source     *string
		want       string
	}{
		{"as agreed", "asr-member", aws.String("x"), aws.String("alice"), ""},
		{"no external id", "asr-member", nil, nil, "AccessDenied"},
		{"another external id", "asr-member", aws.String("y"), nil, "AccessDenied"},
		{"no such role", "nobody", aws.String("x"), nil, "AccessDenied"},
	} {
		_, err := sts.NewFromConfig(s.HubConfig(here)).AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String("arn:aws:iam::" + memberA + ":role/" + row.role), RoleSessionName: aws.String("run-1"), ExternalId: row.external, SourceIdentity: row.source,
		})
		if code(err) != row.want {
			t.Errorf("%s: %v, want code %q", row.name, err, row.want)
		}
	}
}

func TestTrustStatements(t *testing.T) {
	t.Parallel()
	facts := map[string]string{
		"aws:principalarn": "arn:aws:iam::111111111111:role/asr-hub", "aws:principalaccount": "111111111111",
		"aws:principalorgid": "o-1", "sts:externalid": "",
	}
	const any = `"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"*"}`
	for _, row := range []struct {
		name, statement string
		want            bool
	}{
		{"everybody", `{` + any + `}`, true},
		{"a bare star", `{"Effect":"Allow","Action":"sts:*","Principal":"*"}`, true},
		{"the account by its number", `{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":["111111111111"]}}`, true},
		{"the very role", `{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::111111111111:role/asr-hub"}}`, true},
		{"another account", `{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::999999999999:root"}}`, false},
		{"a service", `{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}`, false},
		{"another action", `{"Effect":"Allow","Action":"sts:TagSession","Principal":{"AWS":"*"}}`, false},
		{"the organization", `{` + any + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":["o-2","o-1"]}}}`, true},
		{"another organization", `{` + any + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-2"}}}`, false},
		{"a pattern of roles", `{` + any + `,"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/asr-*"}}}`, true},
		{"not these", `{` + any + `,"Condition":{"StringNotLike":{"aws:PrincipalArn":"*:role/asr-*"}}}`, false},
		{"an absent value", `{` + any + `,"Condition":{"StringEquals":{"sts:ExternalId":"x"}}}`, false},
		{"an absent value that may be absent", `{` + any + `,"Condition":{"StringEqualsIfExists":{"sts:ExternalId":"x"}}}`, true},
		{"absence asked for", `{` + any + `,"Condition":{"Null":{"sts:ExternalId":"true"}}}`, true},
		{"an operator that we don't know", `{` + any + `,"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}}`, false},
		{"denied after allowed", `{` + any + `},{"Effect":"Deny","Action":"*","Principal":"*"}`, false},
	} {
		doc := `{"Statement":[` + row.statement + `]}`
		p, err := parseTrust(doc)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		if got := p.allows("sts:AssumeRole", facts); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

func FuzzTrustPoliciesParseOrFail(f *testing.F) {
	f.Add(trustsHub)
	f.Add(`{"Statement":{"Principal":"*","Action":"*"}}`)
	f.Add(`{"Statement":[{"Principal":{"AWS":[1]},"Action":[]}]}`)
	f.Fuzz(func(t *testing.T, doc string) {
		p, err := parseTrust(doc)
		if err == nil {
			p.allows("sts:AssumeRole", map[string]string{})
		}
	})
}

func FuzzWildcardsMatchThemselves(f *testing.F) {
	f.Add("arn:*:role/?", "arn:aws:role/x")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if strings.Count(pattern, "*") > 5 || len(s) > 50 {
			return
		}
		if like(pattern, s) != like("*"+pattern, s) && like(pattern, s) {
			t.Errorf("%q matches %q, but not with a star before it", pattern, s)
		}
		if !strings.ContainsAny(pattern, "*?") && like(pattern, s) != (pattern == s) {
			t.Errorf("%q and %q", pattern, s)
		}
	})
}
