package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// DefaultHub is the account that administers Security Hub unless Config says another.
const DefaultHub = "111111111111"

// Config says how a sandbox starts. Its zero value works.
type Config struct {
	Addr   string    // the gateway's listen address on loopback; "" = a free port of 127.0.0.1
	Python string    // interpreter that has moto; "" = the first that has it: $ASR_PYTHON, .venv/bin/python of the project, python3
	Hub    string    // account id of the Security Hub administrator; "" = DefaultHub
	Log    io.Writer // complaints of moto and of the gateway; nil = discard
	State  string    // file that the journal is appended to, one JSON object a line; "" = memory only
}

// Sandbox is a running one, in this process (Start) or another (Connect). Its
// methods are safe for concurrent use.
type Sandbox struct {
	url  string
	hub  string
	op   operator
	http *http.Client // pinned to the gateway

	broken  error    // why Connect found nothing
	gateway *gateway // nil after Connect
	python  string   // the interpreter that runs moto
	stop    func() error
}

// operator is the hub's IAM user that people and the product start from.
type operator struct{ AccessKeyID, Secret string }

// Start starts moto and the gateway; Close ends both. ctx bounds the start
// only. Errors are *asr.Error: no Python, no moto or another version of it
// ("make venv" mends that), an address that is taken or not loopback.
func Start(ctx context.Context, cfg Config) (*Sandbox, error) {
	if cfg.Hub == "" {
		cfg.Hub = DefaultHub
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	cfg.Log = &lockedWriter{w: cfg.Log}
	l, err := listen(cfg.Addr)
	if err != nil {
		return nil, err
	}
	m, err := startMoto(ctx, cfg, l.Addr().(*net.TCPAddr).Port)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s, err := assemble(ctx, cfg, l, m)
	if err != nil {
		return nil, errors.Join(err, l.Close(), m.close())
	}
	return s, nil
}

func assemble(ctx context.Context, cfg Config, l net.Listener, m *moto) (*Sandbox, error) {
	g, err := newGateway(cfg, m.addr)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{url: "http://" + l.Addr().String(), hub: cfg.Hub, gateway: g, python: m.cmd.Path}
	s.http = pinned(l.Addr().String())
	served := make(chan struct{})
	server := &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(served)
		_ = server.Serve(l) // ends with Close
	}()
	s.stop = sync.OnceValue(func() error {
		err := errors.Join(server.Close(), g.close(), m.close())
		<-served
		s.http.CloseIdleConnections()
		return err
	})
	if s.op, err = s.hire(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: create the hub's operator: %w", err), s.stop())
	}
	g.begin(s.op)
	return s, nil
}

// URL is the endpoint of every AWS service: "http://127.0.0.1:PORT".
func (s *Sandbox) URL() string { return s.url }

// Close ends the gateway and moto and forgets everything in them. A sandbox
// that Connect reached goes on: only its owner ends it.
func (s *Sandbox) Close() error {
	if s.stop == nil {
		return nil
	}
	return s.stop()
}

// lockedWriter lets moto's output and the gateway share a writer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
