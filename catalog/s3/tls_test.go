package s3

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedy/logbucket"
	"example.com/asr/remedytest"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const deny = `{"Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":"*","Resource":["arn:aws:s3:::NAME","arn:aws:s3:::NAME/*"],"Sid":"RequireTLS"}`

func allow(sid string) string {
	return `{"Sid":"` + sid + `","Effect":"Allow","Principal":"*","Action":["s3:PutObject","s3:GetObject"],"Resource":"arn:aws:s3:::some/*","Condition":{"NumericLessThan":{"s3:max-keys":12345678901234567}}}`
}

func TestTLSOnly(t *testing.T) {
	t.Parallel()
	tlsLifecycle(t, remedytest.NewAccount(t))
}

func TestTLSOnlyUnderAnIAMThatIsEnforced(t *testing.T) {
	t.Parallel()
	tlsLifecycle(t, remedytest.NewEnforcedAccount(t))
}

func tlsLifecycle(t *testing.T, acct *remedytest.Account) {
	var cases []remedytest.Case
	for what, c := range map[string]struct {
		was, then, foreign, want string
		seen                     []string
	}{
		"none-at-all": {
			want: `policy: none → {"Statement":[` + deny + `],"Version":"2012-10-17"}`,
			seen: []string{`get_bucket_policy.Error: "NoSuchBucketPolicy" → none`, `get_bucket_policy.Statement: none → [` + deny + `]`, `get_bucket_policy.Version: none → "2012-10-17"`},
		},
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
			View: wholeBucket(acct, name), Seed: func() { putPolicy(t, acct, name, c.was) },
		}
		if c.seen == nil {
			c.seen = []string{"get_bucket_" + c.want}
		}
		for _, s := range c.seen {
			run.Seen = append(run.Seen, strings.ReplaceAll(s, "NAME", name))
		}
		if c.then != "" {
			run.Meanwhile = func() { putPolicy(t, acct, name, c.then) }
		}
		if c.foreign != "" {
			run.Foreign = func() { putPolicy(t, acct, name, c.foreign) }
		}
		cases = append(cases, run)
	}
	cases[0].Gone = deleted(t, acct, strings.TrimPrefix(cases[0].Resource, "arn:aws:s3:::"))
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

func TestRequiringTLSOnlyAddsAStatement(t *testing.T) {
	t.Parallel()
	on := remedy.On[none]{Target: asr.Target{Partition: "aws-cn", Name: "b"}}
	rapid.Check(t, func(t *rapid.T) {
		now := bucketPolicy{anyPolicy(t)}
		remedytest.Stable(t, TLSOnly, on, now, "policy")
		to, err := TLSOnly.Want(on, now)
		if err != nil || !to.Policy.Says(logbucket.RequireTLS("arn:aws-cn:s3:::b")) {
			t.Fatalf("%v becomes %v, %v", now.Policy, to.Policy, err)
		}
		for i, s := range now.Policy.Statements() {
			if diff := cmp.Diff(s, to.Policy.Statements()[i]); diff != "" {
				t.Fatalf("a statement of theirs is changed (-was +is)\n%s", diff)
			}
		}
	})
}

// anyPolicy is none, or one of a few statements, with ours or without.
func anyPolicy(t *rapid.T) remedy.Document {
	own, _ := json.Marshal(logbucket.RequireTLS("arn:aws-cn:s3:::b")) // maps of texts
	statements := rapid.SliceOfN(rapid.SampledFrom([]string{allow("a"), allow("b"), allow("RequireTLS"), strings.ReplaceAll(deny, "NAME", "b"), string(own)}), 0, 4).Draw(t, "statements")
	text := rapid.SampledFrom([]string{"", `{"Statement":[` + strings.Join(statements, ",") + `]}`}).Draw(t, "policy")
	doc, err := remedy.ParseDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestASecondRunAddsNoSecondStatement(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for what, was := range map[string]string{
		"none": "", "alone": `{"Version":"2012-10-17","Statement":` + allow("a") + `}`,
		"sid-taken": `{"Version":"2012-10-17","Statement":[` + allow("RequireTLS") + `,` + allow("AllowSSLRequestsOnly") + `]}`,
	} {
		name := newBucket(t, acct, what)
		if was != "" {
			putPolicy(t, acct, name, was)
		}
		for _, want := range []asr.State{asr.StateVerified, asr.StateNothingToDo} {
			if r := remedytest.End(t, acct, TLSOnly, remedytest.Case{Control: "S3.5", Resource: acct.Expand(bucket, name)}); r.State != want {
				t.Errorf("%s: the run ended %s, want %s: %+v", what, r.State, want, r.Error)
			}
		}
	}
}

func TestAStatementThatStandsWithoutAListStays(t *testing.T) {
	t.Parallel()
	doc, err := remedy.ParseDocument(`{"Version":"2012-10-17","Statement":` + allow("a") + `}`)
	got, werr := TLSOnly.Want(remedy.On[none]{Target: asr.Target{Partition: "aws", Name: "b"}}, bucketPolicy{remedytest.Must(t, doc, err)})
	if all := got.Policy.Statements(); werr != nil || len(all) != 2 || !cmp.Equal(all[0], doc["Statement"]) {
		t.Errorf("becomes %v, %v", got, werr)
	}
}

// While a bucket blocks public policies, S3 refuses every change of a policy
// that is public, and says no more than AccessDenied.
func TestTheRefusalToChangeAPublicPolicyIsExplained(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	name := newBucket(t, acct, "closed")
	putPolicy(t, acct, name, policyWith(statement(`"Sid":"Website","Principal":"*","Action":"s3:GetObject"`), statement(`"Sid":"Partner","Principal":{"AWS":"222222222222"},"Action":"s3:*"`)))
	if r := remedytest.End(t, acct, BlockPublicAccess, remedytest.Case{Control: "S3.2", Resource: acct.Expand(bucket, name)}); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	for control, r := range map[string]asr.Run{
		"S3.5": remedytest.End(t, acct, TLSOnly, remedytest.Case{Control: "S3.5", Resource: acct.Expand(bucket, name)}), "S3.6": remedytest.End(t, acct, RestrictOtherAccounts, remedytest.Case{Control: "S3.6", Resource: acct.Expand(bucket, name)}),
	} {
		if r.State != asr.StateFailed || r.Error.Code != asr.CodeDenied || !strings.Contains(r.Error.Do, "Block Public Access") {
			t.Errorf("%s: the run ended %s: %+v", control, r.State, r.Error)
		}
	}
}

// Both read a bucket's policy, change it and write it back: not at once.
func TestTwoRunsOnOnePolicyWaitForEachOther(t *testing.T) {
	t.Parallel()
	for _, s := range []asr.Spec{TLSOnly.Spec, RestrictOtherAccounts.Spec} {
		if len(s.Locks) > 0 || s.Resources[0] != bucket {
			t.Errorf("%s locks something else than the bucket: %v %v", s.ID, s.Locks, s.Resources)
		}
	}
	if !slices.Contains(AccessLogging.Spec.Locks, bucket) || !slices.Contains(AccessLogging.Spec.Locks, logBucket) {
		t.Errorf("%s locks %v", AccessLogging.Spec.ID, AccessLogging.Spec.Locks)
	}
}

func TestAPolicyThatS3TakesForMalformedIsExplained(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	err := writePolicy(t.Context(), acct.Config, asr.Target{Account: acct.ID, Name: newBucket(t, acct, "b")}, remedy.Document{"Statement": []any{}})
	if asr.Classify(err) != asr.CodeAWS || !strings.Contains(asr.Advice(err), "deleted") {
		t.Errorf("got %v: %s", err, asr.Advice(err))
	}
}
