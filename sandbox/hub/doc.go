// Package hub is an AWS Security Hub for the sandbox: the operations that asr
// and its tests use, over findings in memory. It follows what AWS documents,
// not what AWS was seen doing; answers of it are self-emulated.
//
// It may not know HTTP signatures, rights or moto: the gateway tells it who
// calls, and hands it the body. Nothing leaves the process.
package hub
