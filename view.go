package asr

import (
	"slices"
	"strings"
)

// View is the accounts that somebody may know of and act in: patterns of their
// ids, in which * stands for any characters. The zero View has none.
type View []string

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
