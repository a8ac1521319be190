package sessions

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// Config is what Sessions are made of.
type Config struct {
	Hub        aws.Config    // with the operator's or the Lambda function's own credentials
	Role       string        // the member role: a name with its path, or a pattern "arn:{partition}:iam::{account}:role/…"; "": asr-member
	ExternalID string        // "": none
	Duration   time.Duration // of a session: 15 to 60 minutes; 0: 15
	Version    string        // of asr, for the user agent
	Settings   asr.Settings  // the kill switch and the journal; nil: nothing can be written and no call is noted
	Clock      asr.Clock     // nil: time.Now

	// Direct works with the hub's credentials themselves in the hub's own
	// account, for somebody who has one account and no member role. AWS then
	// enforces what those credentials may do; only the guard in this process
	// holds calls to the declared actions.
	Direct bool
	// KeepSource leaves the source identity that the hub's own session has, as
	// some identity providers set one: AWS doesn't let it be changed.
	KeepSource bool
}

// Sessions opens sessions in member accounts. It is safe for concurrent use.
type Sessions struct {
	cfg     Config
	hub     aws.Config
	journal journal

	mu      sync.Mutex
	open    map[string]*entry    // by everything that makes a session
	avoided map[string]time.Time // Regions whose STS doesn't serve the hub, until when
	self    *asr.Actor           // the hub's own identity
}

// entry is a session in the cache.
type entry struct {
	piece   *piece
	retryer aws.Retryer // shared by a session's clients, so that what one learns of throttling the next one knows
	used    time.Time
}

const (
	maxOpen  = 4096 // sessions kept; the one used longest ago goes first
	attempts = 5
)

// New makes Sessions. The error, an *asr.Error with CodeBadInput, names the
// setting that can't be used. It makes no call.
func New(c Config) (*Sessions, error) {
	if c.Role == "" {
		c.Role = "asr-member"
	}
	if c.Duration == 0 {
		c.Duration = 15 * time.Minute
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Duration < 15*time.Minute || c.Duration > time.Hour {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: fmt.Sprintf("sessions can't last %s", c.Duration), Do: "choose a duration from 15m to 60m"}
	}
	if strings.HasPrefix(c.Role, "arn:") && !strings.Contains(c.Role, "{account}") {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: "the member role " + c.Role + " is the same for all accounts", Do: "write {account} where its account stands: arn:{partition}:iam::{account}:role/asr-member"}
	}
	s := &Sessions{cfg: c, hub: c.Hub.Copy(), open: map[string]*entry{}, avoided: map[string]time.Time{}}
	s.journal.settings = c.Settings
	s.prepare()
	return s, nil
}

// prepare sets what all clients share.
func (s *Sessions) prepare() {
	if s.hub.Region == "" {
		s.hub.Region = asr.Home("aws")
	}
	if s.hub.HTTPClient == nil {
		s.hub.HTTPClient = Client(Patience)
	}
	if s.hub.RetryMaxAttempts == 0 {
		s.hub.RetryMaxAttempts = attempts
	}
	s.hub.Retryer = s.retryer
	version := s.cfg.Version
	if version == "" {
		version = "dev"
	}
	s.hub.APIOptions = append(slices.Clone(s.hub.APIOptions), awsmiddleware.AddUserAgentKeyValue("asr", version))
}

// Patience is how long AWS may take to begin an answer. The slowest operations
// take some seconds; AWS's clients would wait for ever.
const Patience = 30 * time.Second

// Client is an HTTP client for AWS that gives a call up when nobody answers.
func Client(patience time.Duration) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost, t.ResponseHeaderTimeout = 16, patience
	})
}

// Dial is a remedy.Dialer. It assumes the member role with the session's grants
// as policy, unless it has done so already, and returns a config whose calls are
// held to them: each is checked before it leaves, writes ask the kill switch,
// all are noted in the journal. If the policy is too large for AWS, each
// operation works through a narrower session that has its action.
//
// Errors are *asr.Error: CodeNoRole, CodeRegionOff, CodeDenied, CodeSignedOut, CodeBadTarget,
// CodeInternal (the grants), and remedy.Judge's for what may pass.
func (s *Sessions) Dial(ctx context.Context, rs remedy.Session) (aws.Config, error) {
	if err := s.admit(&rs.Target); err != nil {
		return aws.Config{}, err
	}
	if err := readable(rs.Grants, rs.Write); err != nil {
		return aws.Config{}, err
	}
	direct, err := s.direct(ctx, rs.Target.Account)
	if err != nil {
		return aws.Config{}, err
	}
	e := s.entry(rs)
	credentials := s.hub.Credentials
	if !direct {
		if _, err := e.piece.credentials(ctx, ""); err != nil {
			return aws.Config{}, err
		}
		credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			return e.piece.credentials(ctx, Action(awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx)))
		})
	}
	return s.config(rs, e, credentials, direct), nil
}

func (s *Sessions) config(rs remedy.Session, e *entry, credentials aws.CredentialsProvider, direct bool) aws.Config {
	cfg := s.hub.Copy()
	cfg.Region, cfg.Credentials = rs.Target.Region, credentials
	cfg.Retryer = func() aws.Retryer { return e.retryer }
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), guard{s, rs, e.piece, direct}.install)
	if rs.Call.Run != "" {
		cfg.APIOptions = append(cfg.APIOptions, awsmiddleware.AddUserAgentKeyValue("asr-run", clean(rs.Call.Run)))
	}
	return cfg
}

// entry finds the session in the cache, or makes one there.
func (s *Sessions) entry(rs remedy.Session) *entry {
	p := s.piece(rs.Target, sessionName(rs.Call), s.source(rs.Call.Actor), rs.Grants)
	p.run = rs.Call.Run
	key := strings.Join([]string{p.role, p.region, p.name, p.source, p.policy}, "\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.open[key]
	if e == nil {
		s.evict()
		e = &entry{piece: p, retryer: s.retryer()}
		s.open[key] = e
	}
	e.used = s.cfg.Clock()
	return e
}

// evict makes room for one more.
func (s *Sessions) evict() {
	if len(s.open) < maxOpen {
		return
	}
	oldest := ""
	for key, e := range s.open {
		if oldest == "" || e.used.Before(s.open[oldest].used) {
			oldest = key
		}
	}
	delete(s.open, oldest)
}

func (s *Sessions) retryer() aws.Retryer {
	return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
		o.StandardOptions = append(o.StandardOptions, func(so *retry.StandardOptions) {
			so.MaxAttempts = s.hub.RetryMaxAttempts
			so.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(timedOut)}, so.Retryables...)
		})
	})
}

// timedOut leaves it to the engine to try again what nobody answered: to wait
// for it several times would take longer than a step may.
func timedOut(err error) aws.Ternary {
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

var (
	accountID  = regexp.MustCompile(`^\d{12}$`)
	regionName = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+){1,3}-\d{1,2}$`)
)

// admit refuses targets that no session may be opened for. Targets come from
// findings: a * in a name would widen the session's policy, a Region that is
// none would be part of a host name.
func (s *Sessions) admit(t *asr.Target) error {
	if t.Region == "" {
		t.Region = asr.Home(t.Partition)
	}
	if t.Partition == "" {
		t.Partition = asr.Partition(t.Region)
	}
	bad := func(message, do string) error { return &asr.Error{Code: asr.CodeBadTarget, Message: message, Do: do} }
	switch {
	case !accountID.MatchString(t.Account):
		return bad(fmt.Sprintf("%q is no AWS account id", t.Account), "correct the finding's account, 12 digits")
	case !regionName.MatchString(t.Region) || asr.Partition(t.Region) != t.Partition:
		return bad(fmt.Sprintf("%q is no Region of partition %q", t.Region, t.Partition), "correct the finding's Region")
	case strings.ContainsAny(t.Name, "*?") || strings.Contains(t.Name, "${"):
		return bad(fmt.Sprintf("%q would stand for many resources in a policy", t.Name), "name one resource, without *, ? or ${")
	case asr.Partition(s.hub.Region) != t.Partition:
		return &asr.Error{Code: asr.CodeNoRole, Message: fmt.Sprintf("credentials of partition %s can't reach account %s in partition %s", asr.Partition(s.hub.Region), t.Account, t.Partition), Do: "run an asr of its own in that partition"}
	}
	return nil
}

// direct reports whether the account is worked on with the hub's own credentials.
func (s *Sessions) direct(ctx context.Context, account string) (bool, error) {
	if !s.cfg.Direct {
		return false, nil
	}
	self, err := s.Whoami(ctx)
	return err == nil && accountOf(self.Name) == account, err
}

func (s *Sessions) roleARN(t asr.Target) string {
	if strings.HasPrefix(s.cfg.Role, "arn:") {
		return t.Expand(s.cfg.Role)
	}
	return t.Expand("arn:{partition}:iam::{account}:role/" + strings.TrimPrefix(s.cfg.Role, "/"))
}
