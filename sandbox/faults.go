package sandbox

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Fault is a trouble for calls to come. Empty Service, Operation and Account
// match any. It is an error answer if Status or Code is set, a reset of the
// connection if Drop is; with neither, calls are only slower by Delay.
type Fault struct {
	Service   string        `json:"service,omitempty"`
	Operation string        `json:"operation,omitempty"`
	Account   string        `json:"account,omitempty"`
	Times     int           `json:"times,omitempty"`   // how many calls it strikes; 0: all until removed
	Status    int           `json:"status,omitempty"`  // HTTP; 0: 400
	Code      string        `json:"code,omitempty"`    // "ThrottlingException"
	Message   string        `json:"message,omitempty"` //
	Delay     time.Duration `json:"delay,omitempty"`
	Drop      bool          `json:"drop,omitempty"`
}

func (f Fault) matches(q *request) bool {
	return (f.Service == "" || f.Service == q.service) &&
		(f.Operation == "" || f.Operation == q.operation) &&
		(f.Account == "" || f.Account == q.account)
}

// armed is a fault that waits for its calls.
type armed struct {
	Fault
	id   int
	left int // -1: no end
}

type faults struct {
	mu   sync.Mutex
	last int
	all  []*armed
}

func (f *faults) add(x Fault) (id int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	left := x.Times
	if left <= 0 {
		left = -1
	}
	f.all = append(f.all, &armed{Fault: x, id: f.last, left: left})
	return f.last
}

func (f *faults) remove(id int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = slices.DeleteFunc(f.all, func(a *armed) bool { return a.id == id })
}

// next takes the oldest fault that matches.
func (f *faults) next(q *request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.all, func(a *armed) bool { return a.matches(q) })
	if i < 0 {
		return Fault{}, false
	}
	hit := f.all[i]
	if hit.left--; hit.left == 0 {
		f.all = slices.Delete(f.all, i, i+1)
	}
	return hit.Fault, true
}

// strike answers a call with its fault, if it has one.
func (f *faults) strike(q *request) (answer, bool) {
	x, ok := f.next(q)
	if !ok {
		return answer{}, false
	}
	if x.Delay > 0 {
		select {
		case <-time.After(x.Delay):
		case <-q.Context().Done():
		}
	}
	switch {
	case x.Drop:
		return answer{drop: true, code: "connection reset", overlay: true}, true
	case x.Code == "" && x.Status == 0:
		return answer{}, false
	}
	if x.Status == 0 {
		x.Status = http.StatusBadRequest
	}
	return failure(q.protocol, x.Status, x.Code, x.Message), true
}
