package sessions

import (
	"context"
	"sync"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
)

// piece is a session, or a part of one: grants and the credentials that allow
// them. If AWS finds its policy too large, it falls into parts.
type piece struct {
	s      *Sessions
	role   string // ARN
	region string
	name   string // of the role session
	source string // source identity; "": none
	run    string // that it is first opened for; "": for none
	grants []asr.Grant
	policy string

	mu     sync.Mutex
	creds  aws.Credentials
	flight *flight // of a renewal that is under way
	parts  []*piece
}

// flight is one AssumeRole that several callers wait for.
type flight struct {
	done      chan struct{}
	creds     aws.Credentials
	err       error
	cancelled bool // by the caller who made it: the others try for themselves
}

func (s *Sessions) piece(t asr.Target, name, source string, grants []asr.Grant) *piece {
	return &piece{s: s, role: s.roleARN(t), region: t.Region, name: name, source: source, grants: grants, policy: Document(grants)}
}

// credentials are those of a session that has the action; "" is any action.
func (p *piece) credentials(ctx context.Context, action string) (aws.Credentials, error) {
	if !p.divided() {
		creds, err := p.renewed(ctx)
		if !remedy.Is(err, "PackedPolicyTooLarge") {
			return creds, p.judge(err)
		}
	}
	parts, err := p.divide()
	if err != nil {
		return aws.Credentials{}, err
	}
	for _, part := range parts {
		if action == "" || allows(part.grants, action) {
			return part.credentials(ctx, action)
		}
	}
	return aws.Credentials{}, undeclared(action)
}

func (p *piece) divided() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.parts != nil || len(p.policy) > MaxPolicy
}

// divide makes the parts of a piece that is too large. A part that is still too
// large is divided when it is needed.
func (p *piece) divide() ([]*piece, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parts != nil {
		return p.parts, nil
	}
	size := MaxPolicy
	if len(p.policy) <= MaxPolicy {
		size = len(p.policy) * 3 / 4 // AWS packs a policy in its own way, of which it tells only that this one was too much
	}
	split := pieces(p.grants, size)
	if len(split) == 1 {
		return nil, tooLong(p.grants, len(p.policy))
	}
	for _, grants := range split {
		p.parts = append(p.parts, &piece{s: p.s, role: p.role, region: p.region, name: p.name, source: p.source, run: p.run, grants: grants, policy: Document(grants)})
	}
	return p.parts, nil
}

// renewed are the piece's credentials, from a new AssumeRole if they are about
// to expire. Callers who come meanwhile share it.
func (p *piece) renewed(ctx context.Context) (aws.Credentials, error) {
	for {
		p.mu.Lock()
		if p.lasts(p.s.cfg.Duration / 5) {
			defer p.mu.Unlock()
			return p.creds, nil
		}
		f := p.flight
		if f == nil {
			f = &flight{done: make(chan struct{})}
			p.flight = f
			p.mu.Unlock()
			p.fly(ctx, f)
			return f.creds, f.err
		}
		p.mu.Unlock()
		select {
		case <-f.done:
			if !f.cancelled {
				return f.creds, f.err
			}
		case <-ctx.Done():
			return aws.Credentials{}, ctx.Err()
		}
	}
}

// fly renews the credentials. While the old ones last, AWS may be unreachable.
func (p *piece) fly(ctx context.Context, f *flight) {
	creds, err := p.s.assume(ctx, p)
	p.mu.Lock()
	defer p.mu.Unlock()
	defer close(f.done)
	p.flight = nil
	f.cancelled = ctx.Err() != nil
	switch code := asr.Classify(remedy.Judge(err)); {
	case err == nil:
		p.creds = creds
	case p.lasts(0) && (code == asr.CodeUnavailable || code == asr.CodeThrottled):
	default:
		f.err = err
		return
	}
	f.creds = p.creds
}

// lasts reports whether the credentials are good for longer than the time.
// The piece is locked.
func (p *piece) lasts(longer time.Duration) bool {
	return p.creds.HasKeys() && p.creds.Expires.Sub(p.s.cfg.Clock()) > longer
}

// forget lets the next call assume the role again.
func (p *piece) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.creds = aws.Credentials{}
	for _, part := range p.parts {
		part.forget()
	}
}
