package sessions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// cloud is an AWS of three services, STS, SNS and KMS, that remembers what it
// was asked. Each AssumeRole gives another access key.
type cloud struct {
	clock *clock
	hub   aws.Config

	mu      sync.Mutex
	assumed []url.Values      // of each AssumeRole that was tried
	regions []string          // that they were tried in
	keys    map[string]string // policy by the access key given for it
	calls   []call
	sts     func(region string, q url.Values) *fault // nil: all is well
	service func(c call) *fault
	hold    chan struct{} // AssumeRole waits until it is closed
}

type call struct{ Service, Region, Operation, Key, Agent string }

type fault struct {
	status        int
	code, message string
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{clock: &clock{now: time.Now().UTC().Truncate(time.Second)}, keys: map[string]string{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.hub = aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL), HTTPClient: server.Client(), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAHUB", "secret", ""),
	}
	return c
}

// sessions are made of the cloud with 15 minutes, an external id and the store.
func (c *cloud) sessions(t *testing.T, settings asr.Settings, change ...func(*Config)) *Sessions {
	t.Helper()
	cfg := Config{Hub: c.hub, ExternalID: "shared-word", Version: "1.2.3", Settings: settings, Clock: c.clock.Now}
	for _, f := range change {
		f(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var scope = regexp.MustCompile(`Credential=([^/]+)/\d+/([^/]+)/([^/]+)/`)

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	m := scope.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		http.Error(w, "unsigned", http.StatusForbidden)
		return
	}
	operation := r.Form.Get("Action")
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		operation = target[strings.Index(target, ".")+1:]
	}
	if m[3] == "sts" && operation == "AssumeRole" {
		c.assume(w, m[2], r.Form)
		return
	}
	c.answer(w, call{Service: m[3], Region: m[2], Operation: operation, Key: m[1], Agent: r.Header.Get("User-Agent")})
}

func (c *cloud) assume(w http.ResponseWriter, region string, q url.Values) {
	c.mu.Lock()
	c.assumed, c.regions = append(c.assumed, q), append(c.regions, region)
	key := fmt.Sprintf("ASIA%012d", len(c.assumed))
	hold, sts := c.hold, c.sts
	c.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if sts != nil {
		if f := sts(region, q); f != nil {
			f.write(w, "sts")
			return
		}
	}
	c.mu.Lock()
	c.keys[key] = q.Get("Policy")
	c.mu.Unlock()
	fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult><ResponseMetadata><RequestId>sts-1</RequestId></ResponseMetadata></AssumeRoleResponse>`,
		key, c.clock.Now().Add(15*time.Minute).Format(time.RFC3339))
}

func (c *cloud) answer(w http.ResponseWriter, made call) {
	c.mu.Lock()
	c.calls = append(c.calls, made)
	service := c.service
	c.mu.Unlock()
	if service != nil {
		if f := service(made); f != nil {
			f.write(w, made.Service)
			return
		}
	}
	w.Header().Set("X-Amzn-Requestid", "request-1")
	switch made.Service {
	case "kms":
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		fmt.Fprint(w, `{}`)
	case "sts":
		account, arn := "111111111111", "arn:aws:sts::111111111111:assumed-role/Operators/jane@example.com"
		if made.Key != "AKIAHUB" {
			account, arn = "222222222222", "arn:aws:sts::222222222222:assumed-role/asr-member/asr-doctor"
		}
		fmt.Fprintf(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>%s</Arn><UserId>U</UserId><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, arn, account)
	default:
		fmt.Fprintf(w, `<%[1]sResponse><%[1]sResult/></%[1]sResponse>`, made.Operation)
	}
}

func (f *fault) write(w http.ResponseWriter, service string) {
	w.Header().Set("X-Amzn-Requestid", "request-2")
	if service == "kms" {
		w.Header().Set("X-Amzn-Errortype", f.code)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(f.status)
		fmt.Fprintf(w, `{"message":%q}`, f.message)
		return
	}
	w.WriteHeader(f.status)
	fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>request-2</RequestId></ErrorResponse>`, f.code, f.message)
}

func (c *cloud) tried() []url.Values {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]url.Values(nil), c.assumed...)
}

func (c *cloud) made() []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]call(nil), c.calls...)
}

// store is asr.Settings in memory, with faults.
type store struct {
	mu     sync.Mutex
	killed string
	blind  bool // the kill switch can't be read
	full   bool // the journal can't be written
	calls  []asr.APICall
	opened []asr.APICall // of sessions
}

func (s *store) Setting(_ context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blind {
		return "", errors.New("disk I/O error")
	}
	if name != asr.KillSwitch {
		return "", nil
	}
	return s.killed, nil
}

func (s *store) SetSetting(context.Context, string, string) error { return nil }

func (s *store) AddCall(ctx context.Context, c asr.APICall) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return errors.New("disk full")
	}
	switch {
	case ctx.Err() != nil:
	case c.Action == asr.AssumeRole:
		s.opened = append(s.opened, c)
	default:
		s.calls = append(s.calls, c)
	}
	return ctx.Err()
}

func (s *store) Calls(context.Context, string) ([]asr.APICall, error) { return s.calls, nil }

func (s *store) set(f func(*store)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *store) actions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, c := range s.calls {
		all = append(all, c.Action)
	}
	return all
}

const (
	topic = "arn:aws:sns:eu-west-1:222222222222:alerts"
	jane  = "arn:aws:sts::111111111111:assumed-role/Operators/jane@example.com"
)

// reading and writing are sessions of one run on a topic.
func reading() remedy.Session {
	return remedy.Session{
		Target: asr.Target{Partition: "aws", Account: "222222222222", Region: "eu-west-1", Name: "alerts", ID: topic},
		Grants: []asr.Grant{asr.Allow(topic, "sns:GetTopicAttributes"), asr.Allow("*", "kms:DescribeKey")},
		Call:   asr.Call{Run: "run-7", Actor: asr.Actor{Kind: "person", Name: jane, Verified: true}},
	}
}

func writing() remedy.Session {
	s := reading()
	s.Write = true
	s.Grants = append(s.Grants, asr.Allow(topic, "sns:SetTopicAttributes"), asr.Allow(topic, "sns:DeleteTopic"))
	return s
}
