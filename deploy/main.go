// Command deploy writes asr's CloudFormation templates: go run . -out DIR.
// It is a CDK app in a module of its own, because the CDK needs Node and is
// large; who deploys asr needs neither, only the templates that it writes.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("deploy", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("out", "../templates", "the folder that the templates are written to")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	files, err := Synthesize()
	if err == nil {
		err = write(*out, files)
	}
	if err != nil {
		fmt.Fprintln(stderr, "deploy:", err)
		return 1
	}
	for _, f := range files {
		fmt.Fprintf(stdout, "%s: %d bytes\n", filepath.Join(*out, f.Name), len(f.Text))
	}
	return 0
}

func write(dir string, files []File) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
