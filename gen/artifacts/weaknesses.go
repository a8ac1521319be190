package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

//go:embed weaknesses.yaml
var known []byte

// section is a part of the list of weaknesses.
type section struct {
	Title, Intro string
	Weaknesses   []*weakness
}

// weakness is what was found to go wrong in solutions of this kind. Either tests
// show that it can't here, or it says why it can't exist (Moot), or what is
// missing until it can't (Open); the last also beside tests. Beside these it may
// say what AWS doesn't tell, so that nobody can know it (Untold).
type weakness struct {
	ID, What, Moot, Open, Untold string
	tests                        []proof
}

// proof is a test that covers a weakness.
type proof struct{ test, file string }

// claim is a test that says which weakness it covers.
type claim struct {
	proof
	id string
	at token.Position
}

// weaknesses writes the page of what can't go wrong here, and says how much of
// it still can.
func (o *output) weaknesses(file string) error {
	sections, err := parse(known)
	if err != nil {
		return err
	}
	claims, err := claims(os.DirFS("."))
	if err != nil {
		return err
	}
	if err := join(sections, claims); err != nil {
		return err
	}
	all, open := count(sections, func(*weakness) bool { return true }), count(sections, func(w *weakness) bool { return w.Open != "" })
	fmt.Printf("weaknesses: %d, of which %d are open\n", all, open)
	return o.write(file, page(sections))
}

func parse(text []byte) (sections []section, err error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&sections); err != nil {
		return nil, fmt.Errorf("weaknesses.yaml: %w", err)
	}
	return sections, nil
}

// claims are the lines "// covers: W1, O2" above the tests of a tree of Go files.
func claims(tree fs.FS) (all []claim, err error) {
	err = fs.WalkDir(tree, ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, "_test.go"):
			return nil
		}
		src, err := fs.ReadFile(tree, file)
		if err != nil {
			return err
		}
		more, err := claimsOf(file, src)
		all = append(all, more...)
		return err
	})
	return all, err
}

const covers = "// covers:"

func claimsOf(file string, src []byte) (all []claim, err error) {
	if !bytes.Contains(src, []byte(covers)) {
		return nil, nil
	}
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, file, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	tests := map[*ast.CommentGroup]string{}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Doc != nil && fn.Recv == nil && (strings.HasPrefix(fn.Name.Name, "Test") || strings.HasPrefix(fn.Name.Name, "Fuzz")) {
			tests[fn.Doc] = fn.Name.Name
		}
	}
	for _, group := range f.Comments {
		for _, c := range group.List {
			ids, ok := strings.CutPrefix(c.Text, covers)
			if !ok {
				continue
			}
			at := files.Position(c.Pos())
			if tests[group] == "" {
				return nil, fmt.Errorf("%s: %q doesn't stand above a test", at, c.Text)
			}
			for id := range strings.SplitSeq(ids, ",") {
				all = append(all, claim{proof{tests[group], file}, strings.TrimSpace(id), at})
			}
		}
	}
	return all, nil
}

// join gives each weakness its tests, and tells of all that doesn't fit.
func join(sections []section, claims []claim) error {
	byID := map[string]*weakness{}
	var errs []error
	for _, s := range sections {
		for _, w := range s.Weaknesses {
			if byID[w.ID] != nil {
				errs = append(errs, fmt.Errorf("weaknesses.yaml: %s is there twice", w.ID))
			}
			byID[w.ID] = w
		}
	}
	for _, c := range claims {
		if w := byID[c.id]; w != nil {
			w.tests = append(w.tests, c.proof)
			continue
		}
		errs = append(errs, fmt.Errorf("%s: %s covers %s, which weaknesses.yaml doesn't know", c.at, c.test, c.id))
	}
	for _, s := range sections {
		for _, w := range s.Weaknesses {
			switch {
			case w.ID == "" || w.What == "":
				errs = append(errs, fmt.Errorf("weaknesses.yaml: %q says not what goes wrong", w.ID))
			case w.Moot == "" && w.Open == "" && len(w.tests) == 0:
				errs = append(errs, fmt.Errorf("%s (%s) has no test: write \"%s %s\" above one, or in weaknesses.yaml why it can't exist (moot) or what is missing (open)", w.ID, w.What, covers, w.ID))
			case w.Moot != "" && (w.Open != "" || len(w.tests) > 0):
				errs = append(errs, fmt.Errorf("weaknesses.yaml: %s is moot, and has tests or is open: one or the other", w.ID))
			}
		}
	}
	return errors.Join(errs...)
}

func count(sections []section, which func(*weakness) bool) (n int) {
	for _, s := range sections {
		for _, w := range s.Weaknesses {
			if which(w) {
				n++
			}
		}
	}
	return n
}

func page(sections []section) []byte {
	var b bytes.Buffer
	shown := count(sections, func(w *weakness) bool { return len(w.tests) > 0 && w.Open == "" })
	moot := count(sections, func(w *weakness) bool { return w.Moot != "" })
	open := count(sections, func(w *weakness) bool { return w.Open != "" })
	fmt.Fprintf(&b, "%s# Weaknesses\n\nWhat goes wrong in solutions that fix findings, as a reading of an existing one found it, and why it can't here. Tests\nsay of which weakness they are the proof (`%s W1`); a weakness without a test or a reason fails `make test`.\n\n", html, covers)
	partly := ""
	if n := count(sections, func(w *weakness) bool { return w.Untold != "" }); n > 0 {
		partly = fmt.Sprintf(" (%d as far as AWS tells)", n)
	}
	fmt.Fprintf(&b, "%d are shown not to happen%s, %d can't exist here, **%d are open**.\n", shown, partly, moot, open)
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| | What goes wrong | Why not here |\n|---|---|---|\n", s.Title, strings.TrimSpace(s.Intro))
		for _, w := range s.Weaknesses {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", w.ID, line(w.What), strings.Join(w.reasons(), "<br>"))
		}
	}
	return b.Bytes()
}

// reasons are why a weakness doesn't hurt, as far as it doesn't.
func (w *weakness) reasons() (all []string) {
	slices.SortFunc(w.tests, func(a, b proof) int { return cmp.Or(strings.Compare(a.file, b.file), strings.Compare(a.test, b.test)) })
	for _, p := range w.tests {
		where := path.Dir(p.file)
		if where == "." {
			where = "asr"
		}
		all = append(all, fmt.Sprintf("%s: [%s](../../%s)", where, sentence(p.test), p.file))
	}
	if w.Moot != "" {
		all = append(all, "can't exist: "+line(w.Moot))
	}
	if w.Untold != "" {
		all = append(all, "AWS doesn't tell: "+line(w.Untold))
	}
	if w.Open != "" {
		all = append(all, "**open**: "+line(w.Open))
	}
	return all
}

func line(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", `\|`)
}

// sentence is what a test's name says: "TestAnASFFEventIsTaken", "An ASFF event
// is taken".
func sentence(test string) string {
	name := []rune(strings.TrimPrefix(strings.TrimPrefix(test, "Test"), "Fuzz"))
	var words []string
	for from := 0; from < len(name); {
		to := from + 1
		for to < len(name) && !begins(name, to) {
			to++
		}
		word, capitals := string(name[from:to]), 0
		for _, c := range word {
			if unicode.IsUpper(c) {
				capitals++
			}
		}
		if from > 0 && capitals == 1 && (word == "A" || unicode.IsLower(name[to-1])) {
			word = strings.ToLower(word)
		}
		words = append(words, word)
		from = to
	}
	return strings.Join(words, " ")
}

// begins reports whether a word of a name begins at i.
func begins(name []rune, i int) bool {
	is, was := name[i], name[i-1]
	switch {
	case unicode.IsDigit(is):
		return unicode.IsLower(was)
	case !unicode.IsUpper(is):
		return false
	case !unicode.IsUpper(was):
		return true
	}
	next := string(name[i+1:])
	lower := next != "" && unicode.IsLower(rune(next[0]))
	plural := strings.HasPrefix(next, "s") && is != 'I' && is != 'A' && (len(next) == 1 || unicode.IsUpper(rune(next[1])))
	return lower && !plural // IDs are one word
}
