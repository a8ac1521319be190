package lambda

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"time"

	"example.com/asr"
)

// Metrics writes CloudWatch metrics as lines of the log (embedded metric
// format): no call, and nothing that a run could wait for. The zero value
// writes nothing.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
type Metrics struct {
	To    io.Writer
	Clock asr.Clock // nil: the system's
	Saved float64   // minutes that somebody would need for one fix by hand
}

const namespace = "ASR"

// metric is a value with its unit, in the terms of CloudWatch.
type metric struct {
	unit  string
	value float64
}

// Ended counts a run that has ended: by outcome, by control and outcome, and by
// reason if it failed.
func (m Metrics) Ended(r asr.Run) {
	outcome := string(r.State)
	values := map[string]metric{"Runs": {"Count", 1}}
	m.write([][]string{{"Outcome"}, {"Control", "Outcome"}}, map[string]string{"Outcome": outcome, "Control": r.Control}, values)
	switch {
	case r.State == asr.StateVerified:
		m.write([][]string{{}}, nil, map[string]metric{"TimeToFix": {"Seconds", r.EndedAt.Sub(r.CreatedAt).Seconds()}, "TimeSaved": {"None", m.Saved}})
	case r.Error != nil && r.State != asr.StateNothingToDo && r.State != asr.StateReverted:
		m.write([][]string{{"Reason"}}, map[string]string{"Reason": string(r.Error.Code)}, map[string]metric{"Failures": {"Count", 1}})
	}
}

// KillSwitch tells whether the kill switch is on.
func (m Metrics) KillSwitch(on bool) {
	v := metric{"None", 0}
	if on {
		v.value = 1
	}
	m.write([][]string{{}}, nil, map[string]metric{"KillSwitch": v})
}

// Audited tells how many things in the audit log were tampered with.
func (m Metrics) Audited(problems int) {
	m.write([][]string{{}}, nil, map[string]metric{"AuditProblems": {"Count", float64(problems)}})
}

// SyncFailed counts a pull of findings that did not end well.
func (m Metrics) SyncFailed() {
	m.write([][]string{{}}, nil, map[string]metric{"SyncFailures": {"Count", 1}})
}

func (m Metrics) write(dimensions [][]string, of map[string]string, values map[string]metric) {
	if m.To == nil {
		return
	}
	now := time.Now
	if m.Clock != nil {
		now = m.Clock
	}
	type definition struct{ Name, Unit string }
	var names []definition
	line := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		names = append(names, definition{name, values[name].unit})
		line[name] = values[name].value
	}
	for name, value := range of {
		line[name] = value
	}
	line["_aws"] = map[string]any{
		"Timestamp":         now().UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{"Namespace": namespace, "Dimensions": dimensions, "Metrics": names}},
	}
	doc, _ := json.Marshal(line)         // texts and numbers
	_, _ = m.To.Write(append(doc, '\n')) // the log; there is nobody else to tell
}
