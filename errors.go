package asr

import (
	"errors"
	"fmt"
	"strings"
)

// ErrSettling is returned by a Read that finds its resource between two states.
var ErrSettling = errors.New("the resource is still changing")

// ErrGone is returned by a Read that finds no resource.
var ErrGone = errors.New("the resource no longer exists")

// Code classifies an Error. Codes are public: they stand in JSON output,
// in the audit log and in the workflow's routing.
type Code string

const (
	CodeRefused       Code = "refused"          // the unit won't: Want said why
	CodeBadTarget     Code = "bad_target"       // the finding names no resource that the remediation works on
	CodeBadParams     Code = "bad_parameters"   // parameters that don't decode, or that AWS or the standard would refuse
	CodeNoRemediation Code = "no_remediation"   // the control has none
	CodeConflict      Code = "conflict"         // somebody else changed what was planned
	CodeDenied        Code = "access_denied"    // IAM, an SCP or a resource policy said no
	CodeNoRole        Code = "no_member_role"   // the member role can't be assumed
	CodeSignedOut     Code = "signed_out"       // asr's own AWS credentials have expired: runs wait until they are renewed
	CodeRegionOff     Code = "region_disabled"  // the Region is not enabled in the account
	CodeKilled        Code = "kill_switch"      // the kill switch is on: nothing may be written
	CodeThrottled     Code = "throttled"        // AWS asks for patience
	CodeUnavailable   Code = "aws_unavailable"  // 5xx, timeouts: worth another try
	CodeAWS           Code = "aws_error"        // any other answer of AWS
	CodeNotVerified   Code = "not_verified"     // the fix was made, but reading back doesn't show it
	CodeTooManySteps  Code = "too_many_steps"   // the run makes no progress
	CodeTimeout       Code = "timeout"          // the resource didn't settle in time
	CodeStalePlan     Code = "stale_plan"       // what was approved is not what would be done now
	CodeNotAllowed    Code = "not_allowed"      // the request doesn't fit the run's state, or policy forbids it
	CodeExpired       Code = "approval_expired" // nobody approved it in time
	CodeLimited       Code = "limited"          // the policy's limits hold it back for now
	CodeNotFound      Code = "not_found"        // no such run, finding, control
	CodeBadInput      Code = "bad_input"        // a file, flag or finding that can't be read
	CodeInternal      Code = "internal"         // a defect of ours
)

// Error is a failure that people or a caller act on: what happened, and what
// to do about it.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Do      string `json:"do,omitempty"` // the next step, as an imperative: "deploy asr-member in account 111111111111"
	Err     error  `json:"-"`
}

func (e *Error) Error() string {
	if e.Err != nil && e.Message != "" {
		return e.Message + ": " + e.Err.Error()
	}
	if e.Err != nil {
		return e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Refuse is how a Want says that it won't: the setting is used in a way that
// the fix would break, or it needs a decision that is not ours.
func Refuse(why, do string) error { return &Error{Code: CodeRefused, Message: why, Do: do} }

// Classify returns the error's code: CodeInternal for one that carries none.
func Classify(err error) Code {
	var e *Error
	var c *ConflictError
	switch {
	case errors.As(err, &c):
		return CodeConflict
	case errors.As(err, &e):
		return e.Code
	}
	return CodeInternal
}

// Advice returns what to do about the error, if it says.
func Advice(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Do
	}
	return ""
}

// transient errors are worth the same step again, later.
func transient(err error) bool {
	switch Classify(err) {
	case CodeThrottled, CodeUnavailable:
		return true
	}
	return untilMended(err)
}

// untilMended reports whether an error lasts until a person does something,
// however long that takes: no number of tries makes it final.
func untilMended(err error) bool {
	return Classify(err) == CodeKilled || Classify(err) == CodeSignedOut
}

// ConflictError reports settings that are neither as planned nor as wanted:
// somebody else changed them. From is what was expected, To what is there.
type ConflictError struct{ Changes []Change }

func (e *ConflictError) Error() string {
	var all []string
	for _, c := range e.Changes {
		all = append(all, fmt.Sprintf("%s: expected %s, found %s", c.Field(), show(c.From), show(c.To)))
	}
	return "somebody else changed it: " + strings.Join(all, "; ")
}
