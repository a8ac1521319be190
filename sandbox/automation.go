package sandbox

import (
	"context"
	"net/http"
	"time"
)

// Automation is what becomes of the executions of a Systems Manager Automation
// document.
type Automation struct {
	Account  string `json:"account"`
	Document string `json:"document"`
	// Statuses are what the answers of DescribeAutomationExecutions say of an
	// execution, one after the other; the last stays.
	Statuses []string            `json:"statuses"`
	Outputs  map[string][]string `json:"outputs,omitempty"` // once it has ended
	Step     string              `json:"step,omitempty"`    // the step that fails,
	Message  string              `json:"message,omitempty"` // and with what message
}

// automation is the body of POST /_sandbox/automation, here and in moto.
type automation struct {
	Account   string `json:"account"`
	Region    string `json:"region"`
	Execution string `json:"execution"`
	Status    string `json:"status"`
}

// Automate programs a document: executions that are started from now on run
// none of its steps. A document that isn't programmed runs them, as far as the
// sandbox can; one of AWS's own then succeeds.
func (s *Sandbox) Automate(ctx context.Context, a Automation) error {
	return s.call(ctx, http.MethodPost, "automate", a, nil)
}

// EndAutomation puts an execution into a status at once.
func (s *Sandbox) EndAutomation(ctx context.Context, account, region, execution, status string) error {
	return s.call(ctx, http.MethodPost, "automation", automation{Account: account, Region: region, Execution: execution, Status: status}, nil)
}

// automations are the control API's calls for them.
func (g *gateway) automations(m *http.ServeMux) {
	m.HandleFunc("POST "+controlPath+"automate", func(w http.ResponseWriter, r *http.Request) {
		a, err := body[Automation](r)
		if err == nil {
			err = g.ask(r.Context(), "automate", a, nil)
		}
		reply(w, nil, err)
	})
	m.HandleFunc("POST "+controlPath+"automation", func(w http.ResponseWriter, r *http.Request) {
		a, err := body[automation](r)
		if err == nil {
			err = g.ask(r.Context(), "automation", a, nil)
		}
		if err == nil {
			g.journal.add(Call{At: time.Now(), Account: a.Account, Region: a.Region, Service: "sandbox", Operation: "EndAutomation(" + a.Status + ")", Status: http.StatusOK, Overlay: true})
		}
		reply(w, nil, err)
	})
}
