// Package deployed has the CloudFormation templates that the CDK app in deploy/
// writes, and narrows the member role's to chosen remediations. How a template
// is written down stands here too, because both need it. It calls nothing.
package deployed
