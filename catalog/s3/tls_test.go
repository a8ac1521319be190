package s3

import (
	"errors"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const deny = `{"Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":"*","Resource":["arn:aws:s3:::NAME","arn:aws:s3:::NAME/*"],"Sid":"RequireTLS"}`

func allow(sid string) string {
	return `{"Sid":"` + sid + `","Effect":"Allow","Principal":"*","Action":["s3:PutObject","s3:GetObject"],"Resource":"arn:aws:s3:::some/*","Condition":{"NumericLessThan":{"s3:max-keys":12345678901234567}}}`
}

// newBucket makes a bucket whose name nobody else has.
func newBucket(t *testing.T, acct *remedytest.Account, what string) string {
	name := what + "-" + acct.ID
	_, err := s3.NewFromConfig(acct.Config).CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(acct.Region)},
	})
	remedytest.Must(t, name, err)
	return name
}

func putPolicy(t *testing.T, acct *remedytest.Account, name, doc string) {
	_, err := s3.NewFromConfig(acct.Config).PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: aws.String(strings.ReplaceAll(doc, "NAME", name))})
	remedytest.Must(t, name, err)
}

func viewPolicy(t *testing.T, acct *remedytest.Account, name string) any {
	out, err := s3.NewFromConfig(acct.Config).GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &name})
	if remedy.Is(err, "NoSuchBucketPolicy") {
		return nil
	}
	doc, err := remedy.ParseDocument(*remedytest.Must(t, out, err).Policy)
	return remedytest.Must(t, doc, err)
}

func TestTLSOnly(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	var cases []remedytest.Case
	for what, c := range map[string]struct{ was, then, foreign, want string }{
		"none-at-all": {want: `policy: none → {"Statement":[` + deny + `],"Version":"2012-10-17"}`},
		"has-another": {
			was:  `{"Version":"2012-10-17","Statement":[` + allow("a") + `]}`,
			then: `{"Version":"2012-10-17","Statement":[` + allow("b") + `,` + deny + `,` + allow("a") + `]}`,
			want: `policy.Statement[]: none → ` + deny,
		},
		"ours-is-edited": {
			was:     `{"Version":"2012-10-17","Statement":[` + allow("a") + `]}`,
			foreign: `{"Version":"2012-10-17","Statement":[` + strings.Replace(deny, "s3:*", "s3:GetObject", 1) + `,` + allow("a") + `]}`,
			want:    `policy.Statement[]: none → ` + deny,
		},
		"name-taken": {
			was:  `{"Version":"2012-10-17","Statement":[` + allow("RequireTLS") + `]}`,
			want: `policy.Statement[]: none → ` + strings.Replace(deny, `RequireTLS`, `RequireTLS2`, 1),
		},
		"no-list": {
			was:  `{"Version":"2012-10-17","Statement":` + strings.Replace(allow("a"), `,"Condition":{"NumericLessThan":{"s3:max-keys":12345678901234567}}`, "", 1) + `}`,
			want: `policy.Statement: {"Action":["s3:PutObject","s3:GetObject"],"Effect":"Allow","Principal":"*","Resource":"arn:aws:s3:::some/*","Sid":"a"} → [{"Action":["s3:PutObject","s3:GetObject"],"Effect":"Allow","Principal":"*","Resource":"arn:aws:s3:::some/*","Sid":"a"},` + deny + `]`,
		},
	} {
		name := newBucket(t, acct, what)
		run := remedytest.Case{
			Name: what, Control: "S3.5", Resource: acct.Expand(bucket, name), Want: []string{strings.ReplaceAll(c.want, "NAME", name)},
			View: func() any { return viewPolicy(t, acct, name) },
		}
		if c.was != "" {
			putPolicy(t, acct, name, c.was)
		}
		if c.then != "" {
			run.Meanwhile = func() { putPolicy(t, acct, name, c.then) }
		}
		if c.foreign != "" {
			run.Foreign = func() { putPolicy(t, acct, name, c.foreign) }
		}
		cases = append(cases, run)
	}
	cases[0].Gone = func() {
		_, err := s3.NewFromConfig(acct.Config).DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String(strings.TrimPrefix(cases[0].Resource, "arn:aws:s3:::"))})
		remedytest.Must(t, 0, err)
	}
	remedytest.Lifecycle(t, acct, TLSOnly, cases...)
}

func TestTLSIsRequiredAlreadyInOtherWords(t *testing.T) {
	on := remedy.On[none]{Target: asr.Target{Partition: "aws", Name: "b"}}
	for _, doc := range []string{
		`{"Statement":{"Sid":"x","Effect":"Deny","Principal":{"AWS":"*"},"Action":["s3:*"],"Resource":["arn:aws:s3:::b/*","arn:aws:s3:::b"],"Condition":{"Bool":{"aws:SecureTransport":false}}}}`,
		`{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],"Condition":{"Bool":{"aws:SecureTransport":["false"]}}}]}`,
	} {
		p, err := remedy.ParseDocument(doc)
		got, werr := TLSOnly.Want(on, bucketPolicy{p})
		if err := errors.Join(err, werr); err != nil || len(got.Policy.Statements()) != 1 {
			t.Errorf("%s: becomes %v, %v", doc, got, err)
		}
	}
	weaker, err := remedy.ParseDocument(`{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"},"StringEquals":{"aws:PrincipalAccount":"1"}}}]}`)
	if got, werr := TLSOnly.Want(on, bucketPolicy{weaker}); errors.Join(err, werr) != nil || len(got.Policy.Statements()) != 2 {
		t.Errorf("a statement with another condition counts as ours: %v", got)
	}
}

func TestAPolicyThatGetsTooLongIsRefused(t *testing.T) {
	long, err := remedy.ParseDocument(`{"Statement":[{"Sid":"` + strings.Repeat("x", policyLimit-100) + `"}]}`)
	if _, werr := TLSOnly.Want(remedy.On[none]{Target: asr.Target{Name: "b"}}, bucketPolicy{long}); err != nil || asr.Classify(werr) != asr.CodeRefused || asr.Advice(werr) == "" {
		t.Errorf("got %v, %v", err, werr)
	}
}
