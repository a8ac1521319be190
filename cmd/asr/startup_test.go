package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Package startup depends on the order in which Go initializes packages.
func TestMostIsSetUpAfterTheCollectorWasToldToWait(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	_, after, told := strings.Cut(string(out), "init example.com/asr/startup ")
	if err != nil || !told {
		t.Fatalf("%v: %s", err, out)
	}
	for _, path := range []string{"github.com/aws/aws-sdk-go-v2/service/ec2/internal/endpoints", "example.com/asr/catalog/cloudtrail", "example.com/asr/ssmdoc"} {
		if !strings.Contains(after, "init "+path+" ") {
			t.Errorf("%s is set up before", path)
		}
	}
}
