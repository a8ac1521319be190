package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// A CycloneDX 1.6 document, as far as it is used.
// https://cyclonedx.org/docs/1.6/json/
type (
	bom struct {
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Component component `json:"component"`
	}
	component struct {
		Type     string   `json:"type"`
		Ref      string   `json:"bom-ref"`
		Name     string   `json:"name"`
		Version  string   `json:"version"`
		Purl     string   `json:"purl,omitempty"`
		Licences []choice `json:"licenses"`
	}
	choice struct {
		Licence    *spdx  `json:"license,omitempty"`
		Expression string `json:"expression,omitempty"`
	}
	spdx struct {
		ID string `json:"id"`
	}
	dependency struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn,omitempty"`
	}
)

// writeSBOMs writes one for each binary. The same sources give the same bytes:
// there is no time and no random number in it.
func writeSBOMs(all []*module, folder, version string) (err error) {
	for _, b := range binaries {
		var doc bytes.Buffer
		e := json.NewEncoder(&doc)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = errors.Join(err, e.Encode(bomOf(b, all, version)), os.WriteFile(filepath.Join(folder, b.name+".cdx.json"), doc.Bytes(), 0o644))
	}
	return err
}

func bomOf(b binary, all []*module, version string) bom {
	ref := "asr/" + b.name
	d := bom{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata:   metadata{component{Type: "application", Ref: ref, Name: b.name, Version: version, Licences: licensed("Apache-2.0")}},
		Components: []component{{Type: "library", Ref: "std", Name: "Go standard library", Version: runtime.Version(), Purl: "pkg:golang/std@" + strings.TrimPrefix(runtime.Version(), "go"), Licences: licensed("BSD-3-Clause")}},
	}
	direct := dependency{Ref: ref, On: []string{"std"}}
	for _, m := range all {
		if !slices.Contains(m.in, b.name) {
			continue
		}
		purl := "pkg:golang/" + m.Path + "@" + m.Version
		d.Components = append(d.Components, component{Type: "library", Ref: purl, Name: m.Path, Version: m.Version, Purl: purl, Licences: licensed(m.licence.id)})
		direct.On = append(direct.On, purl)
	}
	d.Dependencies = []dependency{direct}
	return d
}

func licensed(id string) []choice {
	if strings.Contains(id, " ") {
		return []choice{{Expression: id}}
	}
	return []choice{{Licence: &spdx{id}}}
}
