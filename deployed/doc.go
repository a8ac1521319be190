// Package deployed has the templates that the CDK app in deploy/ writes, and
// what is shared with that app: how they are written down.
package deployed
