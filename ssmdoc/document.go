// Package ssmdoc joins asr to AWS Systems Manager Automation, in both
// directions: documents that a playbook declares become remediations, and the
// runbooks that asr makes for member accounts get their answers. It may not
// decide, retry, store, log, or keep what a document put out.
package ssmdoc

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/playbook"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// State is what the document's execution for a run has come to.
type State struct {
	Document map[string]Execution `json:"document,omitempty"` // by the document's name; none was started, or it runs
}

// Execution is one that ended well.
type Execution struct {
	Outcome    string              `json:"outcome"`
	Parameters map[string][]string `json:"parameters,omitempty"` // those that the playbook declares
}

const success = "Success"

type params = map[string]any

// With adds the documents that the book declares to the units. An *asr.Error
// with CodeBadInput if one has the id of a unit.
func With(units []asr.Remediation, book *playbook.Book, dial remedy.Dialer) ([]asr.Remediation, error) {
	taken := map[string]bool{}
	for _, u := range units {
		taken[u.Spec.ID] = true
	}
	for _, d := range book.Documents() {
		if taken[d.ID] {
			return nil, &asr.Error{Code: asr.CodeBadInput, Message: fmt.Sprintf("%s: documents.%s: asr has a remediation of that id itself", d.Source, d.ID), Do: "give the document another id"}
		}
		units = append(units, Remediation(d, dial))
	}
	return units, nil
}

// Remediation is a declared document as the engine runs it: it is started once
// for a run, with the run's id as a tag to find it by, and asr believes it as
// far as its status and its declared output go.
func Remediation(d playbook.Document, dial remedy.Dialer) asr.Remediation {
	doc := document{d}
	r := remedy.Bind(remedy.Unit[params, State]{
		Spec: doc.spec(), Controls: doc.controls(),
		Read: doc.read, Want: doc.want, Write: doc.start,
		Validate: doc.validate,
		Keep:     func(remedy.On[params], asr.Change) string { return "asr doesn't know what the document changed" },
	}, dial)
	r.Schema = doc.schema()
	return r
}

type document struct{ playbook.Document }

// short is the document's name without what stands before it in an ARN.
func short(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func (d document) spec() asr.Spec {
	return asr.Spec{
		ID: d.ID, Version: d.version(), Title: d.Title, Impact: d.Impact, Risk: d.Risk, RiskWhy: d.RiskWhy, Interrupts: d.Interrupts, Cost: d.Cost,
		Irreversible: "document " + short(d.Name) + " makes the change, and asr doesn't know what it changed",
		Scope:        d.Scope, Global: d.global(), Resources: d.Resources,
		Reads: d.reads(), Writes: d.writes(), Implied: []asr.Grant{asr.Pass(d.role(), "ssm.amazonaws.com")},
		Settle: time.Second, Wakes: true,
	}
}

// version is another for each declaration, so that a plan that was approved
// under an older one is void.
func (d document) version() int {
	said := d.Document
	said.Source, said.Controls = "", nil
	text, _ := json.Marshal(said) // texts, numbers, lists and maps of them
	return int(crc32.ChecksumIEEE(text)>>1) + 1
}

// global reports whether the resources belong to no Region.
func (d document) global() bool {
	for _, service := range []string{"iam", "cloudfront", "route53"} {
		if d.Scope == asr.ScopeResource && strings.HasPrefix(d.Resources[0], "arn:{partition}:"+service+":") {
			return true
		}
	}
	return false
}

func (d document) role() string { return "arn:{partition}:iam::{account}:role/" + d.Role }

const executions = "arn:{partition}:ssm:{region}:{account}:automation-execution/*"

func (d document) reads() []asr.Grant {
	return []asr.Grant{asr.Allow("*", "ssm:DescribeAutomationExecutions"), asr.Allow(executions, "ssm:GetAutomationExecution")}
}

// writes name the document in both ways that IAM knows it. AWS's own documents
// belong to no account.
func (d document) writes() []asr.Grant {
	owner, version := "{account}", "*"
	if strings.HasPrefix(d.Name, "AWS") {
		owner = ""
	}
	if parts := strings.SplitN(d.Name, ":", 6); len(parts) == 6 {
		owner = parts[4]
	}
	if d.Version != "" {
		version = d.Version
	}
	at := "arn:{partition}:ssm:{region}:" + owner + ":"
	return []asr.Grant{
		asr.Allow(at+"automation-definition/"+short(d.Name)+":"+version, "ssm:StartAutomationExecution"),
		asr.Allow(at+"document/"+short(d.Name), "ssm:StartAutomationExecution"),
		asr.Allow(executions, "ssm:StartAutomationExecution", "ssm:AddTagsToResource"),
	}
}

// tag is the key of the tag by which a run's execution is found: AWS filters
// executions by the keys of tags, not by their values.
func tag(run string) string { return asr.OwnerTag + ":" + run }

// want is that the document has run: once, whatever it is started with next time.
func (d document) want(on remedy.On[params], now State) (State, error) {
	if now.Document != nil {
		return now, nil
	}
	inputs, err := d.inputs(on)
	return State{Document: map[string]Execution{d.Name: {Outcome: success, Parameters: inputs}}}, err
}

// start starts the document. The same step of the same run has the same token,
// for which Systems Manager starts one execution.
func (d document) start(ctx context.Context, cfg aws.Config, on remedy.On[params], _, to State) error {
	in := &ssm.StartAutomationExecutionInput{
		DocumentName: aws.String(on.Expand(d.Name)), Parameters: to.Document[d.Name].Parameters, ClientToken: aws.String(uuid(on.Call.Token)),
		Tags: []types.Tag{{Key: aws.String(tag(on.Call.Run)), Value: aws.String(d.ID)}},
	}
	for key, value := range on.Call.Tags() {
		in.Tags = append(in.Tags, types.Tag{Key: &key, Value: &value})
	}
	if d.Version != "" {
		in.DocumentVersion = &d.Version
	}
	_, err := ssm.NewFromConfig(cfg).StartAutomationExecution(ctx, in)
	return d.refused(on.Target, err)
}

// refused says of an answer of Systems Manager what is to be done.
func (d document) refused(t asr.Target, err error) error {
	switch {
	case remedy.Is(err, "AutomationExecutionLimitExceededException"):
		return &asr.Error{Code: asr.CodeThrottled, Message: "Systems Manager runs as many automations in account " + t.Account + " as it may", Do: "wait; the step is tried again by itself", Err: err}
	case remedy.Is(err, "InvalidAutomationExecutionParametersException", "InvalidTarget"):
		return &asr.Error{Code: asr.CodeBadParams, Message: short(d.Name) + " doesn't take its parameters", Do: "correct parameters and role of documents." + d.ID + " in " + d.Source, Err: err}
	case remedy.Is(err, "AutomationDefinitionNotFoundException", "AutomationDefinitionVersionNotFoundException"):
		return &asr.Error{Code: asr.CodeAWS, Message: "account " + t.Account + " has no such document in " + t.Region, Do: "create it there as an Automation document, or share it with the account", Err: err}
	}
	return err
}

// uuid writes a token in the form that Systems Manager demands.
func uuid(token string) string {
	if len(token) != 32 {
		return token
	}
	return strings.Join([]string{token[:8], token[8:12], token[12:16], token[16:20], token[20:]}, "-")
}
