// Package cost computes what the deployment costs a month, line by line: from
// the templates' own resources, from the workflow's own definition, from a dated
// table of AWS's list prices, and from assumptions that it names. It opens no
// files, asks nobody and subtracts no free tier.
package cost
