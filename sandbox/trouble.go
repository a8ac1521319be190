package sandbox

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Trouble strikes a share of all calls but those of Config. The same call, with
// the same input and for the same time, is struck alike under the same seed,
// whatever comes between.
type Trouble struct {
	Seed    uint64
	Share   float64       // of the calls: 0.3
	Slow    time.Duration // how long a slow answer takes; 0: 50 ms
	Silence time.Duration // after which a connection breaks that nobody answers on, if the client waits so long; 0: a minute
}

// The troubles there are. Those that come late come after the call took effect.
const (
	troubleSlow      = "slow"
	troubleThrottle  = "throttled"
	troubleError     = "5xx"
	troublePage      = "5xx page" // of a load balancer: no error of AWS's
	troubleReset     = "reset"
	troubleSilence   = "silence" // until the client gives up
	troubleErrorLate = "5xx late"
	troubleResetLate = "reset late"
	troubleCut       = "cut off" // in the middle of the answer
	troubleSilent    = "silence late"
	troubleConflict  = "conflict" // of a DynamoDB transaction with another one
)

// troubles are all of them, silence more rarely than the others: it takes a
// client's patience each time.
func troubles() []string {
	quick := []string{troubleSlow, troubleThrottle, troubleError, troublePage, troubleReset, troubleErrorLate, troubleResetLate, troubleCut}
	return append(slices.Repeat(quick, 6), troubleSilence, troubleSilent)
}

// Trouble begins trouble, or ends it if it has no share. Call.Fault says what
// struck which call. Only in a sandbox of this process.
func (s *Sandbox) Trouble(t Trouble) { s.gateway.trouble.begin(t) }

type trouble struct {
	mu sync.Mutex
	Trouble
	seen map[uint64]uint64 // how often each call came
}

func (t *trouble) begin(x Trouble) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x.Slow == 0 {
		x.Slow = 50 * time.Millisecond
	}
	if x.Silence == 0 {
		x.Silence = time.Minute
	}
	t.Trouble, t.seen = x, map[uint64]uint64{}
}

// pick is what strikes a call, "" if nothing does.
func (t *trouble) pick(q *request) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Share == 0 || q.principal.Root {
		return ""
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %s %s %s %s %s", q.account, q.region, q.service, q.operation, q.URL, q.body)
	call := h.Sum64()
	t.seen[call]++
	r := rand.New(rand.NewPCG(t.Seed, call+t.seen[call]))
	if r.Float64() >= t.Share {
		return ""
	}
	all := troubles()
	if q.service == "dynamodb" && q.operation == "TransactWriteItems" {
		all = append(all, slices.Repeat([]string{troubleConflict}, 12)...)
	}
	return all[r.IntN(len(all))]
}

// strike does to a call what struck it; serve lets it have its effect.
func (t *trouble) strike(q *request, serve func() answer) answer {
	name, client := t.pick(q), q.Context()
	if name != "" { // it takes effect though the client may give up
		q.Request = q.WithContext(context.WithoutCancel(client))
	}
	var a answer
	switch name {
	case troubleThrottle:
		a = throttled(q)
	case troubleConflict:
		a = conflicting()
	case troubleError:
		a = broken(q)
	case troublePage:
		a = page()
	case troubleReset:
		a = answer{drop: true, overlay: true}
	case troubleSilence:
		t.hush(client)
		a = answer{drop: true, overlay: true}
	case troubleSlow:
		time.Sleep(t.Slow)
		a = serve()
	default:
		a = t.late(client, q, name, serve())
	}
	a.fault = name
	return a
}

// late does to an answer what comes after the call took effect.
func (t *trouble) late(client context.Context, q *request, name string, a answer) answer {
	switch name {
	case troubleErrorLate:
		status := a.status
		a = broken(q)
		a.was = status
	case troubleResetLate:
		a.drop = true
	case troubleCut:
		a.cut = true
	case troubleSilent:
		t.hush(client)
		a.drop = true
	}
	return a
}

// hush says nothing for as long as somebody listens.
func (t *trouble) hush(client context.Context) {
	select {
	case <-time.After(t.Silence):
	case <-client.Done():
	}
}

// throttled is how a call's service asks for patience: each has its own words.
// Sources: the services' API references, "Common Errors"; EC2 and S3 answer 503.
func throttled(q *request) answer {
	code, status := "ThrottlingException", http.StatusBadRequest
	switch q.service {
	case "ec2":
		code, status = "RequestLimitExceeded", http.StatusServiceUnavailable
	case "s3", "s3control":
		code, status = "SlowDown", http.StatusServiceUnavailable
	case "lambda", "apigateway", "organizations":
		code, status = "TooManyRequestsException", http.StatusTooManyRequests
	case "sqs":
		code = "RequestThrottled"
	case "dynamodb":
		code = "ProvisionedThroughputExceededException"
	default:
		switch q.protocol {
		case awsQuery, restXML:
			code = "Throttling"
		case restJSON:
			status = http.StatusTooManyRequests
		}
	}
	return failure(q.protocol, status, code, "Rate exceeded")
}

// broken is how a call's service fails.
func broken(q *request) answer {
	code, status := "InternalFailure", http.StatusInternalServerError
	switch q.service {
	case "s3", "s3control", "ec2", "sns":
		code = "InternalError"
	case "kms":
		code = "KMSInternalException"
	case "iam":
		code = "ServiceFailure"
	case "lambda":
		code = "ServiceException"
	case "logs":
		code, status = "ServiceUnavailableException", http.StatusServiceUnavailable
	case "secretsmanager":
		code = "InternalServiceError"
	}
	return failure(q.protocol, status, code, "We encountered an internal error. Please try again.")
}

// conflicting is what DynamoDB says of a transaction that another one was in the
// way of. Source: TransactionCanceledException in the API reference.
func conflicting() answer {
	a := failure(jsonRPC, http.StatusBadRequest, "TransactionCanceledException", "")
	a.json(map[string]any{
		"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]",
		"CancellationReasons": []any{map[string]string{"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}},
	})
	return a
}

// page is what stands before a service answers when the service doesn't.
func page() answer {
	a := answer{status: http.StatusBadGateway, header: http.Header{}, code: "502", overlay: true}
	a.header.Set("Content-Type", "text/html")
	a.body = []byte("<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>")
	return a
}
