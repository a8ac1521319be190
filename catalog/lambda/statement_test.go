package lambda

import (
	"maps"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

const arn = "arn:aws:lambda:eu-west-1:111111111111:function:f"

var here = remedy.On[none]{Target: asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", Name: "f", ID: arn}}

func parse(t interface{ Fatal(...any) }, rest string) remedy.Document {
	doc, err := remedy.ParseDocument(`{"Sid":"s","Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"` + arn + `",` + rest + `}`)
	if err != nil {
		t.Fatal(rest, err)
	}
	return bySid(remedy.Document{"Statement": map[string]any(doc)})["s"]
}

func when(condition string) string { return `"Principal":"*","Condition":` + condition }

func TestPublic(t *testing.T) {
	for name, tt := range map[string]struct {
		statement string
		want      bool
	}{
		"everybody":                         {`"Principal":"*"`, true},
		"everybody in AWS":                  {`"Principal":{"AWS":"*"}`, true},
		"everybody among others":            {`"Principal":{"AWS":["arn:aws:iam::222222222222:root","*"]}`, true},
		"nobody in words":                   {`"Principal":{"AWS":""}`, true},
		"everybody but one":                 {`"NotPrincipal":{"AWS":"arn:aws:iam::222222222222:root"}`, true},
		"one account":                       {`"Principal":{"AWS":"arn:aws:iam::222222222222:root"}`, false},
		"a service":                         {`"Principal":{"Service":"events.amazonaws.com"}`, false},
		"everybody is denied":               {`"Effect":"Deny","Principal":"*"`, false},
		"a function URL":                    {when(`{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}`), true},
		"by a function URL":                 {when(`{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}`), true},
		"an organization":                   {when(`{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`), false},
		"a source account, oddly spelled":   {when(`{"StringLike":{"aws:sourceaccount":["222222222222"]}}`), false},
		"a source":                          {when(`{"ArnLike":{"AWS:SourceArn":"arn:aws:sns:eu-west-1:222222222222:topic"}}`), false},
		"any source":                        {when(`{"ArnLike":{"AWS:SourceArn":"arn:aws:sns:*"}}`), true},
		"one of many sources":               {when(`{"ArnLike":{"AWS:SourceArn":["arn:aws:sns:eu-west-1:222222222222:topic","*"]}}`), true},
		"a variable for a source":           {when(`{"StringEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}}`), true},
		"a source, if it says one":          {when(`{"StringEqualsIfExists":{"aws:SourceAccount":"222222222222"}}`), true},
		"all but one account":               {when(`{"StringNotEquals":{"aws:SourceAccount":"222222222222"}}`), true},
		"a token":                           {when(`{"StringEquals":{"lambda:EventSourceToken":"t"}}`), true},
		"no value at all":                   {when(`{"StringEquals":{"aws:SourceAccount":[]}}`), true},
		"one of several paths of an org":    {when(`{"ForAnyValue:StringEquals":{"aws:PrincipalOrgPaths":["o-a/r-b/ou-c/"]}}`), false},
		"all paths, or none, of an org":     {when(`{"ForAllValues:StringEquals":{"aws:PrincipalOrgPaths":["o-a/r-b/ou-c/"]}}`), true},
		"a limit together with a non-limit": {when(`{"Bool":{"lambda:InvokedViaFunctionUrl":"true"},"StringEquals":{"aws:PrincipalOrgID":"o-a"}}`), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := public(parse(t, tt.statement)); got != tt.want {
				t.Errorf("public is %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAnyBucket(t *testing.T) {
	s3 := `"Principal":{"Service":"s3.amazonaws.com"}`
	for name, tt := range map[string]struct {
		statement string
		want      bool
	}{
		"no condition":               {s3, true},
		"a bucket's name":            {s3 + `,"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}`, true},
		"an account":                 {s3 + `,"Condition":{"StringEquals":{"AWS:SourceAccount":"111111111111"}}`, false},
		"an account, other spelling": {s3 + `,"Condition":{"StringLike":{"aws:SourceAccount":"111111111111"}}`, false},
		"any account":                {s3 + `,"Condition":{"StringLike":{"aws:SourceAccount":"*"}}`, true},
		"another service":            {`"Principal":{"Service":"sns.amazonaws.com"}`, false},
		"denied":                     {`"Effect":"Deny",` + s3, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := anyBucket(parse(t, tt.statement)); got != tt.want {
				t.Errorf("anyBucket is %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWhatAddPermissionCanSay(t *testing.T) {
	in := func(who string, edit func(*lambda.AddPermissionInput)) *lambda.AddPermissionInput {
		name, sid, action := "f", "s", "lambda:InvokeFunction"
		in := &lambda.AddPermissionInput{FunctionName: &name, StatementId: &sid, Action: &action, Principal: &who}
		if edit != nil {
			edit(in)
		}
		return in
	}
	for name, tt := range map[string]struct {
		statement string
		want      *lambda.AddPermissionInput // nil: it can't
	}{
		"everybody":        {`"Principal":{"AWS":"*"}`, in("*", nil)},
		"an account":       {`"Principal":{"AWS":"arn:aws:iam::222222222222:root"}`, in("arn:aws:iam::222222222222:root", nil)},
		"a service":        {`"Principal":{"Service":"s3.amazonaws.com"},"Condition":{"ArnLike":{"AWS:SourceArn":"a"},"StringEquals":{"AWS:SourceAccount":"1"}}`, in("s3.amazonaws.com", func(in *lambda.AddPermissionInput) { source("a")(in); owner("1")(in) })},
		"an organization":  {when(`{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`), in("*", organization)},
		"a function URL":   {when(`{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}`), in("*", func(in *lambda.AddPermissionInput) { in.FunctionUrlAuthType = "NONE" })},
		"its other half":   {when(`{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}`), in("*", func(in *lambda.AddPermissionInput) { yes := true; in.InvokedViaFunctionUrl = &yes })},
		"a token":          {when(`{"StringEquals":{"lambda:EventSourceToken":"t"}}`), in("*", func(in *lambda.AddPermissionInput) { t := "t"; in.EventSourceToken = &t })},
		"several accounts": {`"Principal":{"AWS":["*","arn:aws:iam::222222222222:root"]}`, nil},
		"both kinds":       {`"Principal":{"AWS":"*","Service":"s3.amazonaws.com"}`, nil},
		"another operator": {when(`{"StringLike":{"AWS:SourceAccount":"1"}}`), nil},
		"several sources":  {when(`{"ArnLike":{"AWS:SourceArn":["a","b"]}}`), nil},
		"another key":      {when(`{"StringEquals":{"aws:PrincipalAccount":"1"}}`), nil},
		"other resource":   {`"Principal":"*","Resource":"*"`, nil},
		"everything":       {`"Principal":"*","Action":["lambda:InvokeFunction","lambda:GetFunction"]`, nil},
		"unknown element":  {`"Principal":"*","NotAction":"x"`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := parse(t, tt.statement)
			got, ok := permission(here, "s", s)
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(lambda.AddPermissionInput{})); diff != "" || ok != (tt.want != nil) {
				t.Error(ok, diff)
			}
			if kept := NotPublic.Keep(here, asr.Change{Path: []string{"statements", "s"}, From: []byte(s.Text())}); (kept == "") != ok {
				t.Errorf("kept: %q", kept)
			}
		})
	}
	if kept := NotPublic.Keep(here, asr.Change{Path: []string{"statements", "s"}, To: []byte(`{}`)}); kept != "" {
		t.Errorf("what was added is kept: %s", kept)
	}
}

func TestAStatementWithoutASidIsRefusedOnlyIfItIsPublic(t *testing.T) {
	for principal, refused := range map[string]bool{"*": true, "arn:aws:iam::222222222222:root": false} {
		doc := remedy.Document{"Statement": []any{map[string]any{"Effect": "Allow", "Principal": map[string]any{"AWS": principal}}}}
		if _, err := NotPublic.Want(here, policy{bySid(doc)}); (asr.Classify(err) == asr.CodeRefused) != refused {
			t.Errorf("%s: got %v", principal, err)
		}
	}
}

func TestAfterwardsNothingIsPublicAndTheRestIsAsItWas(t *testing.T) {
	principals := []string{`"*"`, `{"AWS":"*"}`, `{"AWS":"arn:aws:iam::222222222222:root"}`, `{"Service":"s3.amazonaws.com"}`, `{"Service":"sns.amazonaws.com"}`}
	conditions := []string{`{}`, `{"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}`, `{"StringEquals":{"AWS:SourceAccount":"222222222222"}}`, `{"StringEquals":{"aws:PrincipalOrgID":"o-a"}}`}
	rapid.Check(t, func(t *rapid.T) {
		now := policy{map[string]remedy.Document{}}
		sids := rapid.Custom(func(t *rapid.T) string { // long ones differ at their ends only
			return strings.Repeat("x", rapid.SampledFrom([]int{0, 98}).Draw(t, "length")) + rapid.StringMatching(`[ab]|a-own-account2?`).Draw(t, "end")
		})
		for _, sid := range rapid.SliceOfNDistinct(sids, 0, 6, rapid.ID).Draw(t, "sids") {
			s := parse(t, `"Principal":`+rapid.SampledFrom(principals).Draw(t, "who")+`,"Condition":`+rapid.SampledFrom(conditions).Draw(t, "when"))
			s["Sid"] = sid
			now.Statements[sid] = s
		}
		remedytest.Stable(t, NotPublic, here, now, "statements")
		got, err := NotPublic.Want(here, now)
		kept := 0
		for sid, s := range got.Statements {
			if err != nil || public(s) || anyBucket(s) || s["Sid"] != sid || len(sid) > longest && now.Statements[sid] == nil {
				t.Fatalf("%s is %v, %v", sid, s, err)
			}
		}
		for sid, s := range now.Statements {
			if !public(s) && !anyBucket(s) && cmp.Equal(s, got.Statements[sid]) {
				kept++
			}
			if anyBucket(s) {
				kept++ // under another name
			}
		}
		if kept != len(got.Statements) {
			t.Fatalf("%d statements become %d, %d of which were meant: %v", len(now.Statements), len(got.Statements), kept, maps.Clone(got.Statements))
		}
	})
}

func TestTheSourceAccountCountsInAnySpellingAndUnderEachOperator(t *testing.T) {
	t.Parallel()
	for _, operator := range []string{"StringEquals", "StringLike", "StringEqualsIgnoreCase", "ForAnyValue:StringEquals"} {
		for _, key := range []string{"AWS:SourceAccount", "aws:SourceAccount", "aws:sourceaccount"} {
			if anyBucket(parse(t, `"Principal":{"Service":"s3.amazonaws.com"},"Condition":{"`+operator+`":{"`+key+`":"111111111111"}}`)) {
				t.Errorf("%s %s counts for nothing", operator, key)
			}
		}
	}
}

func TestOneOfSeveralPrincipalsThatIsEverybodyIsEnough(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]bool{`["arn:aws:iam::222222222222:root","*"]`: true, `["*"]`: true, `["arn:aws:iam::222222222222:root","333333333333"]`: false} {
		if got := public(parse(t, `"Principal":{"AWS":`+list+`}`)); got != want {
			t.Errorf("%s: %v, want %v", list, got, want)
		}
	}
}
