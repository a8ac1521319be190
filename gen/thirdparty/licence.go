package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licence is what a module is under.
type licence struct {
	id    string   // SPDX's
	texts []string // of the licence, and of a notice that must go with it
}

// allowed are licences that ask for no more than to be named.
// https://spdx.org/licenses/
var allowed = []string{"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT-0", "blessing"}

// marks are the sentences that make a text one licence and no other, in order of
// trial. All but copyright lines of such a text is the same everywhere.
var marks = []struct {
	id   string
	all  []string
	none []string
}{
	{id: "Apache-2.0", all: []string{"apache license version 2.0, january 2004", "4. redistribution.", "9. accepting warranty or additional liability."}},
	{id: "BSD-3-Clause", all: []string{"redistribution and use in source and binary forms", "redistributions in binary form must reproduce the above copyright", "nor the names of its contributors may be used"}},
	{id: "BSD-3-Clause", all: []string{"redistribution and use in source and binary forms", "redistributions in binary form must reproduce the above copyright", "neither the names of the authors nor the names of the contributors may be used"}},
	{id: "BSD-3-Clause", all: []string{"redistribution and use in source and binary forms", "redistributions in binary form must reproduce the above copyright", "neither the name of", "may be used to endorse or promote products"}},
	{id: "BSD-2-Clause", all: []string{"redistribution and use in source and binary forms", "redistributions in binary form must reproduce the above copyright", "this software is provided by the copyright holders"}, none: []string{"neither the name", "advertising materials"}},
	{id: "MIT", all: []string{"permission is hereby granted, free of charge, to any person obtaining a copy", "the above copyright notice and this permission notice shall be included", "the software is provided \"as is\", without warranty"}, none: []string{"gpl"}},
	{id: "MIT-0", all: []string{"mit no attribution", "permission is hereby granted, free of charge, to any person obtaining a copy", "the software is provided \"as is\", without warranty"}},
	{id: "blessing", all: []string{"all of the code and documentation in sqlite has been dedicated to the public domain"}}, // SQLite's
	{id: "ISC", all: []string{"permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted"}},
}

// copyleft is looked for in every text, whatever else it is.
var copyleft = regexp.MustCompile(`(?i)\b(A?L?GPL|GNU (Lesser |Affero |Library )?General Public License|Mozilla Public License|Eclipse Public License|Server Side Public License|Business Source License|Commons Clause)\b`)

var licenceFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|notice)([.-].*)?$`)

// notice is the name of a file that goes with a licence and is none. Lists of
// third parties name modules that aren't linked, too; those that are, are listed
// by themselves.
var notice = regexp.MustCompile(`(?i)^notice|3rd-party|-summary$|-logo$`)

// find reads the licence of a module from its folder.
func find(dir string) (l licence, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return l, err
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return l, err
		}
		l.texts = append(l.texts, string(raw))
		if notice.MatchString(e.Name()) {
			continue
		}
		id, err := identify(string(raw))
		if err != nil {
			return l, fmt.Errorf("%s: %w", e.Name(), err)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) == 0 {
		return l, errors.New("it has no licence")
	}
	l.id = strings.Join(ids, " AND ")
	return l, nil
}

var blanks = regexp.MustCompile(`[\s/#*]+`)

// identify tells a licence by its text.
func identify(text string) (string, error) {
	if found := copyleft.FindString(text); found != "" {
		return "", fmt.Errorf("it names the %s, which isn't allowed", found)
	}
	flat := strings.ToLower(blanks.ReplaceAllString(strings.NewReplacer("“", `"`, "”", `"`, "``", `"`, "''", `"`).Replace(text), " "))
	var ids []string
	for _, m := range marks {
		all := !slices.ContainsFunc(m.all, func(s string) bool { return !strings.Contains(flat, blanks.ReplaceAllString(s, " ")) })
		if all && !slices.ContainsFunc(m.none, func(s string) bool { return strings.Contains(flat, s) }) && !slices.Contains(ids, m.id) {
			ids = append(ids, m.id)
		}
	}
	if len(ids) == 0 {
		return "", errors.New("its licence isn't known: read it, and see gen/thirdparty/licence.go")
	}
	for _, id := range ids {
		if !slices.Contains(allowed, id) {
			return "", fmt.Errorf("%s isn't allowed", id)
		}
	}
	return strings.Join(ids, " AND "), nil
}
