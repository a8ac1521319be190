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

	"example.com/asr/deployed"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("deploy", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("out", "../templates", "the folder that the templates are written to")
	packed := flags.String("packed", "", "the folder that they are also written to as the asr binary embeds them; empty: nowhere")
	docs := flags.String("docs", "", "the folder that the page with the picture is written to; empty: nowhere")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	files, page, err := Synthesize()
	if err == nil {
		err = write(*out, files)
	}
	if err == nil && *docs != "" {
		err = write(*docs, []File{page})
	}
	if err == nil && *packed != "" {
		err = pack(*packed, files)
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

// pack writes the templates compressed. One whose text is the same stays as it
// is, whatever compressor packed it.
func pack(dir string, files []File) error {
	var changed []File
	for _, f := range files {
		if now, err := deployed.Template(f.Name); err == nil && string(now) == string(f.Text) {
			continue
		}
		raw, err := deployed.Pack(f.Text)
		if err != nil {
			return err
		}
		changed = append(changed, File{f.Name + ".gz", raw})
	}
	return write(dir, changed)
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
