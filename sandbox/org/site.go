package org

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
)

// site is an account in one Region while it is built.
type site struct {
	aws.Config
	s       *sandbox.Sandbox
	account string
	now     time.Time
	group   string // the default security group of its network
	faults  []Resource
}

// step builds something.
type step func(context.Context, *site) error

// wrong notes that something is built wrong.
func (b *site) wrong(control, arn, what string) {
	b.faults = append(b.faults, Resource{Account: b.account, Region: b.Region, ARN: arn, Control: control, What: what})
}

// arn is the ARN of something here.
func (b *site) arn(service, rest string) string {
	return "arn:aws:" + service + ":" + b.Region + ":" + b.account + ":" + rest
}

// ago is a time so many days before the building.
func (b *site) ago(days int) time.Time { return b.now.AddDate(0, 0, -days) }

// tags of a resource, by key. Those that begin with "aws:" are what
// CloudFormation leaves on what it makes.
type tags map[string]string

// with adds to the tags.
func (t tags) with(more tags) tags {
	all := maps.Clone(t)
	maps.Copy(all, more)
	return all
}

// as gives tags the form of a service, in the order of their keys.
func as[T any](t tags, form func(key, value *string) T) []T {
	var all []T
	for _, key := range slices.Sorted(maps.Keys(t)) {
		all = append(all, form(aws.String(key), aws.String(t[key])))
	}
	return all
}

var (
	prod      = tags{"env": "prod"}
	sandboxed = tags{"env": "sandbox"}
	terraform = tags{"managed-by": "terraform"}
)

// stack are the tags of what a CloudFormation stack made.
func stack(name string) tags {
	return tags{"aws:cloudformation:stack-name": name, "aws:cloudformation:logical-id": "Resource"}
}

// document is an IAM policy.
func document(statements ...map[string]any) string {
	doc, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements}) // strings, lists and maps
	return string(doc)
}

// accountARN is how findings name an account.
func accountARN(id string) string { return "AWS::::Account:" + id }
