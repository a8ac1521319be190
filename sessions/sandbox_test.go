package sessions

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// memberRole makes asr-member in the account, with our trust policy.
func memberRole(t *testing.T, sb *sandbox.Sandbox, account string) {
	t.Helper()
	roles := iam.NewFromConfig(sb.Config(account, "us-east-1"))
	trust := TrustPolicy(sandbox.DefaultHub, "aws", "", "shared-word", "arn:aws:iam::"+sandbox.DefaultHub+":user/asr-operator")
	if _, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("asr-member"), AssumeRolePolicyDocument: &trust}); err != nil {
		t.Fatal(err)
	}
	may := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:*","Resource":"*"}]}`
	if _, err := roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("asr-member"), PolicyName: aws.String("may"), PolicyDocument: &may}); err != nil {
		t.Fatal(err)
	}
}

// The emulator checks the trust policy and the session's policy by itself.
func TestSessionsWorkAgainstAnAWSThatIsNotOurs(t *testing.T) {
	t.Parallel()
	sb, err := sandbox.Start(t.Context(), sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	ctx, st := t.Context(), &store{}
	memberRole(t, sb, "222222222222")
	if err := sb.Enforce(ctx, true); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Hub: sb.HubConfig("us-east-1"), ExternalID: "shared-word", Settings: st}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	member := dial(t, s, remedy.Session{
		Target: reading().Target, Write: true, Call: asr.Call{Run: "run-1"},
		Grants: []asr.Grant{asr.Allow("arn:aws:sns:eu-west-1:222222222222:*", "sns:CreateTopic")},
	})
	out, err := sns.NewFromConfig(member).CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("alerts")})
	if err != nil || !strings.Contains(aws.ToString(out.TopicArn), ":eu-west-1:222222222222:") {
		t.Fatalf("topic %+v, %v", out, err)
	}
	plain := aws.Config{Region: member.Region, BaseEndpoint: member.BaseEndpoint, HTTPClient: member.HTTPClient, Credentials: member.Credentials, RetryMaxAttempts: 1}
	if _, err := sns.NewFromConfig(plain).ListTopics(ctx, &sns.ListTopicsInput{}); asr.Classify(remedy.Judge(err)) != asr.CodeDenied {
		t.Errorf("the role may list topics, the session mustn't, without our guard either: %v", err)
	}
	for _, r := range s.Check(ctx, "222222222222", "eu-west-1") {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Name, r.Err)
		}
	}
	if _, err := s.Dial(ctx, stranger()); asr.Classify(err) != asr.CodeNoRole {
		t.Errorf("an account without the role: %v", err)
	}
	cfg.ExternalID = "guessed"
	if s, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Dial(ctx, reading()); asr.Classify(err) != asr.CodeNoRole {
		t.Errorf("with another external id: %v", err)
	}
}

func stranger() remedy.Session {
	rs := reading()
	rs.Target.Account = "333333333333"
	return rs
}
