// Command thirdparty says of what others wrote the binaries are made, and under
// which licences:
//
//	go run ./gen/thirdparty             docs/licences.md and generated/third-party-licences.txt
//	go run ./gen/thirdparty -check      fails if those aren't as they should be
//	go run ./gen/thirdparty -sbom bin   bin/asr.cdx.json and bin/asr-lambda.cdx.json (CycloneDX 1.6)
//
// It runs from the module's root. A licence that it doesn't know, or that isn't
// allowed, is an error.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// binary is one that is delivered, on the platforms that it is for.
type binary struct {
	name, path, tags string
	platforms        []string // GOOS/GOARCH
}

var binaries = []binary{
	{"asr", "./cmd/asr", "", []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64"}},
	{"asr-lambda", "./cmd/asr-lambda", "lambda.norpc", []string{"linux/arm64"}},
}

// module is what somebody else wrote.
type module struct {
	Path, Version, Dir string
	licence            licence
	in                 []string // names of binaries
}

func main() {
	check := flag.Bool("check", false, "compare, and write nothing")
	sbom := flag.String("sbom", "", "write SBOMs into this folder instead")
	version := flag.String("version", "dev", "of asr, for the SBOMs")
	flag.Parse()
	if err := run(*check, *sbom, *version); err != nil {
		fmt.Fprintln(os.Stderr, "thirdparty:", err)
		os.Exit(1)
	}
}

func run(check bool, sbom, version string) error {
	all, err := modules()
	if err != nil {
		return err
	}
	if sbom != "" {
		return writeSBOMs(all, sbom, version)
	}
	var other []string
	for file, text := range map[string][]byte{"docs/licences.md": page(all), "generated/third-party-licences.txt": texts(all)} {
		if !check {
			err = errors.Join(err, os.WriteFile(file, text, 0o644))
		} else if is, rerr := os.ReadFile(file); rerr != nil || !bytes.Equal(is, text) {
			other = append(other, file)
		}
	}
	if len(other) > 0 {
		slices.Sort(other)
		return fmt.Errorf("not as they should be: %s; run make generate and commit what it writes", strings.Join(other, ", "))
	}
	return err
}

// modules lists what the binaries are made of, by path.
func modules() ([]*module, error) {
	known := map[string]*module{}
	for _, b := range binaries {
		for _, platform := range b.platforms {
			some, err := listed(b, platform)
			if err != nil {
				return nil, err
			}
			for _, m := range some {
				if known[m.Path] == nil {
					known[m.Path] = m
				}
				if k := known[m.Path]; !slices.Contains(k.in, b.name) {
					k.in = append(k.in, b.name)
				}
			}
		}
	}
	var all []*module
	var errs []error
	for _, path := range slices.Sorted(maps.Keys(known)) {
		m := known[path]
		var err error
		if m.licence, err = find(m.Dir); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.Path, err))
		}
		all = append(all, m)
	}
	return all, errors.Join(errs...)
}

// listed asks Go for the modules of the packages that a binary links.
func listed(b binary, platform string) (all []*module, err error) {
	goos, goarch, _ := strings.Cut(platform, "/")
	cmd := exec.Command("go", "list", "-deps", "-tags", b.tags, "-json=Module", b.path)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s for %s: %w", b.path, platform, err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p struct {
			Module *struct {
				module
				Main    bool
				Replace *module
			}
		}
		if err := d.Decode(&p); err != nil {
			return nil, err
		}
		if p.Module == nil || p.Module.Main {
			continue
		}
		if p.Module.Replace != nil {
			return nil, fmt.Errorf("%s is replaced: say whose licence it has", p.Module.Path)
		}
		m := p.Module.module
		all = append(all, &m)
	}
	return all, nil
}

// page lists licences for people.
func page(all []*module) []byte {
	var b bytes.Buffer
	b.WriteString("# Licences\n\nWhat others wrote and is part of asr's binaries, with its licence. Generated from what is linked; `make generated`\nfails on a licence that is unknown or not allowed. The [texts](../generated/third-party-licences.txt) are delivered with\nthe binaries; `make sbom` writes the same as CycloneDX. asr itself is under [Apache 2.0](../LICENSE).\n\n")
	b.WriteString("The Go standard library and runtime, BSD-3-Clause, are part of every binary.\n\n| Module | Version | Licence | In |\n|---|---|---|---|\n")
	for _, m := range all {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Path, m.Version, m.licence.id, strings.Join(m.in, ", "))
	}
	return b.Bytes()
}

// texts are the licences and notices themselves, each once.
func texts(all []*module) []byte {
	var b bytes.Buffer
	var order []string
	whose := map[string][]string{}
	for _, m := range all {
		for _, text := range m.licence.texts {
			if whose[text] == nil {
				order = append(order, text)
			}
			whose[text] = append(whose[text], m.Path+" "+m.Version)
		}
	}
	for _, text := range order {
		fmt.Fprintf(&b, "%s\n%s\n\n%s\n\n", strings.Repeat("=", 80), strings.Join(whose[text], "\n"), strings.TrimSpace(text))
	}
	return b.Bytes()
}
