package securityhub

import (
	"os"
	"testing"
	"time"
)

// BenchmarkDecode takes one event with one finding; MB/s is the figure to look at.
func BenchmarkDecode(b *testing.B) {
	body, err := os.ReadFile("testdata/imported_consolidated.json")
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if obs, bad := Decode("bench", at, body); len(obs) != 1 || len(bad) != 0 {
			b.Fatal(len(obs), bad)
		}
	}
}
