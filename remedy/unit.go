// Package remedy turns a Unit, the part of a remediation that an author
// writes, into an asr.Remediation, the part that the engine runs. It may not
// decide, retry, store or log: that is the engine's.
package remedy

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"

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
//
// Only what knows the unit's types is generic, since the compiler writes it
// anew for each unit.
func Bind[P, S any](u Unit[P, S], dial Dialer) asr.Remediation {
	on := func(on asr.On) (On[P], error) {
		typed := On[P]{Target: on.Target, Call: on.Call}
		return typed, strict(on.Params, &typed.Params)
	}
	b := bound{spec: u.Spec, dial: dial, untyped: untyped{
		read: func(ctx context.Context, cfg aws.Config, raw asr.On) (any, error) {
			typed, err := on(raw)
			if err != nil {
				return nil, err
			}
			return u.Read(ctx, cfg, typed)
		},
		want: func(raw asr.On, now json.RawMessage) (any, error) {
			var s S
			typed, err := on(raw)
			if err := cmp.Or(err, strict(now, &s)); err != nil {
				return nil, err
			}
			return u.Want(typed, s)
		},
		write: func(ctx context.Context, cfg aws.Config, raw asr.On, from, to json.RawMessage) error {
			var f, t S
			typed, err := on(raw)
			if err := cmp.Or(err, strict(from, &f), strict(to, &t)); err != nil {
				return err
			}
			return u.Write(ctx, cfg, typed, f, t)
		},
		check: func(raw asr.On) error {
			typed, err := on(raw)
			if err == nil && u.Validate != nil {
				err = u.Validate(typed)
			}
			return err
		},
		keep:  perChange(u.Keep, on),
		makes: perChange(u.Makes, on),
	}}
	if u.Resolve != nil {
		b.untyped.resolve = func(ctx context.Context, cfg aws.Config, raw asr.On) (asr.Target, error) {
			typed, err := on(raw)
			if err != nil {
				return raw.Target, err
			}
			return u.Resolve(ctx, cfg, typed)
		}
	}
	controls := map[string]json.RawMessage{}
	for id, p := range u.Controls {
		controls[id], _ = json.Marshal(p) // parameters are JSON by contract; the lifecycle test checks
	}
	return b.remediation(controls, schema(reflect.TypeFor[P]()))
}

func perChange[P any](f func(On[P], asr.Change) string, typed func(asr.On) (On[P], error)) func(asr.On, asr.Change) string {
	return func(raw asr.On, c asr.Change) string {
		on, err := typed(raw)
		if f == nil || err != nil { // parameters were checked before
			return ""
		}
		return f(on, c)
	}
}

// untyped is a unit whose types are hidden. A state is anything that JSON holds.
type untyped struct {
	read    func(ctx context.Context, cfg aws.Config, on asr.On) (any, error)
	want    func(on asr.On, now json.RawMessage) (any, error)
	write   func(ctx context.Context, cfg aws.Config, on asr.On, from, to json.RawMessage) error
	resolve func(ctx context.Context, cfg aws.Config, on asr.On) (asr.Target, error) // nil: there is nothing to resolve
	check   func(on asr.On) error
	keep    func(on asr.On, c asr.Change) string
	makes   func(on asr.On, c asr.Change) string
}

type bound struct {
	spec    asr.Spec
	dial    Dialer
	untyped untyped
}

func (b bound) remediation(controls map[string]json.RawMessage, schema json.RawMessage) asr.Remediation {
	return asr.Remediation{
		Spec: b.spec, Controls: controls, Schema: schema,
		Check: b.check, Resolve: b.resolve, Read: b.read, Want: b.want, Write: b.write,
		Keep: b.untyped.keep, Makes: b.untyped.makes,
	}
}

func (b bound) check(on asr.On) error {
	err := b.untyped.check(on)
	if err != nil && asr.Classify(err) == asr.CodeInternal {
		err = &asr.Error{Code: asr.CodeBadParams, Message: err.Error(), Do: "correct the parameters; asr explain " + b.spec.ID + " lists them"}
	}
	return b.wrap("parameters", err)
}

func (b bound) resolve(ctx context.Context, on asr.On) (asr.Target, error) {
	if b.untyped.resolve == nil {
		return on.Target, nil
	}
	cfg, err := b.session(ctx, on, false)
	if err != nil {
		return on.Target, b.wrap("resolve", err)
	}
	t, err := b.untyped.resolve(ctx, cfg, on)
	return t, b.wrap("resolve", Judge(err))
}

func (b bound) read(ctx context.Context, on asr.On) (json.RawMessage, error) {
	cfg, err := b.session(ctx, on, false)
	if err != nil {
		return nil, b.wrap("read", err)
	}
	s, err := b.untyped.read(ctx, cfg, on)
	if err != nil {
		return nil, b.wrap("read", Judge(err))
	}
	doc, err := json.Marshal(s)
	return doc, b.wrap("read", err)
}

func (b bound) want(on asr.On, now json.RawMessage) (json.RawMessage, error) {
	to, err := b.untyped.want(on, now)
	if err != nil {
		return nil, b.wrap("want", err)
	}
	doc, err := json.Marshal(to)
	return doc, b.wrap("want", err)
}

func (b bound) write(ctx context.Context, on asr.On, from, to json.RawMessage) error {
	cfg, err := b.session(ctx, on, true)
	if err != nil {
		return b.wrap("write", err)
	}
	return b.wrap("write", Judge(b.untyped.write(ctx, cfg, on, from, to)))
}

// session opens a session with the grants for reading, or for writing too.
func (b bound) session(ctx context.Context, on asr.On, write bool) (aws.Config, error) {
	grants := b.spec.Reads
	if write {
		grants = b.spec.WriteGrants()
	}
	return b.dial(ctx, Session{Target: on.Target, Grants: on.Narrow(grants), Call: on.Call, Write: write})
}

func (b bound) wrap(step string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", b.spec.ID, step, err)
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
