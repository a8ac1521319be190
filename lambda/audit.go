package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"example.com/asr/audit"
)

// Audited is what the last look at the audit log found; it is kept as the
// setting AuditSetting.
type Audited struct {
	At     time.Time    `json:"at"`
	Report audit.Report `json:"report"`
	Keys   *Rewrapped   `json:"keys,omitempty"` // since the key was changed for another
}

// AuditSetting is where Audited is kept.
const AuditSetting = "audit-report"

// mostProblems is how many problems a kept report names: one is enough to act.
const mostProblems = 100

// Audit proves the whole audit log and, if nothing was tampered with, signs how
// far it goes. What it found is kept, counted, and returned. After a rotation of
// the key it also encrypts anew what the former one encrypted.
func (h *Handlers) Audit(ctx context.Context) (Audited, error) {
	out := Audited{At: h.c.Clock().UTC()}
	var err error
	if out.Report, err = audit.Verify(ctx, h.c.Store, h.c.Signer.Verify); err != nil {
		return out, err
	}
	problems := len(out.Report.Problems)
	h.c.Metrics.Audited(problems)
	for _, p := range out.Report.Problems[:min(problems, mostProblems)] {
		h.c.Log.ErrorContext(ctx, "audit", "subject", p.Subject, "record", p.Seq, "what", p.What)
	}
	if problems == 0 {
		added, err := audit.Checkpoint(ctx, h.c.Store, h.c.Signer.Sign, h.c.Clock())
		if err != nil {
			return out, err
		}
		if out.Report.Last = &added; added.Seq > int64(out.Report.Checkpoints) {
			out.Report.Checkpoints, out.Report.Unsigned = int(added.Seq), 0
		}
	}
	out.Report.Problems = out.Report.Problems[:min(problems, mostProblems)]
	keys, failed := h.rewrap(ctx)
	out.Keys = keys
	doc, err := json.Marshal(out)
	if err != nil {
		return out, err
	}
	return out, errors.Join(h.c.Store.SetSetting(ctx, AuditSetting, string(doc)), failed)
}
