package ec2

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

const (
	anyIPv4 = "0.0.0.0/0"
	anyIPv6 = "::/0"
	allOf   = "-1" // all protocols
)

// rule is an ingress rule for everybody; as a key it reads "tcp 22-22 from ::/0".
type rule struct {
	Proto    string
	From, To int32
	CIDR     string
}

func (r rule) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%s %d-%d from %s", r.Proto, r.From, r.To, r.CIDR), nil
}

func (r *rule) UnmarshalText(text []byte) error {
	var spread string // a range may be negative: -1--1
	if _, err := fmt.Sscanf(string(text), "%s %s from %s", &r.Proto, &spread, &r.CIDR); err != nil {
		return err
	}
	_, err := fmt.Sscanf(spread, "%d-%d", &r.From, &r.To)
	return err
}

func (r rule) compare(o rule) int {
	return cmp.Or(cmp.Compare(r.Proto, o.Proto), cmp.Compare(r.From, o.From), cmp.Compare(r.To, o.To), cmp.Compare(r.CIDR, o.CIDR))
}

// rest says whether a rule opens what must be closed, and which rules stay of
// it then. Nothing stays of one for all protocols: it can't be said what else
// was meant.
func (p ports) rest(r rule) (stay []rule, offends bool) {
	switch {
	case len(p.From) > 0 && !slices.Contains(p.From, r.CIDR):
		return nil, false
	case r.Proto == allOf:
		return nil, true
	case len(p.Closed) > 0:
		stay = p.without(r)
	case r.Proto == "tcp":
		stay = within(r, p.AllowTCP)
	case r.Proto == "udp":
		stay = within(r, p.AllowUDP)
	default: // ICMP and the like have no ports
		return nil, false
	}
	return stay, len(stay) != 1 || stay[0] != r
}

// without cuts the closed ports out of a rule.
func (p ports) without(r rule) (stay []rule) {
	if !slices.Contains(p.Proto, r.Proto) {
		return []rule{r}
	}
	next := r.From
	for _, port := range slices.Sorted(slices.Values(p.Closed)) {
		if port < next || port > r.To {
			continue
		}
		if port > next {
			stay = append(stay, rule{r.Proto, next, port - 1, r.CIDR})
		}
		next = port + 1
	}
	if next <= r.To {
		stay = append(stay, rule{r.Proto, next, r.To, r.CIDR})
	}
	return stay
}

// within keeps of a rule what is allowed; neighbouring ranges are one.
func within(r rule, allowed []string) (stay []rule) {
	type span struct{ from, to int32 }
	var spans []span
	for _, a := range allowed {
		from, to, err := portRange(a)
		if err != nil || from > r.To || to < r.From {
			continue // Validate has refused what is no range
		}
		spans = append(spans, span{max(from, r.From), min(to, r.To)})
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.from - b.from) })
	for _, s := range spans {
		if n := len(stay); n > 0 && s.from <= stay[n-1].To+1 {
			stay[n-1].To = max(stay[n-1].To, s.to)
			continue
		}
		stay = append(stay, rule{r.Proto, s.from, s.to, r.CIDR})
	}
	return stay
}

// grouped is the same rule among all rules of a group.
func (r rule) grouped() groupRule { return groupRule{false, r.Proto, r.From, r.To, r.CIDR} }

func (r rule) authorize(ctx context.Context, api *ec2.Client, group, description string) error {
	return r.grouped().authorize(ctx, api, group, description)
}

func (r rule) revoke(ctx context.Context, api *ec2.Client, group string) error {
	return r.grouped().revoke(ctx, api, group)
}

// portRange reads "80" or "1020-1025".
func portRange(s string) (from, to int32, err error) {
	low, high, ranged := strings.Cut(s, "-")
	if !ranged {
		high = low
	}
	a, err1 := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
	b, err2 := strconv.ParseUint(strings.TrimSpace(high), 10, 16)
	if err1 != nil || err2 != nil || a > b {
		return 0, 0, fmt.Errorf("%q is no port and no range of ports", s)
	}
	return int32(a), int32(b), nil
}

// validPorts refuses parameters that would close nothing, or that name no port.
func validPorts(on remedy.On[ports]) error {
	p := on.Params
	for _, r := range slices.Concat(p.AllowTCP, p.AllowUDP) {
		if _, _, err := portRange(r); err != nil {
			return err
		}
	}
	for _, port := range p.Closed {
		if port < 0 || port > 65535 {
			return fmt.Errorf("%d is no port", port)
		}
	}
	for _, proto := range p.Proto {
		if proto != "tcp" && proto != "udp" {
			return fmt.Errorf("protocols has %q, and can have tcp and udp", proto)
		}
	}
	for _, from := range p.From {
		if from != anyIPv4 && from != anyIPv6 {
			return fmt.Errorf("from has %q, and can have %s and %s", from, anyIPv4, anyIPv6)
		}
	}
	if len(p.Closed) > 0 && len(p.Proto) == 0 {
		return errors.New("ports are to be closed, and protocols says of none")
	}
	return nil
}
