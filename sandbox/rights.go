package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"example.com/asr"
)

// enforce switches moto's IAM, and with it the gateway's share in it.
// https://docs.getmoto.org/en/latest/docs/iam.html
func (g *gateway) enforce(ctx context.Context, on bool) error {
	count := "inf" // so many calls go unchecked
	if on {
		count = "0"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.moto+"/moto-api/reset-auth", bytes.NewBufferString(count))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "text/plain") // moto crashes on the default
	resp, err := g.client.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("sandbox: enforce: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("sandbox: enforce: moto answers %s", resp.Status)
	}
	g.enforced.Store(on)
	return nil
}

// permit asks, when IAM is on, what moto's own check doesn't cover: the trust
// policy of a role, and the rights to what the overlay answers.
func (g *gateway) permit(q *request) (answer, bool) {
	if !g.enforced.Load() || q.principal.Root || q.key == "" {
		return answer{}, true
	}
	if q.service == "sts" && q.operation == "AssumeRole" {
		if err := g.trusts(q); err != nil {
			return refusal(q, err.Error()), false
		}
	}
	if !overlaid(q) {
		return answer{}, true
	}
	action := q.service + ":" + q.operation
	if strings.HasSuffix(action, "FindingsV2") { // these have no action of their own
		action = strings.TrimSuffix(action, "V2")
	}
	var verdict struct {
		Allowed bool   `json:"allowed"`
		Who     string `json:"who"`
	}
	err := g.ask(q.Context(), "allowed", map[string]string{
		"account": q.account, "partition": asr.Partition(q.region), "key": q.key,
		"token": q.Header.Get("X-Amz-Security-Token"), "action": action,
	}, &verdict)
	if err != nil {
		return refusal(q, err.Error()), false
	}
	if !verdict.Allowed {
		return refusal(q, "User: "+verdict.Who+" is not authorized to perform: "+action), false
	}
	return answer{}, true
}

// refusal is IAM's no in the words of each protocol.
func refusal(q *request, message string) answer {
	switch q.protocol {
	case jsonRPC, cborRPC:
		return failure(q.protocol, http.StatusBadRequest, "AccessDeniedException", message)
	case restJSON:
		return failure(q.protocol, http.StatusForbidden, "AccessDeniedException", message)
	case ec2Query:
		return failure(q.protocol, http.StatusForbidden, "UnauthorizedOperation", message)
	}
	return failure(q.protocol, http.StatusForbidden, "AccessDenied", message)
}

// reshape gives moto's refusals, always XML, the shape of the call's protocol.
func reshape(q *request, a answer) answer {
	if a.status != http.StatusForbidden || q.protocol == s3XML || q.protocol == restXML || len(a.body) == 0 {
		return a
	}
	code, message := element(a.body, "Code"), element(a.body, "Message")
	switch code {
	case "AccessDenied", "UnauthorizedOperation":
		r := refusal(q, message)
		r.overlay = false
		return r
	case "SignatureDoesNotMatch", "AuthFailure", "InvalidClientTokenId":
		r := failure(q.protocol, a.status, code, message)
		r.overlay = false
		return r
	}
	return a
}
