package sessions

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Somebody signs in again in another window, while asr runs.
func TestCredentialsThatWereRenewedAreReadAnew(t *testing.T) {
	t.Parallel()
	sso := errors.New("the SSO session has expired or is invalid")
	for name, row := range map[string]struct {
		says *fault // AWS
		file error  // where they come from
	}{
		"AWS says so":        {says: &fault{403, "ExpiredToken", "The security token included in the request is expired"}},
		"their source knows": {file: sso},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, read := newCloud(t), 0
			file := func(key string) aws.CredentialsProvider {
				return aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
					if row.file != nil {
						return aws.Credentials{}, row.file
					}
					return credentials.NewStaticCredentialsProvider(key, "secret", "token").Retrieve(ctx)
				}))
			}
			c.hub.Credentials = Renew(file("AKIAOLD"), func(context.Context) (aws.CredentialsProvider, error) {
				read++
				return file("AKIANEW"), nil
			})
			c.sts = func(string, url.Values) *fault { return row.says }
			s := c.sessions(t, &store{})
			for range 3 {
				if _, err := s.Dial(t.Context(), reading()); asr.Classify(err) != asr.CodeSignedOut {
					t.Fatalf("while they have expired: %v (%s)", err, asr.Classify(err))
				}
			}
			row.says, row.file = nil, nil
			if err := readTopic(t.Context(), dial(t, s, reading())); err != nil || read == 0 {
				t.Errorf("renewed: %v, read anew %d times", err, read)
			}
			was := read
			for range 3 {
				dial(t, s, reading())
			}
			if got, err := s.hub.Credentials.Retrieve(t.Context()); err != nil || got.AccessKeyID != "AKIANEW" || read != was {
				t.Errorf("good ones are kept: %s %v, read %d times more", got.AccessKeyID, err, read-was)
			}
		})
	}
}

// Credentials last by AWS's clock. Ours may be wrong, and be set right.
func TestAClockThatJumpsLeavesSessionsUsable(t *testing.T) {
	t.Parallel()
	for name, jump := range map[string]time.Duration{"hours forwards": 9 * time.Hour, "hours back": -9 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			s := c.sessions(t, &store{})
			dial(t, s, reading())
			c.clock.pass(jump)
			c.service = func(made call) *fault { // AWS's clock has gone on meanwhile, by an hour: the first session is over
				if len(c.tried()) == 1 {
					return &fault{403, "ExpiredToken", "The security token included in the request is expired"}
				}
				return nil
			}
			var err error
			for range 2 { // as the engine does: what may pass is tried again
				if err = readTopic(t.Context(), dial(t, s, reading())); err == nil || asr.Classify(remedy.Judge(err)) != asr.CodeUnavailable {
					break
				}
			}
			if err != nil {
				t.Errorf("after the jump: %v", err)
			}
			made := len(c.tried())
			c.clock.pass(-jump) // it is set right
			for range 3 {
				if err := readTopic(t.Context(), dial(t, s, reading())); err != nil {
					t.Errorf("set right: %v", err)
				}
			}
			if more := len(c.tried()) - made; more > 1 {
				t.Errorf("%d sessions were opened after the clock was right", more)
			}
		})
	}
}
