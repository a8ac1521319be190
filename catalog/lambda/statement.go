package lambda

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
)

const (
	nameless  = "#" // begins the key of a statement without a Sid, which no Sid can
	longest   = 100 // characters of a Sid: https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
	ofAccount = "AWS:SourceAccount"
)

// owners are condition keys that say whose the caller is; sources and they let
// in only whom they name.
// https://docs.aws.amazon.com/config/latest/developerguide/lambda-function-public-access-prohibited.html
var (
	owners  = []string{"aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"}
	sources = append([]string{"aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths"}, owners...)
)

// split takes "name:qualifier" apart; nil: the function itself.
func split(t asr.Target) (name, qualifier *string) {
	n, q, qualified := strings.Cut(t.Name, ":")
	if !qualified {
		return &n, nil
	}
	return &n, &q
}

// bySid names a policy's statements. "*" and {"AWS": "*"} are the same to IAM
// in a resource's policy, and AddPermission writes the former.
func bySid(doc remedy.Document) map[string]remedy.Document {
	all := map[string]remedy.Document{}
	for i, e := range doc.Statements() {
		s, _ := e.(map[string]any)
		if p, ok := s["Principal"].(map[string]any); ok && len(p) == 1 && p["AWS"] == "*" {
			s["Principal"] = "*"
		}
		sid, _ := s["Sid"].(string)
		if sid == "" {
			sid = fmt.Sprint(nameless, i)
		}
		all[sid] = s
	}
	return all
}

// public reports whether a statement lets in everybody.
func public(s remedy.Document) bool {
	if s["Effect"] != "Allow" || limited(s, sources) {
		return false
	}
	p, ok := s["Principal"].(map[string]any)
	if !ok {
		return s["Principal"] == "*" || s["Principal"] == "" || s["NotPrincipal"] != nil
	}
	return slices.ContainsFunc(remedy.Texts(p["AWS"]), func(who string) bool { return who == "" || strings.Contains(who, "*") })
}

// anyBucket reports whether a statement lets S3 call for everybody's buckets.
// The name of a bucket is no limit: who deletes one leaves its name to others.
func anyBucket(s remedy.Document) bool {
	p, _ := s["Principal"].(map[string]any)
	return s["Effect"] == "Allow" && slices.Contains(remedy.Texts(p["Service"]), "s3.amazonaws.com") && !limited(s, owners)
}

// limited reports whether a statement's condition names, without wildcards and
// variables, who alone is let in. An operator with IfExists lets in who says nothing.
func limited(s remedy.Document, keys []string) bool {
	condition, _ := s["Condition"].(map[string]any)
	for operator, block := range condition {
		operator = strings.TrimPrefix(operator, "ForAnyValue:")
		if !slices.Contains([]string{"StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike"}, operator) {
			continue
		}
		tests, _ := block.(map[string]any)
		for k, v := range tests {
			values := remedy.Texts(v)
			open := func(v string) bool { return v == "" || strings.ContainsAny(v, "*?$") }
			if slices.Contains(keys, strings.ToLower(k)) && len(values) > 0 && !slices.ContainsFunc(values, open) {
				return true
			}
		}
	}
	return false
}

// ownBuckets is S3's statement for the buckets of one account.
func ownBuckets(s remedy.Document, sid, account string) remedy.Document {
	s = maps.Clone(s)
	s["Sid"] = sid
	old, _ := s["Condition"].(map[string]any)
	condition := map[string]any{}
	maps.Copy(condition, old)
	equals, _ := condition["StringEquals"].(map[string]any)
	only := map[string]any{}
	maps.Copy(only, equals)
	maps.DeleteFunc(only, func(k string, _ any) bool { return strings.EqualFold(k, ofAccount) })
	only[ofAccount] = account
	condition["StringEquals"], s["Condition"] = only, condition
	return s
}

// freeSid names a statement after the one that it stands in for.
func freeSid(sid string, now, to policy) string {
	base := sid[:min(len(sid), longest-20)] + "-own-account"
	for n, free := 2, base; ; n++ {
		_, was := now.Statements[free]
		_, is := to.Statements[free]
		if !was && !is {
			return free
		}
		free = fmt.Sprint(base, n)
	}
}
