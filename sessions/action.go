package sessions

import (
	"path"
	"regexp"
	"strings"

	"example.com/asr"
)

// Action is the IAM action that allows an API operation, "s3:ListBucket" for
// "S3" and "HeadBucket". The service is the SDK's id of it, as
// awsmiddleware.GetServiceID has it. An operation that needs several actions
// has the one that stands for what it does. "" if the service is not in the
// table; such an operation can't be called through a session.
//
// Source: AWS Service Authorization Reference, "API operations" of each service.
func Action(service, operation string) string {
	prefix, ok := prefixes[service]
	if !ok || operation == "" {
		return ""
	}
	if prefix == "apigateway" {
		return verb(service, operation)
	}
	name, ok := renamed[service][operation]
	switch {
	case !ok:
		return prefix + ":" + operation
	case strings.Contains(name, ":"):
		return name
	}
	return prefix + ":" + name
}

// Reading reports whether an operation only reads. What isn't known to read,
// writes. A read that hands out credentials counts as a write.
func Reading(service, operation string) bool { return reads(Action(service, operation)) }

// Reads reports whether an IAM action only reads.
func Reads(action string) bool { return reads(action) }

var readName = regexp.MustCompile(`^(Get|List|Describe|Head|BatchGet|BatchDescribe|BatchCheck|Lookup|Search|Query|Scan|Simulate|Estimate|Check|Filter|Select)([A-Z*]|$)`)

// reads judges an IAM action, or a pattern of actions, by its name; apigateway's
// actions are HTTP methods.
func reads(action string) bool {
	if known, ok := readings[action]; ok {
		return known
	}
	_, name, _ := strings.Cut(action, ":")
	return readName.MatchString(name)
}

// verb is API Gateway's way: its actions are the HTTP methods of its operations.
func verb(service, operation string) string {
	if method, ok := verbs[service+" "+operation]; ok {
		return "apigateway:" + method
	}
	word := firstWord.FindString(operation)
	if method, ok := verbs[word]; ok {
		return "apigateway:" + method
	}
	return ""
}

var firstWord = regexp.MustCompile(`^[A-Z][a-z]+`)

// allows reports whether one of the grants names the action, whatever the
// resource. IAM compares actions without regard to case; * and ? are patterns.
func allows(grants []asr.Grant, action string) bool {
	for _, g := range grants {
		for _, pattern := range g.Actions {
			if ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(action)); ok && err == nil && action != "" {
				return true
			}
		}
	}
	return false
}
