// Package sessions reaches accounts: it assumes the member role under a policy
// that allows what a remediation declares and nothing else, and watches over
// every call that is made with it: the declared actions, the kill switch, the
// journal.
//
// It may not decide what is done to a resource, widen a session that is too
// narrow, or log. A call that it can't place (an unknown operation, an unread
// kill switch, an unwritten journal) is not made.
package sessions
