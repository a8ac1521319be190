package remedytest

import (
	"context"
	"slices"
	"testing"

	"example.com/asr"
	"example.com/asr/memory"
	"example.com/asr/remedy"
	"example.com/asr/sandbox"
	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// NewEnforcedAccount returns an account of an emulator that enforces IAM. Its
// units work through sessions of the product's own, assumed under the policies
// that are generated from their grants, and nothing in this process holds them
// to anything: what is denied, the emulator denies. It knows actions, and
// resources mostly of S3. What only all cases of a unit show together isn't
// asked of those here.
func NewEnforcedAccount(t testing.TB) *Account {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Config{})
	if err != nil {
		t.Fatalf("emulator: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	a := newAccount(s)
	if err := a.deploy(t.Context()); err != nil {
		t.Fatalf("the member role: %v", err)
	}
	if err := s.Enforce(t.Context(), true); err != nil {
		t.Fatalf("enforce IAM: %v", err)
	}
	hub := s.HubConfig("us-east-1")
	through, err := sessions.New(sessions.Config{Hub: hub, Settings: memory.New()})
	if err != nil {
		t.Fatalf("sessions: %v", err)
	}
	a.assume = func(ctx context.Context, rs remedy.Session) (aws.Config, error) {
		rs.Grants = a.withoutDenied(rs.Grants)
		cfg, err := through.Dial(ctx, rs)
		cfg.APIOptions = slices.Clone(hub.APIOptions) // and not the guard's
		return cfg, err
	}
	return a
}

// deploy makes the member role, which may do everything: sessions may not.
func (a *Account) deploy(ctx context.Context) error {
	api := iam.NewFromConfig(a.Config)
	trust := sessions.TrustPolicy(sandbox.DefaultHub, "aws", "", "", "arn:aws:iam::"+sandbox.DefaultHub+":user/asr-operator")
	if _, err := api.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("asr-member"), AssumeRolePolicyDocument: &trust}); err != nil {
		return err
	}
	_, err := api.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: aws.String("asr-member"), PolicyName: aws.String("all"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`),
	})
	return err
}

// withoutDenied are the grants but for the actions that the test denies.
func (a *Account) withoutDenied(grants []asr.Grant) (left []asr.Grant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, g := range grants {
		g.Actions = slices.DeleteFunc(slices.Clone(g.Actions), func(action string) bool { return a.denied[action] })
		if len(g.Actions) > 0 {
			left = append(left, g)
		}
	}
	return left
}
