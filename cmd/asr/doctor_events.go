package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
)

// machines looks at the last executions of the state machines.
func (d *hubDoctor) machines(ctx context.Context) {
	for _, r := range d.of("AWS::StepFunctions::StateMachine") {
		arn := aws.ToString(r.PhysicalResourceId)
		name := "state machine " + arn[strings.LastIndexByte(arn, ':')+1:]
		var out struct {
			Executions []struct{ Name, Status string }
		}
		if err := askJSON(ctx, d.cfg, "states", "AWSStepFunctions.ListExecutions", map[string]any{"stateMachineArn": arn, "maxResults": 20}, &out); err != nil {
			d.unread(name, "states:ListExecutions", err)
			continue
		}
		count := map[string]int{}
		failed := ""
		for _, e := range out.Executions {
			if count[e.Status]++; failed == "" && (e.Status == "FAILED" || e.Status == "TIMED_OUT") {
				failed = e.Name
			}
		}
		if failed != "" {
			d.bad(name, fmt.Sprintf("of the last %d executions %d failed and %d timed out", len(out.Executions), count["FAILED"], count["TIMED_OUT"]), "the latest is "+failed, "look at it in Step Functions, and at the log of the function that it names; asr hub show RUN says what became of the run")
			continue
		}
		d.good(name, "of the last %d executions %d ended well, %d go on", len(out.Executions), count["SUCCEEDED"], count["RUNNING"])
	}
}

// rules looks whether the stack's rules are switched on.
func (d *hubDoctor) rules(ctx context.Context) {
	states := map[string]string{}
	_, own, _ := strings.Cut(d.outputs["BusArn"], ":event-bus/")
	for _, bus := range []string{"default", own} {
		if err := listRules(ctx, d.cfg, bus, states); err != nil {
			d.unread("rules", "events:ListRules", err)
			return
		}
	}
	on := 0
	all := d.of("AWS::Events::Rule")
	for _, r := range all {
		name := aws.ToString(r.PhysicalResourceId)
		name = name[strings.LastIndexByte(name, '|')+1:] // of another bus: "BUS|NAME"
		switch state := states[name]; {
		case strings.HasPrefix(state, "ENABLED"):
			on++
		case state == "":
			d.bad("rule "+name, "it isn't there", "somebody removed it: its events don't reach the hub", "detect drift on the stack, and make it again as the template has it")
		default:
			d.bad("rule "+name, "it is "+state, "its events don't reach the hub", "switch it on: aws events enable-rule --name "+name)
		}
	}
	if on == len(all) {
		d.good("rules", "%d rules are on", on)
	}
}

// listRules notes the states of a bus's rules by their names.
func listRules(ctx context.Context, cfg aws.Config, bus string, states map[string]string) error {
	for next := ""; ; {
		in := map[string]any{"EventBusName": bus, "NamePrefix": "asr-hub"}
		if next != "" {
			in["NextToken"] = next
		}
		var out struct {
			Rules     []struct{ Name, State string }
			NextToken string
		}
		if err := askJSON(ctx, cfg, "events", "AWSEvents.ListRules", in, &out); err != nil {
			return err
		}
		for _, r := range out.Rules {
			states[r.Name] = r.State
		}
		if next = out.NextToken; next == "" {
			return nil
		}
	}
}

// askJSON calls an operation of a service that speaks JSON, without its client: two
// questions aren't worth a client each in the binary.
func askJSON(ctx context.Context, cfg aws.Config, service, target string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	url := "https://" + service + "." + cfg.Region + ".amazonaws.com"
	switch {
	case cfg.BaseEndpoint != nil:
		url = *cfg.BaseEndpoint
	case strings.HasPrefix(cfg.Region, "cn-"):
		url += ".cn"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-"+map[string]string{"states": "1.0", "events": "1.1"}[service])
	r.Header.Set("X-Amz-Target", target)
	if err := sessions.Sign(ctx, cfg, service, r, body); err != nil {
		return err
	}
	var client aws.HTTPClient = &http.Client{Timeout: time.Minute}
	if cfg.HTTPClient != nil {
		client = cfg.HTTPClient
	}
	resp, err := client.Do(r)
	if err != nil {
		return &asr.Error{Code: asr.CodeUnavailable, Message: target + " is not answered", Do: "see that this machine reaches " + r.URL.Host, Err: err}
	}
	defer resp.Body.Close() // only read
	return answered(target, resp, out)
}

// answered decodes an answer, or the error that it is.
func answered(target string, resp *http.Response, out any) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return &asr.Error{Code: asr.CodeUnavailable, Message: "the answer to " + target + " broke off", Do: "try again", Err: err}
	}
	if resp.StatusCode == http.StatusOK {
		return json.Unmarshal(text, out)
	}
	var no struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	_ = json.Unmarshal(text, &no) // what is no JSON has neither
	code := asr.CodeAWS
	if strings.Contains(no.Type, "AccessDenied") || resp.StatusCode == http.StatusForbidden {
		code = asr.CodeDenied
	}
	return &asr.Error{Code: code, Message: fmt.Sprintf("%s: %s %s", target, no.Type[strings.LastIndexByte(no.Type, '#')+1:], no.Message)}
}
