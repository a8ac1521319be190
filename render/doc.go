// Package render writes what follows from a remediation's Spec: pages, the
// member role's policies, session policies, Systems Manager documents, JSON
// schemas, the coverage table. It reads nothing, asks nobody and decides nothing.
package render
