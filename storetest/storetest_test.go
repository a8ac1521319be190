package storetest

import (
	"testing"

	"example.com/asr"
	"example.com/asr/memory"
)

func TestTheMemoryStoreFulfilsTheContract(t *testing.T) {
	t.Parallel()
	Test(t, func(*testing.T) asr.Store { return memory.New() })
}
