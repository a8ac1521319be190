package s3

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const (
	home    = "111111111111" // the bucket's account
	partner = "arn:aws:iam::222222222222:role/etl"
)

// policyWith is a policy with a statement for each of these, in JSON.
func policyWith(statements ...string) string {
	return `{"Version":"2012-10-17","Id":"theirs","Statement":[` + strings.Join(statements, ",") + `]}`
}

// statement is an Allow on the bucket NAME and all in it.
func statement(rest string) string {
	return `{"Effect":"Allow","Resource":["arn:aws:s3:::NAME","arn:aws:s3:::NAME/*"],` + rest + `}`
}

func TestRestrictOtherAccounts(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	ownRole, theirs := "arn:aws:iam::"+acct.ID+":role/admin", `"Sid":"TLS","Principal":"*","Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}}`
	deny := strings.Replace(statement(theirs), "Allow", "Deny", 1)
	read := statement(`"Sid":"Read","Principal":{"AWS":"` + partner + `"},"Action":["s3:GetObject","s3:ListBucket"],"Condition":{"NumericLessThan":{"s3:max-keys":12345678901234567}}`)
	var cases []remedytest.Case
	for _, c := range []struct {
		name, policy, foreign string
		want, seen            []string
	}{{
		name:   "named-actions",
		policy: policyWith(deny, statement(`"Sid":"Partner","Principal":{"AWS":"`+partner+`"},"Action":["s3:GetObject","s3:PutBucketPolicy","s3:PutObject"]`), read),
		want:   []string{`named.Partner.Action[]: "s3:PutBucketPolicy" → none`},
		seen: []string{
			`get_bucket_policy.Statement[]: {"Action":["s3:GetObject","s3:PutBucketPolicy","s3:PutObject"]`,
			`get_bucket_policy.Statement[]: none → {"Action":["s3:GetObject","s3:PutObject"]`,
		},
	}, {
		name:   "own-and-other",
		policy: policyWith(deny, statement(`"Sid":"Both","Principal":{"AWS":["`+ownRole+`","`+partner+`"],"Service":"s3.amazonaws.com"},"Action":"s3:*"`)),
		want: []string{
			`named.Both.Principal.AWS: ["` + ownRole + `","` + partner + `"] → "` + ownRole + `"`,
			`named.BothOthers: none → {"Effect":"Allow","NotAction":["s3:DeleteBucketPolicy","s3:PutBucketAcl","s3:PutBucketPolicy","s3:PutEncryptionConfiguration","s3:PutObjectAcl"],"Principal":{"AWS":"` + partner + `"},"Resource":["arn:aws:s3:::NAME","arn:aws:s3:::NAME/*"],"Sid":"BothOthers"}`,
		},
		foreign: policyWith(deny, statement(`"Sid":"Both","Principal":{"AWS":"`+ownRole+`","Service":"s3.amazonaws.com"},"Action":"s3:*"`), statement(`"Sid":"BothOthers","Principal":{"AWS":"222222222222"},"Action":"s3:GetObject"`)),
		seen:    []string{`get_bucket_policy.Statement[]: {"Action":"s3:*"`, `get_bucket_policy.Statement[]: none → {"Action":"s3:*"`, `get_bucket_policy.Statement[]: none → {"Effect":"Allow","NotAction"`},
	}, {
		name:   "all-that-there-is",
		policy: `{"Version":"2012-10-17","Statement":` + statement(`"Principal":{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"},"Action":"s3:PutBucketAcl"`) + `}`,
		want: []string{
			`nameless: [{"Action":"s3:PutBucketAcl","Effect":"Allow","Principal":{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"},"Resource":["arn:aws:s3:::NAME","arn:aws:s3:::NAME/*"]}] → none`,
			`rest: {"Version":"2012-10-17"} → none`, `single: true → false`,
		},
		seen: []string{`get_bucket_policy.Error: none → "NoSuchBucketPolicy"`, `get_bucket_policy.Statement: {`, `get_bucket_policy.Version: "2012-10-17" → none`},
	}, {
		name:   "no-names",
		policy: policyWith(statement(`"Principal":"*","Action":["s3:PutObject*","s3:GetObject"],"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`), statement(`"Principal":{"AWS":"`+home+`"},"Action":"s3:GetObject"`)),
		want: []string{
			`nameless[]: {"Action":["s3:PutObject*","s3:GetObject"],"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}},"Effect":"Allow","Principal":"*","Resource":["arn:aws:s3:::NAME","arn:aws:s3:::NAME/*"]} → none`,
			`nameless[]: none → {"Action":["s3:PutObject","s3:PutObjectLegalHold","s3:PutObjectRetention","s3:PutObjectTagging","s3:PutObjectVersionAcl","s3:PutObjectVersionTagging","s3:GetObject"],"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}},"Effect":"Allow","Principal":"*","Resource":["arn:aws:s3:::NAME","arn:aws:s3:::NAME/*"]}`,
		},
		seen: []string{`get_bucket_policy.Statement[]: {"Action":["s3:PutObject*"`, `get_bucket_policy.Statement[]: none → {"Action":["s3:PutObject",`},
	}} {
		name := newBucket(t, acct, c.name)
		in := func(texts []string) (all []string) {
			for _, text := range texts {
				all = append(all, strings.ReplaceAll(text, "NAME", name))
			}
			return all
		}
		run := remedytest.Case{Name: c.name, Control: "S3.6", Resource: acct.Expand(bucket, name), Want: in(c.want), Seen: in(c.seen), View: wholeBucket(acct, name), Seed: func() { putPolicy(t, acct, name, c.policy) }}
		if c.foreign != "" {
			run.Foreign = func() { putPolicy(t, acct, name, c.foreign) }
		}
		cases = append(cases, run)
	}
	cases[0].Gone = deleted(t, acct, strings.TrimPrefix(cases[0].Resource, "arn:aws:s3:::"))
	remedytest.Lifecycle(t, acct, RestrictOtherAccounts, cases...)
}

// restricted is what a statement of the bucket "b" becomes.
func restricted(t *testing.T, actions []string, text string) []remedy.Document {
	t.Helper()
	if actions == nil {
		actions = RestrictOtherAccounts.Controls["S3.6"].Actions
	}
	s, err := remedy.ParseDocument(strings.ReplaceAll(text, "NAME", "b"))
	on := remedy.On[forbidden]{Target: asr.Target{Partition: "aws", Account: home, Name: "b"}, Params: forbidden{actions}}
	return restrict(on, "own-canonical-id", remedytest.Must(t, s, err))
}

func TestEveryKindOfPrincipalIsToldApart(t *testing.T) {
	t.Parallel()
	for who, foreign := range map[string]bool{
		`"Principal":{"AWS":"222222222222"}`: true, `"Principal":{"AWS":"` + home + `"}`: false,
		`"Principal":{"AWS":"arn:aws:iam::222222222222:root"}`: true, `"Principal":{"AWS":"arn:aws:iam::111111111111:root"}`: false,
		`"Principal":{"AWS":["arn:aws:iam::222222222222:user/path/ada"]}`: true, `"Principal":{"AWS":["arn:aws:iam::111111111111:user/path/ada"]}`: false,
		`"Principal":{"AWS":"` + partner + `"}`: true, `"Principal":{"AWS":"arn:aws:sts::222222222222:assumed-role/etl/x:y"}`: true,
		`"Principal":{"AWS":"arn:aws:sts::111111111111:assumed-role/etl/x:y"}`: false,
		`"Principal":"*"`: true, `"Principal":{"AWS":"*"}`: true, `"Principal":{"AWS":["111111111111","*"]}`: true,
		`"NotPrincipal":{"AWS":"111111111111"}`:                true,
		`"Principal":{"AWS":"AROACKCEVSQ6C2EXAMPLE"}`:          true,
		`"Principal":{"CanonicalUser":"another-canonical-id"}`: true, `"Principal":{"CanonicalUser":"own-canonical-id"}`: false,
		`"Principal":{"Service":"cloudtrail.amazonaws.com"}`: false,
	} {
		text := statement(who + `,"Action":["s3:PutBucketPolicy","s3:GetObject"]`)
		parts := restricted(t, nil, text)
		if got := len(parts) == 1 && parts[0]["Action"] == "s3:GetObject"; got != foreign || len(parts) != 1 {
			t.Errorf("%s: becomes %v", who, parts)
		}
		if denied := restricted(t, nil, strings.Replace(text, "Allow", "Deny", 1)); denied[0]["Effect"] != "Deny" || len(remedy.Texts(denied[0]["Action"])) != 2 {
			t.Errorf("%s: a Deny becomes %v", who, denied)
		}
	}
}

func TestEveryWayToAllowAnActionIsFound(t *testing.T) {
	t.Parallel()
	all := []any{"s3:DeleteBucketPolicy", "s3:PutBucketAcl", "s3:PutBucketPolicy", "s3:PutEncryptionConfiguration", "s3:PutObjectAcl"}
	for name, c := range map[string]struct {
		actions []string
		rest    string
		want    map[string]any // of Action and NotAction; nil: nothing is left
	}{
		"everything of S3":                  {nil, `"Action":["s3:GetObject","s3:*"]`, map[string]any{"NotAction": all}},
		"everything":                        {nil, `"Action":"*"`, map[string]any{"NotAction": all}},
		"in capitals":                       {nil, `"Action":"S3:PUTBUCKETACL"`, nil},
		"a wildcard with others in between": {nil, `"Action":["s3:*Policy","s3:GetBucketPolicy"]`, map[string]any{"Action": "s3:GetBucketPolicy"}},
		"a question mark":                   {nil, `"Action":"s3:PutBucketAc?"`, nil},
		"a harmless wildcard stays":         {nil, `"Action":"s3:Get*"`, map[string]any{"Action": "s3:Get*"}},
		"all but reading":                   {nil, `"NotAction":"s3:Get*"`, map[string]any{"NotAction": append([]any{"s3:Get*"}, all...)}},
		"all but what is forbidden":         {nil, `"NotAction":["s3:Put*","s3:Delete*"]`, map[string]any{"NotAction": []any{"s3:Put*", "s3:Delete*"}}},
		"forbidden by a wildcard":           {[]string{"s3:GetBucket*", " s3:DeleteObject "}, `"Action":["s3:GetBucketAcl","s3:DeleteObject","s3:PutBucketAcl"]`, map[string]any{"Action": "s3:PutBucketAcl"}},
		"two wildcards that overlap":        {[]string{"s3:*Acl"}, `"Action":"s3:PutBucketA*"`, nil},
		"an action that is newer than asr":  {[]string{"s3:FreezeBucket"}, `"Action":["s3:Freeze*","s3:GetObject"]`, map[string]any{"Action": "s3:GetObject"}},
	} {
		parts := restricted(t, c.actions, statement(`"Sid":"x","Principal":{"AWS":"222222222222"},`+c.rest))
		if c.want == nil {
			if len(parts) > 0 {
				t.Errorf("%s: becomes %v, want nothing", name, parts)
			}
			continue
		}
		got := map[string]any{}
		for _, k := range []string{"Action", "NotAction"} {
			if len(parts) == 1 && parts[0][k] != nil {
				got[k] = parts[0][k]
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// S3 refuses a statement with an action that none of its resources takes.
func TestAWildcardBecomesOnlyWhatTheResourceTakes(t *testing.T) {
	t.Parallel()
	for resource, want := range map[string][]string{`"arn:aws:s3:::b/*"`: {"s3:PutObject"}, `"arn:aws:s3:::b"`: {"s3:PutBucketTagging"}, `["arn:aws:s3:::b*"]`: {"s3:PutObject", "s3:PutBucketTagging"}} {
		parts := restricted(t, nil, `{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"s3:Put*","Resource":`+resource+`}`)
		got := remedy.Texts(parts[0]["Action"])
		for _, a := range []string{"s3:PutObject", "s3:PutBucketTagging"} {
			if slices.Contains(got, a) != slices.Contains(want, a) {
				t.Errorf("%s: becomes %v", resource, got)
			}
		}
	}
}

func TestStatementsAreMendedAndNotDeniedAgainAndAgain(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	name := newBucket(t, acct, "twice")
	putPolicy(t, acct, name, policyWith(statement(`"Principal":{"AWS":"`+partner+`"},"Action":"s3:*"`)))
	for _, want := range []asr.State{asr.StateVerified, asr.StateNothingToDo} {
		if r := remedytest.End(t, acct, RestrictOtherAccounts, remedytest.Case{Control: "S3.6", Resource: acct.Expand(bucket, name)}); r.State != want {
			t.Fatalf("the run ended %s, want %s: %+v", r.State, want, r.Error)
		}
	}
	out, err := s3.NewFromConfig(acct.Config).GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &name})
	doc, err2 := remedy.ParseDocument(*remedytest.Must(t, out, err).Policy)
	if got := remedytest.Must(t, doc, err2); len(got.Statements()) != 1 || got["Id"] != "theirs" {
		t.Errorf("the policy is %v", got)
	}
}

func TestABucketWithoutAPolicyIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	if r := remedytest.End(t, acct, RestrictOtherAccounts, remedytest.Case{Control: "S3.6", Resource: acct.Expand(bucket, newBucket(t, acct, "none"))}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

// Two runs on one bucket, or a person and a run, must not undo each other.
func TestAStatementThatSomebodyAddsInBetweenStays(t *testing.T) {
	t.Parallel()
	parse := func(text string) remedy.Document {
		d, err := remedy.ParseDocument(text)
		return remedytest.Must(t, d, err)
	}
	from := grantsOf(parse(policyWith(statement(`"Sid":"a","Principal":"*","Action":"s3:*"`), statement(`"Principal":"*","Action":"s3:GetObject"`))))
	to, err := wantGrants(remedy.On[forbidden]{Target: asr.Target{Account: home}, Params: forbidden{[]string{"s3:PutBucketAcl"}}}, from)
	live := parse(policyWith(statement(`"Sid":"new","Principal":"*","Action":"s3:ListBucket"`), statement(`"Sid":"a","Principal":"*","Action":"s3:*"`), statement(`"Principal":"*","Action":"s3:GetObject"`)))
	doc := remedytest.Must(t, to, err).document(live, from)
	var got []any
	for _, s := range doc.Statements() {
		got = append(got, s.(map[string]any)["Sid"])
	}
	if diff := cmp.Diff([]any{"new", "a", nil}, got); diff != "" || doc.Statements()[1].(map[string]any)["NotAction"] != "s3:PutBucketAcl" {
		t.Errorf("%v (-want +got)\n%s", doc, diff)
	}
}

// S3 lets two statements have one Sid. Neither may be lost, least of all a Deny.
func TestStatementsOfOneSidAreKeptApart(t *testing.T) {
	t.Parallel()
	allows, denies := statement(`"Sid":"x","Principal":{"AWS":"`+partner+`"},"Action":["s3:GetObject","s3:PutBucketAcl"]`), strings.Replace(statement(`"Sid":"x","Principal":"*","Action":"s3:DeleteObject"`), "Allow", "Deny", 1)
	on := remedy.On[forbidden]{Target: asr.Target{Account: home, Name: "b"}, Params: RestrictOtherAccounts.Controls["S3.6"]}
	for _, text := range []string{policyWith(allows, denies), policyWith(denies, allows)} {
		doc, err := remedy.ParseDocument(text)
		now := grantsOf(remedytest.Must(t, doc, err))
		if got := now.document(doc, now); !cmp.Equal(got, doc) {
			t.Errorf("%v is put together as %v", doc, got)
		}
		if _, err := wantGrants(on, now); asr.Classify(err) != asr.CodeRefused || asr.Advice(err) == "" {
			t.Errorf("%v: got %v, want a refusal", doc, err)
		}
	}
	doc, err := remedy.ParseDocument(policyWith(denies, denies, strings.Replace(allows, "s3:PutBucketAcl", "s3:PutObject", 1)))
	now := grantsOf(remedytest.Must(t, doc, err))
	if to, err := wantGrants(on, now); err != nil || !cmp.Equal(to, now) {
		t.Errorf("what is right already becomes %v, %v", to, err)
	}
}

func TestAPolicyThatWouldGetTooLongIsRefusedHereToo(t *testing.T) {
	t.Parallel()
	long := statement(`"Sid":"` + strings.Repeat("x", policyLimit-300) + `","Principal":{"AWS":["111111111111","222222222222"]},"Action":"s3:Put*"`)
	doc, err := remedy.ParseDocument(policyWith(long))
	on := remedy.On[forbidden]{Target: asr.Target{Account: home}, Params: RestrictOtherAccounts.Controls["S3.6"]}
	if _, werr := wantGrants(on, grantsOf(remedytest.Must(t, doc, err))); asr.Classify(werr) != asr.CodeRefused {
		t.Errorf("got %v, want a refusal", werr)
	}
}

func TestActionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		actions []string
		ok      bool
	}{{[]string{"s3:PutBucketAcl", " s3:Get*"}, true}, {nil, false}, {[]string{"PutBucketAcl"}, false}, {[]string{"s3:a,s3:b"}, false}, {[]string{"s3:"}, false}, {[]string{"s3:${aws:username}"}, false}} {
		if err := RestrictOtherAccounts.Validate(remedy.On[forbidden]{Params: forbidden{c.actions}}); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.actions, err)
		}
	}
}

func TestOtherAccountsOnlyEverLose(t *testing.T) {
	t.Parallel()
	who := []string{`"Principal":"*"`, `"Principal":{"AWS":["111111111111","222222222222"]}`, `"Principal":{"AWS":"222222222222","Service":"s3.amazonaws.com"}`, `"Principal":{"AWS":"111111111111"}`, `"NotPrincipal":{"AWS":"222222222222"}`}
	what := []string{`"Action":"s3:*"`, `"Action":["s3:Put*","s3:GetObject"]`, `"Action":"s3:PutBucketAcl"`, `"NotAction":"s3:Get*"`, `"Action":"s3:GetObject"`}
	rapid.Check(t, func(t *rapid.T) {
		var statements []string
		for _, sid := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"", "a", "aOthers", "b"}), 1, 4, rapid.ID[string]).Draw(t, "sids") {
			sid = strings.Replace(`"Sid":"`+sid+`",`, `"Sid":"",`, "", 1)
			statements = append(statements, strings.ReplaceAll(statement(sid+rapid.SampledFrom(who).Draw(t, "who")+","+rapid.SampledFrom(what).Draw(t, "what")), "NAME", "b"))
		}
		var doc remedy.Document
		if err := json.Unmarshal([]byte(policyWith(statements...)), &doc); err != nil {
			t.Fatal(err)
		}
		now := grantsOf(doc)
		on := remedy.On[forbidden]{Target: asr.Target{Account: home, Name: "b"}, Params: RestrictOtherAccounts.Controls["S3.6"]}
		remedytest.Stable(t, RestrictOtherAccounts, on, now, "named", "nameless", "rest", "single")
		to, err := wantGrants(on, now)
		if err != nil {
			t.Fatal(err)
		}
		before, after := now.document(nil, grants{}).Statements(), to.document(nil, grants{}).Statements()
		for _, action := range strings.Fields(onBuckets + " " + onObjects) {
			action = "s3:" + action
			for _, account := range []string{home, "222222222222"} {
				is := allowed(after, account, action)
				was := allowed(before, account, action)
				bad := account != home && slices.Contains(on.Params.Actions, action)
				if bad && is || !bad && account != home && is != was || is && !was {
					t.Fatalf("%s may %s: %t, and then %t\n%v\n%v", account, action, was, is, now, to)
				}
			}
		}
	})
}

// allowed reads a policy as IAM does, without conditions.
func allowed(statements []any, account, action string) bool {
	for _, e := range statements {
		s := e.(map[string]any)
		by, _ := s["Principal"].(map[string]any)
		who := s["Principal"] == "*" || slices.Contains(remedy.Texts(by["AWS"]), account) || s["NotPrincipal"] != nil && !slices.Contains(remedy.Texts(s["NotPrincipal"].(map[string]any)["AWS"]), account)
		what := matches(remedy.Texts(s["Action"]), action) || s["NotAction"] != nil && !matches(remedy.Texts(s["NotAction"]), action)
		if who && what {
			return true
		}
	}
	return false
}
