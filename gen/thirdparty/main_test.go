package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const mit = `Copyright (c) 2020 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy of this software, to deal in the Software without restriction.
The above copyright notice and this permission notice shall be included in all copies.
THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND.`

const bsd = `Redistribution and use in source and binary forms, with or without modification, are permitted:
   * Redistributions in binary form must reproduce the above
copyright notice. Neither the name of Google LLC nor the names of its
contributors may be used to endorse or promote products. THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS "AS IS"`

func TestALicenceIsToldByItsTextOrRefused(t *testing.T) {
	t.Parallel()
	apache, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{mit: "MIT", bsd: "BSD-3-Clause", string(apache): "Apache-2.0", mit + "\n\n" + string(apache): "Apache-2.0 AND MIT"} {
		if got, err := identify(text); got != want {
			t.Errorf("%.40q is %q, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "All rights reserved.", mit + "\nor under the GNU Lesser General Public License", "Mozilla Public License Version 2.0", strings.Replace(mit, "is hereby granted", "is not granted", 1)} {
		if got, err := identify(text); err == nil {
			t.Errorf("%.60q is taken as %s", text, got)
		}
	}
}

func TestAModuleWithoutALicenceIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := find(t.TempDir()); err == nil {
		t.Error("it is taken")
	}
}

func TestAnSBOMNamesWhatTheBinaryIsMadeOf(t *testing.T) {
	t.Parallel()
	all := []*module{{Path: "example.com/a", Version: "v1.0.0", licence: licence{id: "MIT"}, in: []string{"asr"}}, {Path: "example.com/b", Version: "v2.0.0", licence: licence{id: "Apache-2.0 AND MIT"}, in: []string{"asr-lambda"}}}
	folder := t.TempDir()
	if err := writeSBOMs(all, folder, "v9"); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(folder, "asr.cdx.json"))
	var d bom
	if err != nil || json.Unmarshal(raw, &d) != nil {
		t.Fatal(string(raw), err)
	}
	if len(d.Components) != 2 || d.Components[1].Purl != "pkg:golang/example.com/a@v1.0.0" || d.Components[1].Licences[0].Licence.ID != "MIT" || d.Metadata.Component.Version != "v9" || len(d.Dependencies[0].On) != 2 {
		t.Errorf("got %s", raw)
	}
	if raw, err = os.ReadFile(filepath.Join(folder, "asr-lambda.cdx.json")); err != nil || !strings.Contains(string(raw), `"expression": "Apache-2.0 AND MIT"`) {
		t.Errorf("got %s, %v", raw, err)
	}
}
