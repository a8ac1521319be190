package startup

import (
	"os"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func now() uint64 {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func TestTheNextCollectionBringsBackTheUsual(t *testing.T) {
	if set := os.Getenv("GOGC"); set != "" {
		t.Fatalf("unset GOGC, which is %s: package startup leaves it alone", set)
	}
	runtime.GC()
	for end := time.Now().Add(10 * time.Second); now() != 100; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after a collection: %d %%", now())
		}
	}
}
