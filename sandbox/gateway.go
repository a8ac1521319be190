package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/asr/sandbox/hub"
)

// motoInternal is the access key that moto's own Step Functions tasks sign with.
const motoInternal = "ak"

// accountHeader tells moto which account a call acts in.
const accountHeader = "X-Moto-Account-Id"

// oursHeader marks answers of moto that a patch of ours has a hand in.
const oursHeader = "X-Sandbox-Ours"

// gateway stands before moto.
type gateway struct {
	hub         string
	moto        string // address
	client      http.RoundTripper
	log         io.Writer
	keys        *keyring
	journal     *journal
	faults      *faults
	trouble     *trouble
	routes      routes
	securityhub *hub.Hub
	settling    *settling
	functions   functions
	own         http.Handler // the control API
	op          operator
	ready       atomic.Bool // the operator is hired: calls count
	enforced    atomic.Bool // IAM is on

	mu      sync.Mutex
	missing map[string]bool // "service:Operation"
}

func newGateway(cfg Config, moto string) (*gateway, error) {
	j, err := newJournal(cfg.State)
	if err != nil {
		return nil, err
	}
	g := &gateway{
		hub: cfg.Hub, moto: moto, log: cfg.Log, journal: j,
		client: &http.Transport{DisableCompression: true, DisableKeepAlives: true}, // moto closes after each answer
		keys:   &keyring{keys: map[string]Identity{motoInternal: {AccessKeyID: motoInternal, Account: "123456789012"}}},
		faults: &faults{}, trouble: &trouble{}, settling: &settling{},
		routes: readRoutes(restOperations), securityhub: hub.New(cfg.Hub, time.Now),
		missing: map[string]bool{},
	}
	g.own = g.control()
	return g, nil
}

// begin lets the operator in and opens the journal.
func (g *gateway) begin(op operator) {
	g.op = op
	g.ready.Store(true)
}

func (g *gateway) close() error { return g.journal.close() }

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, controlPath):
		g.own.ServeHTTP(w, r)
		return
	case strings.HasPrefix(r.URL.Path, "/moto-api"):
		g.passOn(w, r)
		return
	}
	began := time.Now()
	q, err := read(r, g.routes)
	if err != nil {
		failure(restJSON, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", err.Error()).write(w)
		return
	}
	a := g.answer(q)
	if g.ready.Load() {
		g.note(q, a, began)
	}
	a.write(w)
}

// answer finds who answers a call: a fault, the overlay, or moto.
func (g *gateway) answer(q *request) answer {
	if a, ok := g.authenticate(q); !ok {
		return a
	}
	if a, ok := g.faults.strike(q); ok {
		return a
	}
	return g.trouble.strike(q, func() answer { return g.serve(q) })
}

// serve lets a call have its effect.
func (g *gateway) serve(q *request) answer {
	if a, ok := g.permit(q); !ok {
		return a
	}
	if f := g.functions.invoked(q); f != nil {
		return invoke(q, f)
	}
	if overlaid(q) {
		return g.overlay(q)
	}
	a := g.forward(q)
	g.keys.watch(q, a)
	g.settling.rewrite(q, &a)
	return a
}

// authenticate finds out who calls. moto would take an unknown key for account
// 123456789012's; here it is an error, as on AWS.
func (g *gateway) authenticate(q *request) (answer, bool) {
	if q.key == "" { // unsigned: AssumeRoleWithWebIdentity, presigned in old ways
		q.account = "123456789012"
		return answer{}, true
	}
	id, ok := g.keys.whose(q.key)
	if !ok {
		code := "UnrecognizedClientException"
		switch q.protocol {
		case awsQuery:
			code = "InvalidClientTokenId"
		case ec2Query:
			code = "AuthFailure"
		case s3XML, restXML:
			code = "InvalidAccessKeyId"
		}
		return failure(q.protocol, http.StatusForbidden, code, "The security token included in the request is invalid: the sandbox gave out no access key "+q.key), false
	}
	q.principal, q.account = id, id.Account
	if other := q.Header.Get(accountHeader); other != "" {
		q.account = other
	}
	if id.Root {
		q.Header.Set(accountHeader, q.account)
	}
	return answer{}, true
}

// forward asks moto.
func (g *gateway) forward(q *request) answer {
	a, err := g.roundTrip(q.Context(), q.Request, q.body)
	if err != nil {
		fmt.Fprintf(g.log, "sandbox: %s:%s: %v\n", q.service, q.operation, err)
		return failure(q.protocol, http.StatusBadGateway, "ServiceUnavailable", "sandbox: moto does not answer: "+err.Error())
	}
	if isHTML(a) {
		return g.lacks(q, fmt.Sprintf("moto %s has no %s:%s, or crashed on it (%d)", MotoVersion(), q.service, q.operation, a.status))
	}
	a = reshape(q, a)
	a.code = errorCode(a)
	if a.header.Get(oursHeader) != "" { // a patch has a hand in it
		a.overlay = true
		a.header.Del(oursHeader)
	}
	return a
}

// roundTrip sends a request to moto as it came: the host and the path are signed.
func (g *gateway) roundTrip(ctx context.Context, r *http.Request, body []byte) (answer, error) {
	out := r.Clone(ctx)
	out.URL.Scheme, out.URL.Host = "http", g.moto
	out.RequestURI = ""
	out.Body = io.NopCloser(bytes.NewReader(body))
	out.ContentLength, out.TransferEncoding = int64(len(body)), nil
	out.Header.Del("Connection")
	resp, err := g.client.RoundTrip(out)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	for _, hop := range []string{"Connection", "Keep-Alive", "Transfer-Encoding"} {
		resp.Header.Del(hop)
	}
	if r.Method != http.MethodHead {
		resp.Header.Del("Content-Length") // may be rewritten
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: got}, nil
}

func isHTML(a answer) bool {
	return a.status >= http.StatusBadRequest && strings.HasPrefix(a.header.Get("Content-Type"), "text/html") &&
		bytes.Contains(bytes.ToLower(a.body[:min(len(a.body), 256)]), []byte("<!doctype html>"))
}

// lacks remembers an operation that nobody has, and says so.
func (g *gateway) lacks(q *request, why string) answer {
	g.mu.Lock()
	g.missing[q.service+":"+q.operation] = true
	g.mu.Unlock()
	fmt.Fprintln(g.log, "sandbox:", why)
	return failure(q.protocol, http.StatusNotImplemented, "NotImplemented", "sandbox: "+why)
}

// lacking lists what was called and is missing, sorted.
func (g *gateway) lacking() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]string, 0, len(g.missing))
	for name := range g.missing {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// passOn hands moto's own API through.
func (g *gateway) passOn(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a, err := g.roundTrip(r.Context(), r, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	a.write(w)
}

func (g *gateway) note(q *request, a answer, began time.Time) {
	if a.was != 0 {
		a.status, a.code = a.was, ""
	}
	g.journal.add(Call{
		At: began, Principal: q.principal, Account: q.account, Region: q.region, Service: q.service, Operation: q.operation,
		Status: a.status, ErrorCode: a.code, Overlay: a.overlay, Fault: a.fault, Took: time.Since(began),
	})
}
