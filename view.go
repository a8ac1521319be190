package asr

import (
	"slices"
	"strings"
)

// View is the accounts that somebody may know of and act in: patterns of their
// ids, in which * stands for any characters. The zero View has none.
type View []string

// UnseenError says that a View lacks accounts of somebody's: those of
// organizational units, while nobody can tell which they are.
type UnseenError struct{ Err error }

func (e *UnseenError) Error() string {
	return "which accounts the units have can't be told: " + e.Err.Error()
}

// Unwrap returns why they can't be told.
func (e *UnseenError) Unwrap() error { return e.Err }

// All reports whether v has all accounts, also those that nobody knows yet.
func (v View) All() bool {
	return slices.ContainsFunc(v, func(p string) bool { return p != "" && strings.Trim(p, "*") == "" })
}

// Sees reports whether v has an account.
func (v View) Sees(account string) bool {
	return slices.ContainsFunc(v, func(p string) bool { return Glob(p, account) })
}

// Only is the one account that v has; "" if it may have others.
func (v View) Only() string {
	if len(v) != 1 || strings.Contains(v[0], "*") {
		return ""
	}
	return v[0]
}
