package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"example.com/asr"
)

// controlPath begins the gateway's own API, for Connect.
const controlPath = "/_sandbox/"

// info is what Connect learns.
type info struct {
	Hub         string `json:"hub"`
	AccessKeyID string `json:"accessKeyId"`
	Secret      string `json:"secret"`
}

// backdating is the body of POST /_sandbox/backdate, here and in moto.
type backdating struct {
	Account string  `json:"account"`
	Kind    string  `json:"kind"`
	ID      string  `json:"id"`
	When    float64 `json:"when"` // Unix seconds
}

// control is the gateway's own API.
func (g *gateway) control() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET "+controlPath+"info", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, info{Hub: g.hub, AccessKeyID: g.op.AccessKeyID, Secret: g.op.Secret}, nil)
	})
	m.HandleFunc("GET "+controlPath+"calls", func(w http.ResponseWriter, _ *http.Request) { reply(w, g.journal.all(), nil) })
	m.HandleFunc("DELETE "+controlPath+"calls", func(w http.ResponseWriter, _ *http.Request) {
		g.journal.reset()
		reply(w, nil, nil)
	})
	m.HandleFunc("GET "+controlPath+"missing", func(w http.ResponseWriter, _ *http.Request) { reply(w, g.lacking(), nil) })
	m.HandleFunc("POST "+controlPath+"faults", func(w http.ResponseWriter, r *http.Request) {
		f, err := body[Fault](r)
		if err == nil {
			reply(w, g.faults.add(f), nil)
			return
		}
		reply(w, nil, err)
	})
	m.HandleFunc("DELETE "+controlPath+"faults/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.Atoi(r.PathValue("id"))
		g.faults.remove(id)
		reply(w, nil, err)
	})
	m.HandleFunc("POST "+controlPath+"enforce", func(w http.ResponseWriter, r *http.Request) {
		on, err := body[bool](r)
		if err == nil {
			err = g.enforce(r.Context(), on)
		}
		reply(w, nil, err)
	})
	m.HandleFunc("POST "+controlPath+"slow", func(w http.ResponseWriter, r *http.Request) {
		n, err := body[int](r)
		if err == nil {
			g.settling.slow(n)
		}
		reply(w, nil, err)
	})
	m.HandleFunc("POST "+controlPath+"backdate", func(w http.ResponseWriter, r *http.Request) {
		b, err := body[backdating](r)
		if err == nil {
			err = g.ask(r.Context(), "backdate", b, nil)
		}
		if err == nil {
			g.journal.add(Call{At: time.Now(), Account: b.Account, Service: "sandbox", Operation: "Backdate(" + b.Kind + ")", Status: http.StatusOK, Overlay: true})
		}
		reply(w, nil, err)
	})
	g.automations(m)
	return ownOnly(m)
}

// ownOnly keeps web pages out: what they send names its origin, or a host that
// only looks like this one.
func ownOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); r.Header.Get("Origin") != "" || err != nil || net.ParseIP(host) == nil && host != "localhost" {
			http.Error(w, "web pages may not drive the sandbox", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func body[T any](r *http.Request) (T, error) {
	var v T
	return v, json.NewDecoder(r.Body).Decode(&v)
}

func reply(w http.ResponseWriter, v any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client went away
}

// Connect is a client's view of a sandbox that another process runs. It asks
// for the operator's keys at once; when nobody answers, every call made with
// its configs, and its methods that return an error, say so.
func Connect(endpoint string) *Sandbox {
	s := &Sandbox{url: endpoint}
	u, err := url.Parse(endpoint)
	if err != nil {
		s.broken = &asr.Error{Code: asr.CodeBadInput, Message: "sandbox: connect", Err: err, Do: "give the sandbox's URL, like http://127.0.0.1:4566"}
		return s
	}
	s.http = pinned(u.Host)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var i info
	if s.broken = s.call(ctx, http.MethodGet, "info", nil, &i); s.broken == nil {
		s.hub, s.op = i.Hub, operator{AccessKeyID: i.AccessKeyID, Secret: i.Secret}
	}
	return s
}

// call uses the control API.
func (s *Sandbox) call(ctx context.Context, method, path string, in, out any) error {
	if s.broken != nil {
		return s.broken
	}
	err := exchange(ctx, s.http, method, s.url+controlPath+path, in, out)
	if err != nil {
		return &asr.Error{Code: asr.CodeUnavailable, Message: "sandbox: " + path, Err: err, Do: "see that the sandbox runs at " + s.url}
	}
	return nil
}

// exchange sends and gets JSON.
func exchange(ctx context.Context, c *http.Client, method, url string, in, out any) error {
	payload, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var text bytes.Buffer
		_, _ = text.ReadFrom(resp.Body) // what there is of it
		return fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(text.Bytes()))
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// ask uses one of our hooks in moto (patches).
func (g *gateway) ask(ctx context.Context, hook string, in, out any) error {
	return exchange(ctx, &http.Client{Transport: g.client}, http.MethodPost, "http://"+g.moto+controlPath+hook, in, out)
}
