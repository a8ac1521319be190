package dynamo

import (
	"example.com/asr"
	"example.com/asr/dynamo/schema"
)

// pattern is one way to find runs or findings: an index, and in how many
// partitions of it one value is spread.
type pattern struct {
	by     string
	index  schema.Index // the zero Index: the table itself
	spread int
}

// The access patterns of runs, besides by id, by claim (LastRun) and by when
// they are due: eight together. By time is by each state, merged.
var (
	runsByFinding  = pattern{by: "finding"}
	runsByResource = pattern{by: "resource", index: schema.ByResource}
	runsByAccount  = pattern{by: "account", index: schema.ByAccount}
	runsByControl  = pattern{by: "control", index: schema.ByControl}
	runsByState    = pattern{by: "state", index: schema.ByStatus, spread: runShards}
)

// The access patterns of findings, besides by id: six together with counting
// them. By time is by each outcome, merged.
var (
	findingsByResource = pattern{by: "resource", index: schema.ByResource}
	findingsByAccount  = pattern{by: "account", index: schema.ByAccount, spread: spreadShards}
	findingsByControl  = pattern{by: "control", index: schema.ByControl, spread: spreadShards}
	findingsByOutcome  = pattern{by: "outcome", index: schema.ByStatus, spread: findingShards}
)

// The values of indexes' hashes, without the shard.
func runsOf(value string) string     { return "run/" + bounded(value) }
func findingsOf(value string) string { return "finding/" + bounded(value) }
func statusOf(s asr.State) string    { return "run/" + string(s) }
func outcomeOf(o asr.Outcome) string { return "finding/" + string(o) }

// sources are the partitions that hold the values.
func (p pattern) sources(values []string) (all []source) {
	for _, v := range values {
		if p.index.Name == "" {
			all = append(all, partition(v, false))
			continue
		}
		partitions := []string{v}
		if p.spread > 0 {
			partitions = shards(v, p.spread)
		}
		for _, hash := range partitions {
			all = append(all, source{index: p.index.Name, hash: p.index.Hash, rang: p.index.Range, value: hash})
		}
	}
	return all
}

// runPattern is the most selective pattern that a query allows; what else it
// asks for is checked run by run. Few runs are open at a time.
func runPattern(q asr.RunQuery) pattern {
	switch {
	case q.Finding != "":
		return runsByFinding
	case q.Resource != "":
		return runsByResource
	case len(q.States) > 0 && allOpen(q.States):
		return runsByState
	case q.Account != "":
		return runsByAccount
	case q.Control != "":
		return runsByControl
	}
	return runsByState
}

func allOpen(states []asr.State) bool {
	for _, s := range states {
		if !s.Open() {
			return false
		}
	}
	return true
}

func runValues(p pattern, q asr.RunQuery) []string {
	switch p {
	case runsByFinding:
		return []string{followersOf(q.Finding)}
	case runsByResource:
		return []string{runsOf(q.Resource)}
	case runsByAccount:
		return []string{runsOf(q.Account)}
	case runsByControl:
		return []string{runsOf(q.Control)}
	}
	states := q.States
	if len(states) == 0 {
		states = asr.States
	}
	return distinct(states, statusOf)
}

// findingPattern is the most selective pattern that a query allows. Few findings
// are being worked on at a time.
func findingPattern(q asr.FindingQuery) pattern {
	switch {
	case q.Resource != "":
		return findingsByResource
	case len(q.Outcomes) == 1 && q.Outcomes[0] == asr.OutcomeRunning:
		return findingsByOutcome
	case q.Account != "":
		return findingsByAccount
	case q.Control != "":
		return findingsByControl
	}
	return findingsByOutcome
}

func findingValues(p pattern, q asr.FindingQuery) []string {
	switch p {
	case findingsByResource:
		return []string{findingsOf(q.Resource)}
	case findingsByAccount:
		return []string{findingsOf(q.Account)}
	case findingsByControl:
		return []string{findingsOf(q.Control)}
	}
	outcomes := q.Outcomes
	if len(outcomes) == 0 {
		outcomes = asr.Outcomes
	}
	return distinct(outcomes, outcomeOf)
}

// distinct are the values of all, each once.
func distinct[T comparable, V any](all []T, value func(T) V) (values []V) {
	seen := map[T]bool{}
	for _, v := range all {
		if !seen[v] {
			seen[v], values = true, append(values, value(v))
		}
	}
	return values
}
