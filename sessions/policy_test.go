package sessions

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPolicyMergesWhatBelongsTogether(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		grants []asr.Grant
		want   string // the statements
	}{
		{"one grant", []asr.Grant{asr.Allow("r1", "s3:A")},
			`{"Effect":"Allow","Action":"s3:A","Resource":"r1"}`},
		{"the same twice", []asr.Grant{asr.Allow("r1", "s3:A"), asr.Allow("r1", "s3:A")},
			`{"Effect":"Allow","Action":"s3:A","Resource":"r1"}`},
		{"actions on one resource", []asr.Grant{asr.Allow("r1", "s3:B"), asr.Allow("r1", "s3:A")},
			`{"Effect":"Allow","Action":["s3:A","s3:B"],"Resource":"r1"}`},
		{"resources of the same actions", []asr.Grant{asr.Allow("r2", "s3:A", "s3:B"), asr.Allow("r1", "s3:B", "s3:A")},
			`{"Effect":"Allow","Action":["s3:A","s3:B"],"Resource":["r1","r2"]}`},
		{"long names stand once", []asr.Grant{asr.Allow("r1", "s3:A", "s3:AVeryLongActionName"), asr.Allow("r2", "s3:AVeryLongActionName"), asr.Allow("r3", "s3:AVeryLongActionName", "s3:C")},
			`{"Effect":"Allow","Action":"s3:AVeryLongActionName","Resource":["r1","r2","r3"]},{"Effect":"Allow","Action":"s3:A","Resource":"r1"},{"Effect":"Allow","Action":"s3:C","Resource":"r3"}`},
		{"conditions stay apart", []asr.Grant{asr.Pass("role", "ec2.amazonaws.com"), asr.Allow("role", "iam:GetRole")},
			`{"Effect":"Allow","Action":"iam:GetRole","Resource":"role"},{"Effect":"Allow","Action":"iam:PassRole","Resource":"role","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}`},
		{"other letters than STS takes", []asr.Grant{asr.Allow("né\x7f漢😀", "s3:A")},
			`{"Effect":"Allow","Action":"s3:A","Resource":"n\u00e9\u007f\u6f22\ud83d\ude00"}`},
		{"no grants", nil,
			`{"Effect":"Deny","Action":"*","Resource":"*"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Policy(tt.grants, true)
			if err != nil {
				t.Fatal(err)
			}
			want := `{"Version":"2012-10-17","Statement":[` + tt.want + `]}`
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPolicyOfAReadingSessionTakesNoWrite(t *testing.T) {
	t.Parallel()
	_, err := Policy([]asr.Grant{asr.Allow("r", "s3:GetObject", "s3:PutObject")}, false)
	if asr.Classify(err) != asr.CodeInternal || !strings.Contains(err.Error(), "s3:PutObject") {
		t.Errorf("error = %v, want one that names s3:PutObject", err)
	}
}

func TestPolicyHasAtMost2048Characters(t *testing.T) {
	t.Parallel()
	grants := func(n int) []asr.Grant { return []asr.Grant{asr.Allow(strings.Repeat("x", n), "s3:GetObject")} }
	room := MaxPolicy - len(Document(grants(0)))
	if doc, err := Policy(grants(room), false); err != nil || len(doc) != MaxPolicy {
		t.Errorf("a policy of %d characters: %v", len(doc), err)
	}
	_, err := Policy(grants(room+1), false)
	if asr.Classify(err) != asr.CodeInternal || !strings.Contains(fmt.Sprint(err), "2049") {
		t.Errorf("error = %v, want one that says 2049", err)
	}
}

// parsed takes a policy apart into its smallest parts.
func parsed(t interface{ Fatal(...any) }, doc string) map[allow]bool {
	var p struct {
		Statement []struct {
			Effect           string
			Action, Resource any
			Condition        json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(doc), &p); err != nil {
		t.Fatal(err, doc)
	}
	all := map[allow]bool{}
	for _, s := range p.Statement {
		if s.Effect != "Allow" {
			continue
		}
		for _, a := range many(s.Action) {
			for _, r := range many(s.Resource) {
				all[allow{a, r, string(s.Condition)}] = true
			}
		}
	}
	return all
}

func many(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	var all []string
	for _, x := range v.([]any) {
		all = append(all, x.(string))
	}
	return all
}

func union(grants []asr.Grant) map[allow]bool {
	all := map[allow]bool{}
	for _, a := range allowsOf(grants) {
		all[a] = true
	}
	return all
}

func someGrants(most, long int) *rapid.Generator[[]asr.Grant] {
	actions := []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "ec2:DescribeInstances", "ec2:CreateTags", "iam:PassRole", "kms:Decrypt", "logs:PutRetentionPolicy", "sns:Publish", "sqs:SetQueueAttributes"}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) asr.Grant {
		g := asr.Grant{
			On:      rapid.SampledFrom([]string{"r", "q/*", "a\nb", `quo"te`, "<&>"}).Draw(t, "on") + strings.Repeat("x", rapid.IntRange(0, long).Draw(t, "long")),
			Actions: rapid.SliceOfN(rapid.SampledFrom(actions), 1, 4).Draw(t, "actions"),
		}
		if rapid.IntRange(0, 3).Draw(t, "conditional") == 0 {
			g.When = map[string]map[string]string{"StringEquals": {"k": rapid.SampledFrom([]string{"1", "2"}).Draw(t, "when")}}
		}
		return g
	}), 0, most)
}

func TestPolicyAllowsExactlyTheGrants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		grants := someGrants(12, 0).Draw(t, "grants")
		doc, err := Policy(grants, true)
		if err != nil {
			t.Skip("too long")
		}
		if diff := cmp.Diff(union(grants), parsed(t, doc), cmp.AllowUnexported(allow{})); diff != "" {
			t.Fatal(diff)
		}
		slices.Reverse(grants)
		if again, _ := Policy(grants, true); again != doc {
			t.Fatalf("in another order:\n%s\n%s", doc, again)
		}
	})
}

func TestPiecesAllowTogetherWhatTheGrantsDo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		grants := someGrants(30, 60).Draw(t, "grants")
		size := rapid.IntRange(200, MaxPolicy).Draw(t, "size")
		all := union(grants)
		together := map[allow]bool{}
		for _, p := range pieces(grants, size) {
			if doc := Document(p); len(doc) > size && len(byAction(p)) > 1 && len(pieces(p, size)) > 1 {
				t.Fatalf("a piece of %d characters could be smaller than %d", len(doc), size)
			}
			for a := range union(p) {
				if !all[a] {
					t.Fatalf("a piece is wider than the grants: %v", a)
				}
				together[a] = true
			}
		}
		if diff := cmp.Diff(all, together, cmp.AllowUnexported(allow{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestAnActionIsWholeInEachPieceThatHasIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		grants := someGrants(30, 60).Draw(t, "grants")
		split := pieces(grants, 700)
		for _, a := range actionsOf(grants) {
			for _, p := range split {
				if has := only(p, a); len(has) > 0 && !cmp.Equal(has, only(grants, a)) {
					t.Fatalf("%s: a piece has %v of %v", a, has, only(grants, a))
				}
			}
		}
	})
}

func only(grants []asr.Grant, action string) map[string]bool {
	found := map[string]bool{}
	for a := range union(grants) {
		if a.action == action {
			found[a.on+a.when] = true
		}
	}
	return found
}

// large are grants of n writes, two reads and a role to pass, whose policy is
// too long for n of about 12 and more.
func large(n int) []asr.Grant {
	topic, queue := "arn:aws:sns:eu-west-1:222222222222:"+strings.Repeat("t", 60), "arn:aws:sqs:eu-west-1:222222222222:"+strings.Repeat("q", 60)
	grants := []asr.Grant{asr.Allow(topic, "sns:GetTopicAttributes"), asr.Allow(queue, "sqs:GetQueueAttributes"), asr.Pass("arn:aws:iam::222222222222:role/asr/x", "sns.amazonaws.com"),
		asr.Allow(topic, "sns:SetTopicAttributes"), asr.Allow(queue, "sqs:SetQueueAttributes")}
	for i := range n {
		grants = append(grants, asr.Allow(fmt.Sprintf("%s-%d", topic, i), fmt.Sprintf("sns:Write%d", i)))
	}
	return grants
}

func TestPiecesHoldTheReadsAndAPartOfTheWrites(t *testing.T) {
	t.Parallel()
	split, err := Pieces(large(20))
	if err != nil || len(split) < 2 {
		t.Fatalf("%d pieces, %v", len(split), err)
	}
	for i, p := range split {
		for _, a := range []string{"sns:GetTopicAttributes", "sqs:GetQueueAttributes", "iam:PassRole"} {
			if !allows(p, a) {
				t.Errorf("piece %d lacks %s", i, a)
			}
		}
		if n := len(Document(p)); n > MaxPolicy {
			t.Errorf("piece %d has %d characters", i, n)
		}
	}
	if whole, _ := Pieces(large(1)); len(whole) != 1 {
		t.Errorf("a small policy falls into %d pieces", len(whole))
	}
}

func TestPiecesSayWhichActionAloneIsTooLong(t *testing.T) {
	t.Parallel()
	_, err := Pieces([]asr.Grant{asr.Allow("r", "s3:GetObject"), asr.Allow(strings.Repeat("x", MaxPolicy), "s3:PutObject")})
	if asr.Classify(err) != asr.CodeInternal || !strings.Contains(fmt.Sprint(err), "s3:PutObject") || asr.Advice(err) == "" {
		t.Errorf("error = %v, want one that names s3:PutObject", err)
	}
}
