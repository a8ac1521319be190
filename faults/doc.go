// Package faults proves what becomes of runs when AWS, the disk, the clock or
// another process is in trouble: the product's own parts on the emulator, with
// the faults put between them. It holds nothing but tests.
package faults
