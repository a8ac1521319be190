package sessions

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
)

func deleteTopic(ctx context.Context, cfg aws.Config) error {
	_, err := sns.NewFromConfig(cfg).DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: aws.String(topic)})
	return err
}

func publish(ctx context.Context, cfg aws.Config) error {
	_, err := sns.NewFromConfig(cfg).Publish(ctx, &sns.PublishInput{TopicArn: aws.String(topic), Message: aws.String("x")})
	return err
}

func listTopics(ctx context.Context, cfg aws.Config) error {
	_, err := sns.NewFromConfig(cfg).ListTopics(ctx, &sns.ListTopicsInput{})
	return err
}

// otherService calls SNS in the name of a service that isn't in the table.
func otherService(ctx context.Context, cfg aws.Config) error {
	rename := middleware.InitializeMiddlewareFunc("rename", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(awsmiddleware.SetServiceID(ctx, "Quantum Teleport"), in)
	})
	cfg.APIOptions = append([]func(*middleware.Stack) error{func(s *middleware.Stack) error { return s.Initialize.Add(rename, middleware.After) }}, cfg.APIOptions...)
	return readTopic(ctx, cfg)
}

func describeKey(ctx context.Context, cfg aws.Config) error {
	_, err := kms.NewFromConfig(cfg).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("k")})
	return err
}

func TestWhatIsNotAllowedDoesNotLeave(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		write bool
		call  func(context.Context, aws.Config) error
		store *store
		want  asr.Code // "": it is made
		says  string
	}{
		{name: "a declared read", call: readTopic},
		{name: "a declared write", write: true, call: setTopic},
		{name: "an undeclared write", write: true, call: publish, want: asr.CodeDenied, says: "sns:Publish is not declared"},
		{name: "a write in a session that reads", call: setTopic, want: asr.CodeDenied, says: "sns:SetTopicAttributes writes"},
		{name: "an undeclared read", call: listTopics, want: asr.CodeDenied, says: "sns:ListTopics is not declared"},
		{name: "an operation of a service that we don't know", call: otherService, want: asr.CodeDenied, says: "an unknown operation is not declared"},
		{name: "a write with the kill switch on", write: true, call: setTopic, store: &store{killed: "incident 42"}, want: asr.CodeKilled, says: "incident 42"},
		{name: "a read with the kill switch on", write: true, call: readTopic, store: &store{killed: "incident 42"}},
		{name: "a write with a kill switch that can't be read", write: true, call: setTopic, store: &store{blind: true}, want: asr.CodeKilled, says: "can't be read"},
		{name: "a read with a kill switch that can't be read", write: true, call: readTopic, store: &store{blind: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, rs := newCloud(t), reading()
			if tt.store == nil {
				tt.store = &store{}
			}
			if tt.write {
				rs = writing()
			}
			err := tt.call(t.Context(), dial(t, c.sessions(t, tt.store), rs))
			if tt.want == "" {
				if err != nil || len(c.made()) != 1 {
					t.Errorf("%d calls made, error %v", len(c.made()), err)
				}
				return
			}
			if asr.Classify(err) != tt.want || !strings.Contains(err.Error(), tt.says) || asr.Advice(err) == "" {
				t.Errorf("error = %v (%s), want %s saying %q", err, asr.Classify(err), tt.want, tt.says)
			}
			if len(c.made()) > 0 || len(tt.store.actions()) > 0 {
				t.Errorf("it left: %v, journal %v", c.made(), tt.store.actions())
			}
		})
	}
}

func TestTheKillSwitchIsAskedForEachWrite(t *testing.T) {
	t.Parallel()
	c, st := newCloud(t), &store{}
	cfg := dial(t, c.sessions(t, st), writing())
	if err := setTopic(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	st.set(func(s *store) { s.killed = "stop" })
	if err := setTopic(t.Context(), cfg); asr.Classify(err) != asr.CodeKilled {
		t.Errorf("with the switch on: %v", err)
	}
	st.set(func(s *store) { s.killed = "" })
	if err := setTopic(t.Context(), cfg); err != nil {
		t.Errorf("with the switch off again: %v", err)
	}
}

func TestWithoutAStoreNothingIsWritten(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cfg := dial(t, c.sessions(t, nil), writing())
	if err := readTopic(t.Context(), cfg); err != nil {
		t.Error(err)
	}
	if err := setTopic(t.Context(), cfg); asr.Classify(err) != asr.CodeKilled {
		t.Errorf("error = %v", err)
	}
}

func TestTheJournalHasEachCallOnce(t *testing.T) {
	t.Parallel()
	c, st := newCloud(t), &store{}
	c.service = func(made call) *fault {
		c.clock.pass(time.Second)
		if made.Operation == "DeleteTopic" {
			return &fault{403, "AuthorizationError", "no"}
		}
		return nil
	}
	start := c.clock.Now()
	cfg := dial(t, c.sessions(t, st), writing())
	ctx := t.Context()
	_, _, _ = readTopic(ctx, cfg), setTopic(ctx, cfg), describeKey(ctx, cfg)
	if err := deleteTopic(ctx, cfg); err == nil {
		t.Error("no error")
	}
	at := func(n int) asr.APICall {
		return asr.APICall{Run: "run-7", At: start.Add(time.Duration(n) * time.Second), Account: "222222222222", Region: "eu-west-1", RequestID: "request-1", Took: time.Second}
	}
	want := []asr.APICall{at(0), at(1), at(2), at(3)}
	want[0].Action = "sns:GetTopicAttributes"
	want[1].Action, want[1].Write = "sns:SetTopicAttributes", true
	want[2].Action = "kms:DescribeKey"
	want[3].Action, want[3].Write, want[3].Error, want[3].RequestID = "sns:DeleteTopic", true, "AuthorizationError", "request-2"
	if diff := cmp.Diff(want, st.calls); diff != "" {
		t.Error(diff)
	}
}

func TestTheJournalHasTheSessionsOfARun(t *testing.T) {
	t.Parallel()
	c, st := newCloud(t), &store{}
	s := c.sessions(t, st)
	nobodys := reading()
	nobodys.Call.Run = ""
	for _, rs := range []remedy.Session{reading(), writing(), reading(), writing(), nobodys} {
		dial(t, s, rs)
	}
	one := asr.APICall{Run: "run-7", At: c.clock.Now(), Account: "222222222222", Region: "eu-west-1", Action: asr.AssumeRole}
	if diff := cmp.Diff([]asr.APICall{one, one}, st.opened); diff != "" {
		t.Error(diff)
	}
	c.sts = func(string, url.Values) *fault { return &fault{403, "AccessDenied", "no"} }
	other := reading()
	other.Call.Run = "run-8"
	if _, err := s.Dial(t.Context(), other); err == nil || len(st.opened) != 3 || st.opened[2].Error != "AccessDenied" || st.opened[2].RequestID != "request-2" {
		t.Errorf("a session that is refused: %v, journal %+v", err, st.opened)
	}
}

func TestTheJournalHasCallsThatGotNoAnswer(t *testing.T) {
	t.Parallel()
	c, st := newCloud(t), &store{}
	cfg := dial(t, c.sessions(t, st), reading())
	cfg.BaseEndpoint = aws.String("http://127.0.0.1:1")
	if err := readTopic(t.Context(), cfg); err == nil {
		t.Error("no error")
	}
	if len(st.calls) != 1 || st.calls[0].Error != string(asr.CodeUnavailable) {
		t.Errorf("journal %+v", st.calls)
	}
}

func TestAFullJournalLosesNoOutcomeAndStopsWhatComesAfter(t *testing.T) {
	t.Parallel()
	c, st := newCloud(t), &store{}
	cfg := dial(t, c.sessions(t, st), writing())
	st.set(func(s *store) { s.full = true })
	if err := setTopic(t.Context(), cfg); err != nil {
		t.Fatalf("the write was made, but: %v", err)
	}
	for name, next := range map[string]func(context.Context, aws.Config) error{"write": setTopic, "read": readTopic} {
		if err := next(t.Context(), cfg); asr.Classify(err) != asr.CodeUnavailable || len(c.made()) != 1 {
			t.Errorf("the next %s: %v, %d calls made", name, err, len(c.made()))
		}
	}
	st.set(func(s *store) { s.full = false })
	if err := readTopic(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"sns:SetTopicAttributes", "sns:GetTopicAttributes"}, st.actions()); diff != "" {
		t.Error(diff)
	}
}

func TestACancelledCallIsNotedAllTheSame(t *testing.T) {
	t.Parallel()
	c, st := newCloud(t), &store{}
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan struct{})
	c.service = func(call) *fault { cancel(); <-returned; return nil }
	err := setTopic(ctx, dial(t, c.sessions(t, st), writing()))
	close(returned)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	if len(st.calls) != 1 || st.calls[0].Action != "sns:SetTopicAttributes" || st.calls[0].Error != "cancelled" {
		t.Errorf("journal %+v", st.calls)
	}
}

func TestACredentialThatNobodyKnowsMeansARegionThatIsOff(t *testing.T) {
	t.Parallel()
	for _, f := range []*fault{
		{400, "UnrecognizedClientException", "The security token included in the request is invalid."},
		{403, "InvalidClientTokenId", "The security token included in the request is invalid."},
		{401, "AuthFailure", "AWS was not able to validate the provided access credentials"},
		{400, "InvalidToken", "The provided token is malformed or otherwise invalid."},
	} {
		t.Run(f.code, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.service = func(call) *fault { return f }
			err := describeKey(t.Context(), dial(t, c.sessions(t, &store{}), reading()))
			if asr.Classify(err) != asr.CodeRegionOff || !strings.Contains(asr.Advice(err), "eu-west-1") {
				t.Errorf("error = %v (%s)", err, asr.Classify(err))
			}
		})
	}
}

func TestPresigningIsGuardedButNoCall(t *testing.T) {
	t.Parallel()
	c, st := newCloud(t), &store{}
	rs := reading()
	rs.Grants = []asr.Grant{asr.Allow("arn:aws:s3:::b/*", "s3:GetObject")}
	p := s3.NewPresignClient(s3.NewFromConfig(dial(t, c.sessions(t, st), rs), func(o *s3.Options) { o.UsePathStyle = true }))
	if _, err := p.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("k")}); err != nil {
		t.Error(err)
	}
	if _, err := p.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k")}); asr.Classify(err) != asr.CodeDenied {
		t.Errorf("presigning what isn't granted: %v", err)
	}
	if len(st.actions()) > 0 {
		t.Errorf("journal %v", st.actions())
	}
}

func TestThrottledCallsAreTriedFiveTimes(t *testing.T) {
	t.Parallel()
	c, st := newCloud(t), &store{}
	c.hub.RetryMaxAttempts = 0
	c.service = func(call) *fault {
		if len(c.made()) < 3 {
			return &fault{400, "ThrottlingException", "Rate exceeded"}
		}
		return nil
	}
	s := c.sessions(t, st)
	if err := describeKey(t.Context(), dial(t, s, reading())); err != nil {
		t.Error(err)
	}
	if got := dial(t, s, reading()).Retryer().MaxAttempts(); got != 5 {
		t.Errorf("%d attempts, want 5", got)
	}
	if len(c.made()) != 3 || len(st.actions()) != 1 {
		t.Errorf("%d attempts, journal %v", len(c.made()), st.actions())
	}
}

// A step takes longer than its worker may if it waits several times.
func TestACallThatNobodyAnswersIsGivenUpAndLeftToTheEngine(t *testing.T) {
	t.Parallel()
	c, st, over := newCloud(t), &store{}, make(chan struct{})
	c.hub.HTTPClient, c.hub.RetryMaxAttempts = Client(50*time.Millisecond), 0
	c.service = func(call) *fault { <-over; return nil }
	cfg := dial(t, c.sessions(t, st), writing())
	err := setTopic(t.Context(), cfg)
	close(over)
	if err = remedy.Judge(err); asr.Classify(err) != asr.CodeUnavailable || !strings.Contains(asr.Advice(err), "by itself") {
		t.Errorf("%s: %v", asr.Classify(err), err)
	}
	if len(c.made()) != 1 || len(st.calls) != 1 || st.calls[0].Error != string(asr.CodeUnavailable) {
		t.Errorf("%d calls, journal %+v", len(c.made()), st.calls)
	}
}

func TestASessionThatNobodyGivesIsLeftToTheEngine(t *testing.T) {
	t.Parallel()
	c, over := newCloud(t), make(chan struct{})
	c.hub.HTTPClient, c.hub.RetryMaxAttempts, c.hold = Client(50*time.Millisecond), 0, over
	_, err := c.sessions(t, &store{}).Dial(t.Context(), reading())
	close(over)
	if asr.Classify(err) != asr.CodeUnavailable || len(c.tried()) != 2 { // in the target's Region and in the hub's
		t.Errorf("%s after %d tries: %v", asr.Classify(err), len(c.tried()), err)
	}
}

// AWS's clock and ours may differ by hours.
func TestASessionThatHasExpiredIsOpenedAnewByTheNextTry(t *testing.T) {
	t.Parallel()
	for _, f := range []*fault{
		{403, "ExpiredToken", "The security token included in the request is expired"},
		{400, "ExpiredTokenException", "The security token included in the request is expired"},
		{400, "RequestExpired", "Request has expired."},
	} {
		t.Run(f.code, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.service = func(made call) *fault {
				if made.Key == "ASIA000000000001" {
					return f
				}
				return nil
			}
			s := c.sessions(t, &store{})
			err := describeKey(t.Context(), dial(t, s, reading()))
			if asr.Classify(err) != asr.CodeUnavailable || !strings.Contains(err.Error(), "222222222222") || !strings.Contains(asr.Advice(err), "by itself") {
				t.Errorf("error = %v (%s)", err, asr.Classify(err))
			}
			if err := describeKey(t.Context(), dial(t, s, reading())); err != nil || len(c.tried()) != 2 {
				t.Errorf("after %d sessions: %v", len(c.tried()), err)
			}
		})
	}
}

func TestOurOwnCredentialsThatHaveExpiredAreSaidToBeSo(t *testing.T) {
	t.Parallel()
	expired := &fault{403, "ExpiredToken", "The security token included in the request is expired"}
	for name, direct := range map[string]bool{"through the member role": false, "with the hub's own credentials": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.hub.Credentials = credentials.NewStaticCredentialsProvider("AKIAHUB", "secret", "token")
			c.sts = func(string, url.Values) *fault { return expired }
			c.service = func(made call) *fault {
				if made.Service != "sts" { // who we are could be asked before
					return expired
				}
				return nil
			}
			s := c.sessions(t, &store{}, func(cfg *Config) { cfg.Direct = direct })
			s.self = &asr.Actor{Name: "arn:aws:iam::222222222222:user/jane"}
			cfg, err := s.Dial(t.Context(), reading())
			if err == nil {
				err = describeKey(t.Context(), cfg)
			}
			if asr.Classify(err) != asr.CodeSignedOut || !strings.Contains(err.Error(), "asr's own AWS credentials have expired") || !strings.Contains(asr.Advice(err), "sign in again") {
				t.Errorf("error = %v (%s)", err, asr.Classify(err))
			}
		})
	}
}
