// Package securityhub takes findings in and reports status out.
//
// In: Decode and Read take AWS Security Finding Format (ASFF) and Open
// Cybersecurity Schema Framework (OCSF) findings out of events, API answers and
// files; API pulls them from Security Hub itself. Out: Reporter writes notes and
// workflow statuses back, by the first and the second Security Hub API.
//
// The package decides nothing about a finding, stores nothing, logs nothing, and
// calls no AWS service but Security Hub. It never panics and never takes more
// than linear time, whatever the input: findings are written by others.
package securityhub

import (
	"time"
)

// What Decode and Read refuse to take in. What is refused is Rejected, never lost.
const (
	MaxFinding  = 1 << 20 // bytes of one finding; Security Hub's own limit is 240 KB
	MaxDocument = 4 << 20 // bytes of one event, of which a Lambda SQS event may hold many
	MaxDepth    = 100     // levels of objects and lists
)

const (
	maxName = 2048           // characters of an identifier
	maxBody = 4096           // bytes of a Rejected's body
	early   = 24 * time.Hour // how far ahead of us a finding's clock may be
	skew    = time.Hour      // how far ahead of us a note's or an event's clock may be
)

// lag is how old an answer of GetFindings may be: BatchUpdateFindings "can take
// several minutes", so an event of the last minutes beats an answer.
// Source: Security Hub User Guide, "BatchUpdateFindings for customers".
const lag = 5 * time.Minute
