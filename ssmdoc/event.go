package ssmdoc

import (
	"encoding/json"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// envelope is what EventBridge says of every event. AWS sets the account.
type envelope struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Account    string          `json:"account"`
	Detail     json.RawMessage `json:"detail"`
}

// starter is who started an execution through a session of asr's: the session
// has the run's id as its name.
var starter = regexp.MustCompile(`^arn:aws[a-z-]*:sts::([0-9]{12}):assumed-role/[\w+=,.@-]+/(r-[a-z0-9]{1,62})$`)

// Event takes the run out of an event that tells of an automation execution
// that ended, and the account out of the event's envelope. ok is false for
// executions that run, and for those that no run started.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
func Event(raw []byte) (run, account string, ok bool) {
	var e envelope
	var d struct {
		Status     types.AutomationExecutionStatus
		ExecutedBy string
	}
	if json.Unmarshal(raw, &e) != nil || e.Source != "aws.ssm" || e.DetailType != "EC2 Automation Execution Status-change Notification" || json.Unmarshal(e.Detail, &d) != nil {
		return "", "", false
	}
	by := starter.FindStringSubmatch(d.ExecutedBy)
	if by == nil || by[1] != e.Account || phaseOf(d.Status, true) == running {
		return "", "", false
	}
	return by[2], e.Account, true
}
