// Package catalog lists the remediations: one folder per AWS service, one file
// and its test per remediation. It holds no other code.
package catalog

//go:generate go run example.com/asr/gen list
