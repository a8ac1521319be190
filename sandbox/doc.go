// Package sandbox starts an AWS that lives on this machine: moto, the emulator,
// as a process of its own, behind a gateway that says who calls what. The
// gateway keeps a journal of calls, injects faults, answers what moto lacks
// (above all Security Hub) and makes a missing operation an error that nobody
// overlooks.
//
// It may listen on and dial loopback addresses only, and start no process but
// moto's. Answers that the gateway gives itself are marked Overlay in the
// journal: they show what we believe of AWS, not what an independent emulator
// does.
package sandbox
