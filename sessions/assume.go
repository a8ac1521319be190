package sessions

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// assume makes one session: in the target's Region, so that its credentials are
// good there, or through the hub's Region if the hub has that one switched off.
func (s *Sessions) assume(ctx context.Context, p *piece) (aws.Credentials, error) {
	if err := s.ready(ctx); err != nil {
		return aws.Credentials{}, err
	}
	region := s.stsRegion(p.region)
	out, err := s.assumeIn(ctx, region, p)
	if err != nil && region != s.hub.Region && elsewhere(err, accountOf(p.role)) && ctx.Err() == nil {
		s.avoid(region)
		out, err = s.assumeIn(ctx, s.hub.Region, p)
	}
	if err != nil {
		return aws.Credentials{}, err
	}
	c := out.Credentials
	if c == nil || aws.ToString(c.AccessKeyId) == "" || c.Expiration == nil {
		return aws.Credentials{}, errors.New("AWS STS answered without credentials")
	}
	return aws.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretAccessKey: aws.ToString(c.SecretAccessKey), SessionToken: aws.ToString(c.SessionToken),
		Source: "asr", CanExpire: true, Expires: *c.Expiration, AccountID: accountOf(p.role),
	}, nil
}

// assumeIn asks the Region's STS, and notes that among the run's calls.
func (s *Sessions) assumeIn(ctx context.Context, region string, p *piece) (*sts.AssumeRoleOutput, error) {
	start := s.cfg.Clock()
	out, err := s.sts(region).AssumeRole(ctx, p.input())
	if p.run == "" {
		return out, err
	}
	var meta middleware.Metadata
	if out != nil {
		meta = out.ResultMetadata
	}
	s.journal.note(ctx, asr.APICall{
		Run: p.run, At: start, Account: accountOf(p.role), Region: region, Action: asr.AssumeRole,
		RequestID: requestID(meta, err), Error: failed(err), Took: s.cfg.Clock().Sub(start),
	})
	return out, err
}

func (p *piece) input() *sts.AssumeRoleInput {
	in := &sts.AssumeRoleInput{
		RoleArn:         &p.role,
		RoleSessionName: &p.name,
		Policy:          &p.policy,
		DurationSeconds: aws.Int32(int32(p.s.cfg.Duration / time.Second)),
	}
	if p.source != "" {
		in.SourceIdentity = &p.source
	}
	if p.s.cfg.ExternalID != "" {
		in.ExternalId = &p.s.cfg.ExternalID
	}
	return in
}

// sts is a client of the Region's own endpoint with the hub's credentials.
func (s *Sessions) sts(region string) *sts.Client {
	cfg := s.hub.Copy()
	cfg.Region = region
	return sts.NewFromConfig(cfg)
}

// ready tells missing or expired credentials of our own from what AWS says of
// the member's role.
func (s *Sessions) ready(ctx context.Context) error {
	if s.hub.Credentials == nil {
		return s.hubError(errors.New("none are configured"))
	}
	if _, err := s.hub.Credentials.Retrieve(ctx); err != nil && ctx.Err() == nil {
		return s.hubError(err)
	}
	return ctx.Err()
}

// elsewhere reports whether another Region's STS may answer what this one
// didn't: the hub has the Region switched off, or can't reach it.
func elsewhere(err error, member string) bool {
	var api smithy.APIError
	var network net.Error
	switch {
	case remedy.Is(err, "RegionDisabledException"):
		return errors.As(err, &api) && !strings.Contains(api.ErrorMessage(), member)
	case remedy.Is(err, "InvalidClientTokenId", "UnrecognizedClientException"):
		return true
	}
	return !errors.As(err, &api) && errors.As(err, &network)
}

// stsRegion is the Region whose STS is asked for a session in the Region.
func (s *Sessions) stsRegion(region string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.Clock().Before(s.avoided[region]) {
		return s.hub.Region
	}
	return region
}

// avoid spares later sessions the detour, for as long as a session lasts.
func (s *Sessions) avoid(region string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.avoided[region] = s.cfg.Clock().Add(s.cfg.Duration)
}

// Whoami is the person whose credentials the hub has, as AWS knows them.
// *asr.Error with CodeDenied if they are missing or invalid, with CodeSignedOut
// if they have expired.
func (s *Sessions) Whoami(ctx context.Context) (asr.Actor, error) {
	s.mu.Lock()
	self := s.self
	s.mu.Unlock()
	if self != nil {
		return *self, nil
	}
	if err := s.ready(ctx); err != nil {
		return asr.Actor{}, err
	}
	out, err := s.sts(s.hub.Region).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return asr.Actor{}, s.judgeHub(err)
	}
	self = &asr.Actor{Kind: "person", Name: aws.ToString(out.Arn), Verified: true}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.self = self
	return *self, nil
}
