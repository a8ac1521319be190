package sessions

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"example.com/asr"
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
