package server

import (
	"net/http"

	"example.com/asr"
)

// Verdict is the body of POST /v1/problem/approve and /reject: what POST
// /v1/problem showed.
type Verdict struct {
	Problem asr.Problem `json:"problem"`
	Runs    []asr.Seen  `json:"runs"`
	Digest  string      `json:"digest"`
	Note    string      `json:"note,omitempty"`
}

// Outcome is what came of a Verdict.
type Outcome struct {
	asr.Answered
	Unstarted []string `json:"unstarted,omitempty"` // approved; the hub starts them a few minutes later
}

// look shows the runs of a problem; it changes nothing.
func (a *api) look(r *http.Request, by caller) (any, error) {
	var p asr.Problem
	if err := read(r, &p); err != nil {
		return nil, err
	}
	return a.Engine.Look(r.Context(), p, by.Actor, by.seesRun)
}

func (a *api) approveAll(r *http.Request, by caller) (any, error) {
	out, err := a.answer(r, by, true)
	if err != nil {
		return nil, err
	}
	for _, t := range out.Taken {
		if t.State != asr.StateScheduled {
			continue
		}
		if err := a.Drive(r.Context(), t.Run); err != nil { // the approval stands
			a.Log.ErrorContext(r.Context(), "start", "run", t.Run, "error", err)
			out.Unstarted = append(out.Unstarted, t.Run)
		}
	}
	return out, nil
}

func (a *api) rejectAll(r *http.Request, by caller) (any, error) { return a.answer(r, by, false) }

func (a *api) answer(r *http.Request, by caller, yes bool) (Outcome, error) {
	var v Verdict
	if err := read(r, &v); err != nil {
		return Outcome{}, err
	}
	done, err := a.Engine.Answer(r.Context(), asr.Verdict{Problem: v.Problem, Runs: v.Runs, Digest: v.Digest, Note: v.Note, Approve: yes, By: by.Actor}, by.seesRun)
	return Outcome{Answered: done}, err
}
