package sandbox

import (
	_ "embed"
	"net/http"
	"net/url"
	"strings"
)

//go:generate sh -c "../.venv/bin/python operations.py > operations.txt"

//go:embed operations.txt
var restOperations string

// route is how one REST operation is asked for.
type route struct {
	method, path, header, name string
	query                      []string // keys, or key=value
}

// routes is the table of REST operations by service, by method.
type routes map[string]map[string][]route

// readRoutes reads operations.txt.
func readRoutes(table string) routes {
	all := routes{}
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		r := route{method: f[1], path: strings.Trim(f[2], "/"), name: f[5]}
		if f[3] != "-" {
			r.query = strings.Split(f[3], "&")
		}
		if f[4] != "-" {
			r.header = f[4]
		}
		if all[f[0]] == nil {
			all[f[0]] = map[string][]route{}
		}
		all[f[0]][r.method] = append(all[f[0]][r.method], r)
	}
	return all
}

// find names the operation that fits best, with the values in its path; "" if none fits.
func (rs routes) find(service string, r *http.Request) (name string, vars map[string]string) {
	query, best := r.URL.Query(), -1
	path := strings.Trim(r.URL.EscapedPath(), "/")
	for _, candidate := range rs[service][r.Method] {
		if !candidate.asked(query, r.Header) {
			continue
		}
		v, literals, ok := capture(candidate.path, path)
		score := 10*len(candidate.query) + 5*len(candidate.header) + 100*literals
		if ok && score > best {
			name, vars, best = candidate.name, v, score
		}
	}
	return name, vars
}

func (c route) asked(query url.Values, header http.Header) bool {
	for _, q := range c.query {
		key, value, valued := strings.Cut(q, "=")
		if !query.Has(key) || valued && query.Get(key) != value {
			return false
		}
	}
	return c.header == "" || header.Get(c.header) != ""
}

// capture matches a path with a template: {x} is one segment, {x+} all that follow.
func capture(template, path string) (vars map[string]string, literals int, ok bool) {
	vars = map[string]string{}
	for template != "" {
		var hole, segment string
		hole, template, _ = strings.Cut(template, "/")
		name, isHole := strings.CutPrefix(hole, "{")
		name = strings.TrimSuffix(name, "}")
		if greedy, all := strings.CutSuffix(name, "+"); isHole && all {
			if path == "" {
				return nil, 0, false
			}
			tail := strings.Count(template, "/") + 1
			if template == "" {
				tail = 0
			}
			segment, path = split(path, tail)
			name = greedy
		} else {
			segment, path, _ = strings.Cut(path, "/")
		}
		text, err := url.PathUnescape(segment)
		switch {
		case err != nil, text == "":
			return nil, 0, false
		case isHole:
			vars[name] = text
		case hole != text:
			return nil, 0, false
		default:
			literals++
		}
	}
	return vars, literals, path == ""
}

// split leaves the last n segments of a path.
func split(path string, n int) (head, tail string) {
	i := len(path)
	for range n {
		if i = strings.LastIndex(path[:i], "/"); i < 0 {
			return "", path
		}
	}
	if n == 0 {
		return path, ""
	}
	return path[:i], path[i+1:]
}
