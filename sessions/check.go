package sessions

import (
	"context"
	"fmt"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Result is what Check found out about one thing.
type Result struct {
	Name   string // "credentials", "account", "role", "identity", "region"
	Detail string // what was found, in words
	Err    error  // nil: it is as it should be; asr.Advice says what to do
}

// Check looks whether asr can work in an account and Region, for asr doctor: are
// the hub's credentials good, can the member role be assumed as a run would
// (and if not, is it for the source identity), whose session results, is the
// Region enabled. Its sessions can do nothing: their policy denies all. It stops
// at what the rest depends on.
func (s *Sessions) Check(ctx context.Context, account, region string) []Result {
	self, err := s.Whoami(ctx)
	results := []Result{{"credentials", self.Name, err}}
	if err != nil {
		return results
	}
	t := asr.Target{Account: account, Region: region}
	if err := s.admit(&t); err != nil {
		return append(results, Result{"account", account + " " + region, err})
	}
	credentials, role := s.checkRole(ctx, t, self)
	results = append(results, role)
	if role.Err != nil {
		return results
	}
	cfg := s.hub.Copy()
	cfg.Region, cfg.Credentials = t.Region, credentials
	return append(results, s.checkIdentity(ctx, cfg, t), s.checkRegion(ctx, cfg, t))
}

func (s *Sessions) checkRole(ctx context.Context, t asr.Target, self asr.Actor) (aws.CredentialsProvider, Result) {
	if s.cfg.Direct && accountOf(self.Name) == t.Account {
		return s.hub.Credentials, Result{Name: "role", Detail: "direct: asr works with your own credentials; AWS enforces no session policy, only asr itself holds calls to what is declared"}
	}
	p := s.piece(t, "asr-doctor", s.source(self), nil)
	creds, err := s.assume(ctx, p)
	if err == nil {
		return fixed(creds), Result{Name: "role", Detail: fmt.Sprintf("%s can be assumed for %s, source identity %q", p.role, s.cfg.Duration, p.source)}
	}
	if p.source != "" && asr.Classify(p.judge(err)) == asr.CodeNoRole {
		without := s.piece(t, p.name, "", nil)
		if _, second := s.assume(ctx, without); second == nil {
			return nil, Result{"role", p.role + " can be assumed without a source identity only", p.noSource(err)}
		}
	}
	return nil, Result{"role", p.role + " can't be assumed", p.judge(err)}
}

func (s *Sessions) checkIdentity(ctx context.Context, cfg aws.Config, t asr.Target) Result {
	r := Result{Name: "identity"}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		r.Err = remedy.Judge(err)
		return r
	}
	r.Detail = aws.ToString(out.Arn)
	if got := aws.ToString(out.Account); got != t.Account {
		r.Err = &asr.Error{Code: asr.CodeNoRole, Message: fmt.Sprintf("the session is of account %s, not %s", got, t.Account), Do: "correct the member role's pattern"}
	}
	return r
}

// checkRegion asks a Regional service for something that the session may not
// have. A Region that is off doesn't know the credentials; STS itself answers
// GetCallerIdentity there all the same.
func (s *Sessions) checkRegion(ctx context.Context, cfg aws.Config, t asr.Target) Result {
	_, err := kms.NewFromConfig(cfg).ListKeys(ctx, &kms.ListKeysInput{Limit: aws.Int32(1)})
	err = guard{s: s, rs: remedy.Session{Target: t}, piece: &piece{}}.judge(err)
	switch err = remedy.Judge(err); asr.Classify(err) {
	case asr.CodeRegionOff:
		return Result{"region", t.Region + " is off", err}
	case asr.CodeDenied, asr.CodeAWS, asr.CodeThrottled:
		err = nil // it knows the credentials
	}
	if err != nil {
		return Result{"region", t.Region + " doesn't answer", err}
	}
	return Result{Name: "region", Detail: t.Region + " is enabled"}
}

func fixed(c aws.Credentials) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil })
}
