package hub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"example.com/asr"
)

// Hub is Security Hub in all accounts and Regions. Its methods are safe for concurrent use.
type Hub struct {
	admin string // account id of the administrator
	now   asr.Clock

	mu         sync.Mutex
	enabled    map[place]time.Time // SubscribedAt
	enabledV2  map[place]time.Time
	aggregator *aggregator // the administrator's; nil until it enables Security Hub
	actions    map[place][]actionTarget
	members    []member
	findings   []*finding          // in order of arrival
	byID       map[string]*finding // by product and id
}

// place is an account's Security Hub in one Region.
type place struct{ account, region string }

// New returns a Security Hub that nobody has enabled.
func New(admin string, now asr.Clock) *Hub {
	return &Hub{
		admin: admin, now: now,
		enabled: map[place]time.Time{}, enabledV2: map[place]time.Time{},
		actions: map[place][]actionTarget{}, byID: map[string]*finding{},
	}
}

// Call is one request to Security Hub.
type Call struct {
	Operation string
	Account   string
	Region    string
	Who       string            // the caller's ARN
	Vars      map[string]string // from the path
	Query     url.Values
	Body      []byte // JSON, or nothing
}

func (c Call) place() place { return place{c.Account, c.Region} }

// Error is an answer of Security Hub that says no.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/CommonErrors.html
type Error struct {
	Status        int // HTTP
	Code, Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func invalid(format string, args ...any) error {
	return &Error{http.StatusBadRequest, "InvalidInputException", fmt.Sprintf(format, args...)}
}

func notFound(what string) error {
	return &Error{http.StatusNotFound, "ResourceNotFoundException", what + " not found"}
}

func conflict(what string) error {
	return &Error{http.StatusConflict, "ResourceConflictException", what + " exists already"}
}

// Unsupported is what AWS has and this package lacks.
type Unsupported struct{ What string }

func (e *Unsupported) Error() string { return "the sandbox's Security Hub has no " + e.What }

type operation struct {
	answer func(*Hub, Call) (any, error)
	gate   gate
}

// gate says what must be enabled before an operation may be called.
type gate int

const (
	open gate = iota
	v1        // EnableSecurityHub
	v2        // EnableSecurityHubV2
)

func lookup(name string) (operation, bool) {
	o, ok := map[string]operation{
		"EnableSecurityHub":       {(*Hub).enable, open},
		"DescribeHub":             {(*Hub).describe, v1},
		"DisableSecurityHub":      {(*Hub).disable, open},
		"EnableSecurityHubV2":     {(*Hub).enableV2, open},
		"DescribeSecurityHubV2":   {(*Hub).describeV2, open},
		"DisableSecurityHubV2":    {(*Hub).disableV2, open},
		"BatchImportFindings":     {(*Hub).importFindings, v1},
		"GetFindings":             {(*Hub).list, v1},
		"BatchUpdateFindings":     {(*Hub).update, v1},
		"GetFindingsV2":           {(*Hub).listV2, v2},
		"BatchUpdateFindingsV2":   {(*Hub).updateV2, v2},
		"CreateActionTarget":      {(*Hub).createAction, v1},
		"DescribeActionTargets":   {(*Hub).describeActions, v1},
		"UpdateActionTarget":      {(*Hub).updateAction, v1},
		"DeleteActionTarget":      {(*Hub).deleteAction, v1},
		"CreateFindingAggregator": {(*Hub).createAggregator, v1},
		"GetFindingAggregator":    {(*Hub).describeAggregator, v1},
		"ListFindingAggregators":  {(*Hub).listAggregators, v1},
		"CreateMembers":           {(*Hub).createMembers, v1},
		"ListMembers":             {(*Hub).listMembers, v1},
	}[name]
	return o, ok
}

// Knows reports whether the package answers an operation.
func Knows(operation string) bool {
	_, ok := lookup(operation)
	return ok
}

// Answer answers a call with what is to be sent as JSON. Errors are *Error, or
// *Unsupported.
func (h *Hub) Answer(c Call) (any, error) {
	o, ok := lookup(c.Operation)
	if !ok {
		return nil, &Unsupported{What: c.Operation}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case o.gate == v1 && h.enabled[c.place()].IsZero():
		return nil, &Error{http.StatusUnauthorized, "InvalidAccessException", "Account " + c.Account + " is not subscribed to AWS Security Hub in " + c.Region}
	case o.gate == v2 && h.enabledV2[c.place()].IsZero():
		return nil, &Error{http.StatusForbidden, "AccessDeniedException", "Account " + c.Account + " has not enabled Security Hub (v2) in " + c.Region}
	}
	return o.answer(h, c)
}

func decode[T any](c Call) (T, error) {
	var v T
	if len(c.Body) == 0 {
		return v, nil
	}
	if err := json.Unmarshal(c.Body, &v); err != nil {
		return v, invalid("the request is no JSON of the right form: %v", err)
	}
	return v, nil
}

type empty struct{}

func (c Call) arn(rest string) string {
	return "arn:" + asr.Partition(c.Region) + ":securityhub:" + c.Region + ":" + c.Account + ":" + rest
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (h *Hub) enable(c Call) (any, error) {
	if !h.enabled[c.place()].IsZero() {
		return nil, conflict("a subscription of account " + c.Account)
	}
	h.enabled[c.place()] = h.now()
	if c.Account == h.admin && h.aggregator == nil {
		h.aggregator = &aggregator{ARN: c.arn("finding-aggregator/" + newID()), Region: c.Region, Mode: allRegions, implied: true}
	}
	return empty{}, nil
}

func (h *Hub) describe(c Call) (any, error) {
	arn := c.arn("hub/default")
	if asked := c.Query.Get("HubArn"); asked != "" && asked != arn {
		return nil, notFound(asked)
	}
	return map[string]any{"HubArn": arn, "SubscribedAt": stamp(h.enabled[c.place()]), "AutoEnableControls": true, "ControlFindingGenerator": "SECURITY_CONTROL"}, nil
}

func (h *Hub) disable(c Call) (any, error) {
	if h.enabled[c.place()].IsZero() {
		return nil, notFound("a subscription of account " + c.Account)
	}
	delete(h.enabled, c.place())
	delete(h.actions, c.place())
	h.findings = slices.DeleteFunc(h.findings, func(f *finding) bool {
		gone := f.place == c.place()
		if gone {
			delete(h.byID, f.key())
		}
		return gone
	})
	return empty{}, nil
}

func (h *Hub) enableV2(c Call) (any, error) {
	if h.enabledV2[c.place()].IsZero() {
		h.enabledV2[c.place()] = h.now()
	}
	return map[string]any{"HubV2Arn": c.arn("hubv2/default")}, nil
}

func (h *Hub) describeV2(c Call) (any, error) {
	since := h.enabledV2[c.place()]
	if since.IsZero() {
		return nil, notFound("a Security Hub (v2) of account " + c.Account)
	}
	return map[string]any{"HubV2Arn": c.arn("hubv2/default"), "SubscribedAt": stamp(since)}, nil
}

func (h *Hub) disableV2(c Call) (any, error) {
	delete(h.enabledV2, c.place())
	return empty{}, nil
}
