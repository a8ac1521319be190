package sandbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/logging"

	"example.com/asr"
)

// operatorName is the IAM user of the hub account that Env's keys belong to.
const operatorName = "asr-operator"

// rootPrefix begins the access key ids that act with all rights in the account
// whose id follows. The gateway accepts them, moto never sees who it was.
const rootPrefix = "AKIAROOT"

// Config is for acting with all rights in an account, whether rights are
// enforced or not: seeding and looking. Path-style S3 and S3 Control work;
// calls are tried once.
func (s *Sandbox) Config(account, region string) aws.Config {
	return s.config(region, rootPrefix+account, "root")
}

// Root is how a program that is not Go acts with all rights in an account:
// endpoint, key and secret.
func (s *Sandbox) Root(account string) map[string]string {
	return map[string]string{"endpoint": s.url, "key": rootPrefix + account, "secret": "root"}
}

// Python is the interpreter that runs moto, which has boto3 too.
func (s *Sandbox) Python() string { return s.python }

// HubConfig acts as the hub's operator: what the product starts from.
// STS AssumeRole works through it.
func (s *Sandbox) HubConfig(region string) aws.Config {
	return s.config(region, s.op.AccessKeyID, s.op.Secret)
}

func (s *Sandbox) config(region, key, secret string) aws.Config {
	if s.broken != nil {
		return aws.Config{Region: region, HTTPClient: unreachable{s.broken}, RetryMaxAttempts: 1, Logger: logging.Nop{}, BaseEndpoint: aws.String("http://127.0.0.1:1"),
			Credentials: aws.AnonymousCredentials{}}
	}
	return aws.Config{
		Region:           region,
		BaseEndpoint:     aws.String(s.url),
		Credentials:      aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(key, secret, "")),
		HTTPClient:       s.http,
		RetryMaxAttempts: 1,
		Logger:           logging.Nop{},
	}
}

// Env is the environment in which a program of its own (asr, the AWS CLI)
// works in the sandbox as the hub's operator. AWS_PROFILE and
// AWS_SESSION_TOKEN must not be set beside it.
func (s *Sandbox) Env(region string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + s.url,
		"AWS_REGION=" + region,
		"AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + s.op.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + s.op.Secret,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}
}

// hire creates the operator with a key of its own and all rights in the hub.
func (s *Sandbox) hire(ctx context.Context) (operator, error) {
	c := iam.NewFromConfig(s.Config(s.hub, asr.Home("aws")))
	if _, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String(operatorName)}); err != nil {
		return operator{}, err
	}
	_, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{
		UserName: aws.String(operatorName), PolicyName: aws.String("all"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`),
	})
	if err != nil {
		return operator{}, err
	}
	k, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String(operatorName)})
	if err != nil {
		return operator{}, err
	}
	return operator{AccessKeyID: aws.ToString(k.AccessKey.AccessKeyId), Secret: aws.ToString(k.AccessKey.SecretAccessKey)}, nil
}

// pinned is a client that dials the gateway whatever host a request names:
// S3 Control puts the account before it, and nothing can leave the machine.
func pinned(addr string) *http.Client {
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, addr)
		},
		MaxIdleConnsPerHost: 16,
		DisableCompression:  true,
	}
	return &http.Client{Transport: whole{t}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// whole hands out answers that have been read to their end. On a busy machine a
// connection now and then closes under an answer that is still being read; the
// request is then sent once more, so that no test fails for it.
type whole struct{ next http.RoundTripper }

func (w whole) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close() // it has been read
	}
	resp, err := w.once(r, sent)
	if errors.Is(err, net.ErrClosed) {
		resp, err = w.once(r, sent)
	}
	return resp, err
}

func (w whole) once(r *http.Request, body []byte) (*http.Response, error) {
	r = r.Clone(r.Context())
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close() // it has been read
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(got))
	return resp, nil
}

// listen opens the gateway's address, which must be loopback.
func listen(addr string) (net.Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: "sandbox: listen", Err: err, Do: "give host:port, like 127.0.0.1:4566"}
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: "sandbox: " + addr + " is not a loopback address", Do: "use 127.0.0.1: the sandbox asks nobody for a password"}
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: "sandbox: listen", Err: err, Do: "choose another port, or end what uses it"}
	}
	return l, nil
}

// unreachable is the client of a sandbox that is not there.
type unreachable struct{ why error }

func (u unreachable) Do(*http.Request) (*http.Response, error) { return nil, u.why }

// headed is a client that acts for an account without the gateway's help.
type headed struct {
	*http.Client
	account string
}

func (h headed) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set(accountHeader, h.account)
	return h.Client.Do(r)
}
