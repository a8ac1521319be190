// Package remedy turns a Unit, the part of a remediation that an author
// writes, into an asr.Remediation, the part that the engine runs. It may not
// decide, retry, store or log: that is the engine's.
package remedy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
)

// Unit is one remediation. P is its parameters, S the settings that it manages,
// both of which JSON can hold.
type Unit[P, S any] struct {
	Spec     asr.Spec
	Controls map[string]P // the security controls that it answers ("CloudWatch.16"), each with its parameters

	// Read says how the settings are now. asr.ErrGone: no such resource;
	// asr.ErrSettling: it is between two states.
	Read func(ctx context.Context, cfg aws.Config, on On[P]) (S, error)
	// Want says how they should be. It is pure: no clock, no calls, and now
	// stays as it is. asr.Refuse is how it won't.
	Want func(on On[P], now S) (S, error)
	// Write goes from one state towards another, in either direction, by one
	// step or all of them. It is called until Read returns to, so it may find
	// that an earlier call went further than from shows.
	Write func(ctx context.Context, cfg aws.Config, on On[P], from, to S) error

	// Resolve, if the finding may name the resource by an id of the service's
	// own, gives the target its name. It has the grants of Read.
	Resolve func(ctx context.Context, cfg aws.Config, on On[P]) (asr.Target, error)
	// Validate, if there is something to it that types don't say, refuses
	// parameters that AWS would refuse.
	Validate func(on On[P]) error
	// Keep says of a change why it can't or mustn't be put back, or "".
	Keep func(on On[P], c asr.Change) string
	// Makes names the thing, an ARN, that a change brings into being, or "".
	Makes func(on On[P], c asr.Change) string
}

// On is what a unit works on and how.
type On[P any] struct {
	asr.Target
	Params P
	Call   asr.Call
}

// Expand fills in a pattern's {partition}, {region}, {account}, {name} and
// {params.NAME}.
func (on On[P]) Expand(pattern string) string {
	params, _ := json.Marshal(on.Params) // parameters came from JSON
	return asr.On{Target: on.Target, Params: params}.Expand(pattern)
}

// Session is what a unit needs of an account for one step.
type Session struct {
	Target asr.Target
	Grants []asr.Grant // on real ARNs
	Call   asr.Call    // for the session's name and source identity, and the journal
	Write  bool        // false: any call that isn't a read is refused before it is made
}

// Dialer returns a config that can do what the session says and no more.
type Dialer func(context.Context, Session) (aws.Config, error)

// Bind makes a unit runnable through dial.
func Bind[P, S any](u Unit[P, S], dial Dialer) asr.Remediation {
	b := bound[P, S]{u, dial}
	return asr.Remediation{
		Spec: u.Spec, Controls: b.controls(), Schema: schema[P](),
		Check: b.check, Resolve: b.resolve, Read: b.read, Want: b.want, Write: b.write,
		Keep:  b.perChange(u.Keep),
		Makes: b.perChange(u.Makes),
	}
}

type bound[P, S any] struct {
	u    Unit[P, S]
	dial Dialer
}

func (b bound[P, S]) controls() map[string]json.RawMessage {
	controls := map[string]json.RawMessage{}
	for id, p := range b.u.Controls {
		controls[id], _ = json.Marshal(p) // parameters are JSON by contract; the lifecycle test checks
	}
	return controls
}

func (b bound[P, S]) check(on asr.On) error {
	typed, err := b.on(on)
	if err == nil && b.u.Validate != nil {
		err = b.u.Validate(typed)
	}
	if err != nil && asr.Classify(err) == asr.CodeInternal {
		err = &asr.Error{Code: asr.CodeBadParams, Message: err.Error(), Do: "correct the parameters; asr explain " + b.u.Spec.ID + " lists them"}
	}
	return b.wrap("parameters", err)
}

func (b bound[P, S]) resolve(ctx context.Context, on asr.On) (asr.Target, error) {
	if b.u.Resolve == nil {
		return on.Target, nil
	}
	typed, cfg, err := b.session(ctx, on, false)
	if err != nil {
		return on.Target, b.wrap("resolve", err)
	}
	t, err := b.u.Resolve(ctx, cfg, typed)
	return t, b.wrap("resolve", Judge(err))
}

func (b bound[P, S]) read(ctx context.Context, on asr.On) (json.RawMessage, error) {
	typed, cfg, err := b.session(ctx, on, false)
	if err != nil {
		return nil, b.wrap("read", err)
	}
	s, err := b.u.Read(ctx, cfg, typed)
	if err != nil {
		return nil, b.wrap("read", Judge(err))
	}
	doc, err := json.Marshal(s)
	return doc, b.wrap("read", err)
}

func (b bound[P, S]) want(on asr.On, now json.RawMessage) (json.RawMessage, error) {
	typed, err := b.on(on)
	if err != nil {
		return nil, b.wrap("want", err)
	}
	var s S
	if err := strict(now, &s); err != nil {
		return nil, b.wrap("want", err)
	}
	to, err := b.u.Want(typed, s)
	if err != nil {
		return nil, b.wrap("want", err)
	}
	doc, err := json.Marshal(to)
	return doc, b.wrap("want", err)
}

func (b bound[P, S]) write(ctx context.Context, on asr.On, from, to json.RawMessage) error {
	var f, t S
	if err := strict(from, &f); err != nil {
		return b.wrap("write", err)
	}
	if err := strict(to, &t); err != nil {
		return b.wrap("write", err)
	}
	typed, cfg, err := b.session(ctx, on, true)
	if err != nil {
		return b.wrap("write", err)
	}
	return b.wrap("write", Judge(b.u.Write(ctx, cfg, typed, f, t)))
}

func (b bound[P, S]) perChange(f func(On[P], asr.Change) string) func(asr.On, asr.Change) string {
	return func(on asr.On, c asr.Change) string {
		typed, err := b.on(on)
		if f == nil || err != nil { // parameters were checked before
			return ""
		}
		return f(typed, c)
	}
}

// session opens a session with the grants for reading, or for writing too.
func (b bound[P, S]) session(ctx context.Context, on asr.On, write bool) (On[P], aws.Config, error) {
	typed, err := b.on(on)
	if err != nil {
		return typed, aws.Config{}, err
	}
	grants := b.u.Spec.Reads
	if write {
		grants = b.u.Spec.WriteGrants()
	}
	cfg, err := b.dial(ctx, Session{Target: on.Target, Grants: on.Narrow(grants), Call: on.Call, Write: write})
	return typed, cfg, err
}

func (b bound[P, S]) on(on asr.On) (On[P], error) {
	typed := On[P]{Target: on.Target, Call: on.Call}
	return typed, strict(on.Params, &typed.Params)
}

func (b bound[P, S]) wrap(step string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", b.u.Spec.ID, step, err)
}

// strict decodes JSON, if there is any, and refuses fields that v doesn't have.
func strict(raw json.RawMessage, v any) error {
	if len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
