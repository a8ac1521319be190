package server

import (
	"encoding/json"
	"net/http"

	"example.com/asr"
)

// Wish is the body of POST /v1/runs: a finding, or a control and a resource.
type Wish struct {
	Finding  string                     `json:"finding,omitempty"`
	Control  string                     `json:"control,omitempty"`
	Resource string                     `json:"resource,omitempty"` // an ARN
	Account  string                     `json:"account,omitempty"`
	Region   string                     `json:"region,omitempty"`
	Params   map[string]json.RawMessage `json:"params,omitempty"`
	PlanOnly bool                       `json:"planOnly,omitempty"`
	Hash     string                     `json:"hash,omitempty"` // of the plan that the caller saw
}

// Answer is the body of what a person says of a run.
type Answer struct {
	Hash  string `json:"hash,omitempty"`  // approve: of the plan that was looked at
	Note  string `json:"note,omitempty"`  // approve, reject, cancel: why
	Force bool   `json:"force,omitempty"` // revert: overwrite what somebody changed since
}

// Reason is the body of PUT /v1/kill-switch; an empty one lets writes go on.
type Reason struct {
	Reason string `json:"reason"`
}

func (a *api) request(r *http.Request, by caller) (any, error) {
	var w Wish
	if err := read(r, &w); err != nil {
		return nil, err
	}
	if (w.Finding == "") == (w.Control == "") {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: "a run is for a finding, or for a control and a resource", Do: "send either finding, or control with resource"}
	}
	run, err := a.Engine.Request(r.Context(), asr.Ask{
		Actor: by.Actor, Sees: by.view.Sees, Finding: w.Finding, Control: w.Control, Resource: asr.Resource{ID: w.Resource}, Account: w.Account, Region: w.Region,
		Params: w.Params, PlanOnly: w.PlanOnly, Hash: w.Hash,
	})
	return a.driven(r, run, err)
}

// driven sees that a run that somebody had a say in goes on.
func (a *api) driven(r *http.Request, run asr.Run, err error) (any, error) {
	if err == nil {
		err = a.Drive(r.Context(), run.ID)
	}
	return run, err
}

func (a *api) approve(r *http.Request, by caller) (any, error) {
	var said Answer
	if err := read(r, &said); err != nil {
		return nil, err
	}
	run, err := a.Engine.Approve(r.Context(), r.PathValue("id"), said.Hash, by.Actor, said.Note)
	return a.driven(r, run, err)
}

func (a *api) reject(r *http.Request, by caller) (any, error) {
	var said Answer
	if err := read(r, &said); err != nil {
		return nil, err
	}
	return a.Engine.Reject(r.Context(), r.PathValue("id"), by.Actor, said.Note)
}

func (a *api) cancel(r *http.Request, by caller) (any, error) {
	var said Answer
	if err := read(r, &said); err != nil {
		return nil, err
	}
	return a.Engine.Cancel(r.Context(), r.PathValue("id"), by.Actor, said.Note)
}

func (a *api) revert(r *http.Request, by caller) (any, error) {
	var said Answer
	if err := read(r, &said); err != nil {
		return nil, err
	}
	run, err := a.Engine.Revert(r.Context(), r.PathValue("id"), by.Actor, said.Force)
	return a.driven(r, run, err)
}

// audit is what the last look at the audit log found, as it was kept.
func (a *api) audit(r *http.Request, _ caller) (any, error) {
	if a.Audited == "" {
		return nil, &asr.Error{Code: asr.CodeNotFound, Message: "the audit log is not looked at here", Do: "asr audit verify"}
	}
	text, err := a.Store.Setting(r.Context(), a.Audited)
	if err == nil && text == "" {
		err = &asr.Error{Code: asr.CodeNotFound, Message: "the audit log has not been looked at yet", Do: "wait: it is, once a day"}
	}
	return json.RawMessage(text), err
}

func (a *api) killSwitch(r *http.Request, _ caller) (any, error) {
	reason, err := a.Store.Setting(r.Context(), asr.KillSwitch)
	return Reason{reason}, err
}

func (a *api) kill(r *http.Request, by caller) (any, error) {
	var why Reason
	if err := read(r, &why); err != nil {
		return nil, err
	}
	return why, a.Engine.Kill(r.Context(), by.Actor, why.Reason)
}

// Resuming lets a control begin again, or all, after too many runs have failed.
type Resuming struct {
	Scope string `json:"scope"` // a control's name, or "all"
	Why   string `json:"why"`
}

func (a *api) limits(r *http.Request, _ caller) (any, error) {
	return a.Engine.Standings(r.Context())
}

func (a *api) resume(r *http.Request, by caller) (any, error) {
	var what Resuming
	if err := read(r, &what); err != nil {
		return nil, err
	}
	scope, err := a.Engine.ParseScope(what.Scope)
	if err != nil {
		return nil, err
	}
	return what, a.Engine.Resume(r.Context(), scope, by.Actor, what.Why)
}
