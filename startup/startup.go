// Package startup has a program start with less garbage collection. Some 14 MB
// that AWS's clients and our own tables set up before main begins are there to
// stay, and to look through them again and again took a fifth of a start.
//
// Import it for its effect, in package main. Go initializes packages in the
// order of their import paths, as far as their own imports allow: this one comes
// after a part of what it is for, and before the most.
package startup

import (
	"os"
	"runtime"
	"runtime/debug"
)

// Until the next collection, which comes with 32 MB at the least: 4 MB for each
// 100 %.
const percent = 800

func init() { //nolint:gochecknoinits // main would be too late
	if os.Getenv("GOGC") != "" { // somebody knows better
		return
	}
	usual := debug.SetGCPercent(percent)
	runtime.AddCleanup(new([16]byte), func(usual int) { debug.SetGCPercent(usual) }, usual)
}
