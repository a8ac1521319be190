package securityhub

import (
	"encoding/json"
	"slices"
	"strings"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

// finding is what Security Hub knows a finding by.
type finding struct{ id, product string }

// telling is a report on its way, and what became of it.
type telling struct {
	asr.Report
	product string // its ARN as the first API has it
	err     error

	// Of the first API, after a look at the finding.
	workflow *types.WorkflowUpdate
	note     *types.NoteUpdate
	fields   map[string]string
}

func (t *telling) finding() finding { return finding{t.Finding, t.product} }

// becomes says what is to be changed of the finding that was seen.
func (t *telling) becomes(now Seen) {
	suppressed := now.Workflow.Status == types.WorkflowStatusSuppressed
	if t.Workflow != "" && !suppressed {
		t.workflow = &types.WorkflowUpdate{Status: types.WorkflowStatus(t.Workflow)}
	}
	if note := strings.TrimSpace(t.Note); note != "" {
		t.note = &types.NoteUpdate{Text: aws.String(clip(note, maxNote)), UpdatedBy: aws.String(asr.NoteAuthor)}
	}
	t.fields = fields(now.UserDefinedFields, t.Report)
}

// update is what is to be changed as text, "" if that is nothing.
func (t *telling) update() string {
	if t.err != nil || t.workflow == nil && t.note == nil && t.fields == nil {
		return ""
	}
	raw, _ := json.Marshal([]any{t.workflow, t.note, t.fields}) // texts
	return string(raw)
}

// rounds are reports such that no finding is in a round twice, its first one in
// the first. Those that nobody is told of are in none.
func rounds(all []*telling) (rounds [][]*telling) {
	before := map[finding]int{}
	for _, t := range all {
		if !strings.HasPrefix(t.Product, "arn:") || t.Note == "" && t.Workflow == "" {
			continue
		}
		n := before[t.finding()]
		before[t.finding()]++
		if n == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[n] = append(rounds[n], t)
	}
	return rounds
}

// groups are those with the same key, in the order of their first ones. Those
// without a key are in none.
func groups(all []*telling, key func(*telling) string) (groups [][]*telling) {
	place := map[string]int{}
	for _, t := range all {
		k := key(t)
		if k == "" {
			continue
		}
		i, ok := place[k]
		if !ok {
			i, place[k] = len(groups), len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], t)
	}
	return groups
}

// atOnce makes one call for several reports. One that AWS refuses for what it
// says is made for each by itself, so that one odd report costs no other.
func atOnce(some []*telling, call func([]*telling) error) {
	err := call(some)
	for i, t := range some {
		switch {
		case err == nil:
		case invalid(err) && len(some) > 1:
			atOnce(some[i:i+1], call)
		default:
			t.err = err
		}
	}
}

// unprocessed is the error of the finding that it is said of; of all, if it
// isn't said of which.
func unprocessed(some []*telling, of finding, err error) {
	known := slices.ContainsFunc(some, func(t *telling) bool { return t.finding() == of })
	for _, t := range some {
		if !known || t.finding() == of {
			t.err = err
		}
	}
}

func distinct(values []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool {
		known := seen[v]
		seen[v] = true
		return known
	})
}
