package sandbox

import (
	"errors"
	"net/http"

	"example.com/asr/sandbox/hub"
)

// overlaid reports whether the gateway answers an operation itself.
func overlaid(q *request) bool { return q.service == "securityhub" && hub.Knows(q.operation) }

// overlay answers what moto lacks.
func (g *gateway) overlay(q *request) answer {
	out, err := g.securityhub.Answer(hub.Call{
		Operation: q.operation, Account: q.account, Region: q.region, Who: g.arn(q.principal),
		Vars: q.vars, Query: q.URL.Query(), Body: q.body,
	})
	var no *hub.Error
	var unsupported *hub.Unsupported
	switch {
	case errors.As(err, &no):
		return failure(q.protocol, no.Status, no.Code, no.Message)
	case errors.As(err, &unsupported):
		a := g.lacks(q, unsupported.Error())
		a.overlay = true
		return a
	case err != nil:
		return failure(q.protocol, http.StatusInternalServerError, "InternalException", err.Error())
	}
	a := answer{status: http.StatusOK, header: http.Header{"X-Amzn-Requestid": {requestID}}, overlay: true}
	a.json(out)
	return a
}
