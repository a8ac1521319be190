// Package protocol proves how claims, locks, leases, approvals, the kill switch
// and executions of workflows work together: its test lets the real engine take
// every order of side effects that there is, with processes that die between any
// two, and checks each state that it comes to.
package protocol
