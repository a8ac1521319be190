package sessions

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"
)

func dial(t *testing.T, s *Sessions, rs remedy.Session) aws.Config {
	t.Helper()
	cfg, err := s.Dial(t.Context(), rs)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func readTopic(ctx context.Context, cfg aws.Config) error {
	_, err := sns.NewFromConfig(cfg).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: aws.String(topic)})
	return err
}

func setTopic(ctx context.Context, cfg aws.Config) error {
	_, err := sns.NewFromConfig(cfg).SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: aws.String(topic), AttributeName: aws.String("DisplayName"), AttributeValue: aws.String("x")})
	return err
}

func TestDialAssumesTheMemberRoleAsTheRun(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cfg := dial(t, c.sessions(t, &store{}), reading())
	got := c.tried()[0]
	for key, want := range map[string]string{
		"RoleArn": "arn:aws:iam::222222222222:role/asr-member", "RoleSessionName": "run-7", "SourceIdentity": "jane@example.com",
		"ExternalId": "shared-word", "DurationSeconds": "900",
		"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*"},{"Effect":"Allow","Action":"sns:GetTopicAttributes","Resource":"` + topic + `"}]}`,
	} {
		if got.Get(key) != want {
			t.Errorf("%s = %q, want %q", key, got.Get(key), want)
		}
	}
	if err := readTopic(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	made := c.made()[0]
	if made.Key != "ASIA000000000001" || made.Region != "eu-west-1" || c.regions[0] != "eu-west-1" {
		t.Errorf("call %+v after AssumeRole in %s", made, c.regions[0])
	}
	for _, part := range []string{"asr/1.2.3", "asr-run/run-7"} {
		if !strings.Contains(made.Agent, part) {
			t.Errorf("user agent %q lacks %s", made.Agent, part)
		}
	}
}

// covers: A19
func TestDialNamesTheSession(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		change       func(*Config)
		call         asr.Call
		session, who string
		noSource     bool
	}{
		{name: "a policy's run", call: asr.Call{Run: "r1", Actor: asr.Actor{Kind: "policy", Name: "prod"}}, session: "r1", who: "asr"},
		{name: "a plan without a run", call: asr.Call{Actor: asr.Actor{Name: jane, Verified: true}}, session: "asr-plan-jane@example.com", who: "jane@example.com"},
		{name: "a local user name proves nothing", call: asr.Call{Run: "r1", Actor: asr.Actor{Kind: "person", Name: "root"}}, session: "r1", who: "asr"},
		{name: "a user with a path", call: asr.Call{Run: "r1", Actor: asr.Actor{Name: "arn:aws:iam::1:user/ops/x", Verified: true}}, session: "r1", who: "asr-x"},
		{name: "the account's root", call: asr.Call{Run: "r/1 ü", Actor: asr.Actor{Name: "arn:aws:iam::1:root", Verified: true}}, session: "r-1-", who: "root"},
		{name: "a long name", call: asr.Call{Run: strings.Repeat("a", 60) + "012345", Actor: asr.Actor{}}, session: strings.Repeat("a", 58) + "012345", who: "asr"},
		{name: "the hub's own is kept", change: func(c *Config) { c.KeepSource = true }, call: asr.Call{Run: "r1"}, session: "r1", noSource: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			if tt.change == nil {
				tt.change = func(*Config) {}
			}
			rs := reading()
			rs.Call = tt.call
			dial(t, c.sessions(t, &store{}, tt.change), rs)
			q := c.tried()[0]
			if q.Get("RoleSessionName") != tt.session || q.Get("SourceIdentity") != tt.who || q.Has("SourceIdentity") == tt.noSource {
				t.Errorf("session %q, source identity %q; want %q, %q", q.Get("RoleSessionName"), q.Get("SourceIdentity"), tt.session, tt.who)
			}
		})
	}
}

// covers: W9
func TestDialTakesTheRoleThatIsConfigured(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]string{
		"ops/fixer":                             "arn:aws-cn:iam::222222222222:role/ops/fixer",
		"arn:{partition}:iam::{account}:role/x": "arn:aws-cn:iam::222222222222:role/x",
	} {
		c := newCloud(t)
		c.hub.Region = "cn-north-1"
		rs := reading()
		rs.Target.Partition, rs.Target.Region = "aws-cn", "cn-northwest-1"
		dial(t, c.sessions(t, &store{}, func(c *Config) { c.Role = role }), rs)
		if got := c.tried()[0].Get("RoleArn"); got != want {
			t.Errorf("role %q = %q, want %q", role, got, want)
		}
	}
}

func TestDialRefusesTargetsThatNoSessionIsFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		with func(*remedy.Session)
		want asr.Code
	}{
		{"no account", func(s *remedy.Session) { s.Target.Account = "2222" }, asr.CodeBadTarget},
		{"a Region that is a host", func(s *remedy.Session) { s.Target.Region = "evil.example.com/" }, asr.CodeBadTarget},
		{"a Region of another partition", func(s *remedy.Session) { s.Target.Region = "cn-north-1" }, asr.CodeBadTarget},
		{"a name that is all names", func(s *remedy.Session) { s.Target.Name = "*" }, asr.CodeBadTarget},
		{"a name that IAM fills in", func(s *remedy.Session) { s.Target.Name = "${aws:username}" }, asr.CodeBadTarget},
		{"another partition", func(s *remedy.Session) { s.Target.Region, s.Target.Partition = "cn-north-1", "aws-cn" }, asr.CodeNoRole},
		{"a reading session that may write", func(s *remedy.Session) { s.Grants = writing().Grants }, asr.CodeInternal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, rs := newCloud(t), reading()
			tt.with(&rs)
			_, err := c.sessions(t, &store{}).Dial(t.Context(), rs)
			if asr.Classify(err) != tt.want || asr.Advice(err) == "" {
				t.Errorf("error = %v (%s), want %s with advice", err, asr.Classify(err), tt.want)
			}
			if len(c.tried()) > 0 {
				t.Error("a role was assumed")
			}
		})
	}
}

func TestFiftyDialsOfOneSessionAssumeTheRoleOnce(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.hold = make(chan struct{})
	s := c.sessions(t, &store{})
	var wg sync.WaitGroup
	errs := make(chan error, 50)
	for range 50 {
		wg.Go(func() {
			cfg, err := s.Dial(t.Context(), reading())
			if err == nil {
				err = readTopic(t.Context(), cfg)
			}
			errs <- err
		})
	}
	time.AfterFunc(50*time.Millisecond, func() { close(c.hold) })
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if n := len(c.tried()); n != 1 {
		t.Errorf("%d AssumeRoles, want 1", n)
	}
}

func TestACallerWhoGivesUpDoesNotFailTheOthers(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.hold = make(chan struct{})
	s := c.sessions(t, &store{})
	leader, giveUp := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := s.Dial(leader, reading()); first <- err }()
	for len(c.tried()) == 0 {
		time.Sleep(time.Millisecond)
	}
	go func() { _, err := s.Dial(t.Context(), reading()); second <- err }()
	giveUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who gave up: %v", err)
	}
	close(c.hold)
	if err := <-second; err != nil {
		t.Errorf("the other: %v", err)
	}
}

func TestSessionsAreSharedByWhatTheyMayAndForWhom(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.sessions(t, &store{})
	other := reading()
	other.Call.Run = "run-8"
	for _, rs := range []remedy.Session{reading(), writing(), other, reading(), writing(), other} {
		dial(t, s, rs)
	}
	if n := len(c.tried()); n != 3 {
		t.Errorf("%d AssumeRoles, want 3", n)
	}
}

func TestCredentialsAreRenewedBeforeTheyExpire(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cfg := dial(t, c.sessions(t, &store{}), reading())
	type step struct {
		passes time.Duration
		key    string
	}
	for _, step := range []step{{0, "ASIA000000000001"}, {11 * time.Minute, "ASIA000000000001"}, {2 * time.Minute, "ASIA000000000002"}, {time.Hour, "ASIA000000000003"}} {
		c.clock.pass(step.passes)
		if err := readTopic(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		made := c.made()
		if got := made[len(made)-1].Key; got != step.key {
			t.Errorf("after %s: %s, want %s", step.passes, got, step.key)
		}
	}
}

func TestCredentialsThatLastBridgeAnOutageOfSTS(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cfg := dial(t, c.sessions(t, &store{}), reading())
	c.sts = func(string, url.Values) *fault { return &fault{503, "ServiceUnavailable", "try later"} }
	c.clock.pass(13 * time.Minute)
	if err := readTopic(t.Context(), cfg); err != nil {
		t.Errorf("within their time: %v", err)
	}
	c.clock.pass(3 * time.Minute)
	if err := readTopic(t.Context(), cfg); asr.Classify(err) != asr.CodeUnavailable {
		t.Errorf("after their time: %v (%s)", err, asr.Classify(err))
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.sessions(t, &store{})
	for i := range maxOpen + 10 {
		rs := reading()
		rs.Call.Run = fmt.Sprintf("run-%d", i)
		s.entry(rs)
		c.clock.pass(time.Millisecond)
	}
	if len(s.open) != maxOpen {
		t.Errorf("%d sessions kept, want %d", len(s.open), maxOpen)
	}
	for key := range s.open {
		if strings.Contains(key, "\nrun-3\n") {
			t.Error("the one used longest ago was kept")
		}
	}
}

func TestTheHubsRegionServesWhereTheTargetsDoesNot(t *testing.T) {
	t.Parallel()
	for _, f := range []*fault{
		{403, "InvalidClientTokenId", "The security token included in the request is invalid"},
		{403, "RegionDisabledException", "STS is not activated in this region for account:111111111111. Your account administrator can activate STS in this region using the IAM Console."},
	} {
		t.Run(f.code, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.sts = func(region string, _ url.Values) *fault {
				if region != "us-east-1" {
					return f
				}
				return nil
			}
			s := c.sessions(t, &store{})
			dial(t, s, reading())
			dial(t, s, writing())
			if diff := cmp.Diff([]string{"eu-west-1", "us-east-1", "us-east-1"}, c.regions); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDirectWorksWithTheHubsOwnCredentialsInItsOwnAccountOnly(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.sessions(t, &store{}, func(c *Config) { c.Direct = true })
	own := reading()
	own.Target.Account = "111111111111"
	if err := readTopic(t.Context(), dial(t, s, own)); err != nil {
		t.Fatal(err)
	}
	if made := c.made(); made[len(made)-1].Key != "AKIAHUB" || len(c.tried()) > 0 {
		t.Errorf("calls %+v, %d AssumeRoles", made, len(c.tried()))
	}
	if err := setTopic(t.Context(), dial(t, s, own)); asr.Classify(err) != asr.CodeDenied {
		t.Errorf("an undeclared call: %v", err)
	}
	dial(t, s, reading())
	if len(c.tried()) != 1 {
		t.Error("another account's role was not assumed")
	}
}

func TestNewSaysWhichSettingCantBeUsed(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{{Duration: time.Minute}, {Duration: 2 * time.Hour}, {Role: "arn:aws:iam::2:role/x"}} {
		if _, err := New(cfg); asr.Classify(err) != asr.CodeBadInput || asr.Advice(err) == "" {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// cut is a network that doesn't reach STS in a Region.
type cut struct {
	aws.HTTPClient
	region string
}

func (c cut) Do(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.Header.Get("Authorization"), "/"+c.region+"/sts/") {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route to host")}
	}
	return c.HTTPClient.Do(r)
}

func TestTheHubsRegionServesWhereTheTargetsCantBeReached(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.hub.HTTPClient = cut{c.hub.HTTPClient, "eu-west-1"}
	if err := readTopic(t.Context(), dial(t, c.sessions(t, &store{}), reading())); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"us-east-1"}, c.regions); diff != "" {
		t.Error(diff)
	}
	c.hub.HTTPClient = cut{c.hub.HTTPClient, "us-east-1"}
	if _, err := c.sessions(t, &store{}).Dial(t.Context(), reading()); asr.Classify(err) != asr.CodeUnavailable {
		t.Errorf("neither can be reached: %v (%s)", err, asr.Classify(err))
	}
}
