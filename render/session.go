package render

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/sessions"
)

// longestNames are how many characters the names of targets may have, by the
// first word of a unit's id or by the whole of it; the services' API references
// say so.
var longestNames = map[string]int{
	"apigateway": 10 + len("/stages/") + 128, "athena": 128, "autoscaling": 36 + len(":launchConfigurationName/") + 255, "cloudformation": 128 + 1 + 36,
	"cloudfront": 14, "cloudtrail": 128, "cloudwatch": 0, "codebuild": 150, "config": 0, "dynamodb": 255, "ec2": 24, "ecr": 256, "ecs": 255 + 1 + 10,
	"elasticache": len("replicationgroup:") + 50, "elb": len("app/") + 32 + 1 + 16, "guardduty": 32 + len("/threatintelset/") + 32, "iam": 512 + 64, "kms": 36, "lambda": 64, "logs": 512, "macie": 0,
	"rds": 255, "rds-encrypt-snapshot": 255 - len("-encrypted"), "redshift": 63, "s3": 63, "secretsmanager": 512, "sns": 256, "sqs": 80, "ssm": 128,
}

// Longest is the longest target that AWS allows for a remediation: the longest
// name, Region and partition. Its error is a service that isn't known here.
func Longest(s asr.Spec) (asr.Target, error) {
	t := asr.Target{Partition: "aws-us-gov", Account: "123456789012", Region: "ap-southeast-1"}
	service, _, _ := strings.Cut(s.ID, "-")
	length, known := longestNames[s.ID]
	if !known {
		length, known = longestNames[service]
	}
	if !known {
		return t, fmt.Errorf("%s: how long may names of %s be? say it in render/session.go", s.ID, service)
	}
	t.Name = strings.Repeat("n", length)
	if service == "iam" && length > 0 {
		t.Name = strings.Repeat("p", 511) + "/" + strings.Repeat("n", 64)
	}
	if len(s.Resources) > 0 {
		t.ID = t.Expand(s.Resources[0])
	}
	return t, nil
}

// Session is a kind of session of a remediation, at its longest target.
type Session struct {
	For      string            `json:"for"` // "plan" or "fix"
	Controls []string          `json:"controls"`
	Size     int               `json:"size"` // characters of the longest policy; AWS STS takes 2,048
	Policies []json.RawMessage `json:"policies"`
}

// Sessions are the session policies of a remediation at its longest legal
// target. Several policies: as many sessions, each of them narrower.
func Sessions(u asr.Remediation) (all []Session, err error) {
	target, err := Longest(u.Spec)
	if err != nil {
		return nil, err
	}
	seen := map[string]int{}
	for _, control := range slices.Sorted(maps.Keys(u.Controls)) {
		on := asr.On{Target: target, Params: u.Controls[control]}
		for what, grants := range map[string][]asr.Grant{"plan": u.Spec.Reads, "fix": u.Spec.WriteGrants()} {
			s, err := session(what, on.Narrow(grants))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", u.Spec.ID, err)
			}
			key, _ := json.Marshal(s) // strings and documents
			if i, same := seen[string(key)]; same {
				all[i].Controls = append(all[i].Controls, control)
				continue
			}
			seen[string(key)] = len(all)
			s.Controls = []string{control}
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b Session) int { return strings.Compare(b.For, a.For) })
	return all, nil
}

func session(what string, grants []asr.Grant) (Session, error) {
	s := Session{For: what}
	pieces := [][]asr.Grant{grants}
	if len(sessions.Document(grants)) > sessions.MaxPolicy {
		var err error
		if pieces, err = sessions.Pieces(grants); err != nil {
			return s, err
		}
	}
	for _, p := range pieces {
		doc, err := sessions.Policy(p, what == "fix")
		if err != nil {
			return s, err
		}
		s.Size = max(s.Size, len(doc))
		s.Policies = append(s.Policies, json.RawMessage(doc))
	}
	return s, nil
}
