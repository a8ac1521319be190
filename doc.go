// Package asr is the domain: findings, remediations, plans, runs, and the
// engine that drives them. It imports the standard library only and knows
// nothing of AWS clients, SQL or HTTP; what it needs of them are the ports in
// ports.go.
//
// The way of a finding: Engine.Ingest decodes nothing and calls nobody; it
// merges the finding's two clocks, matches it to a remediation, asks the policy
// and claims a run. Engine.Step takes that run further, one durable step a
// call, until it is done.
package asr
