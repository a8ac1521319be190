package org

// standard is a set of controls that an account has enabled.
type standard struct {
	kind     string // "standards", "ruleset"
	name     string
	version  string
	label    string                 // how requirements name it
	numberOf func(c control) string // a control's number in it; "": it is not in
}

func best() standard {
	return standard{"standards", "aws-foundational-security-best-practices", "1.0.0", "", func(c control) string { return numbered(c.own, c.id) }}
}

func nist() standard {
	return standard{"standards", "nist-800-53", "5.0.0", "", func(c control) string { return numbered(c.nist, c.id) }}
}

func cis12() standard {
	return standard{"ruleset", "cis-aws-foundations-benchmark", "1.2.0", "CIS AWS Foundations Benchmark v1.2.0", func(c control) string { return c.cis12 }}
}

func cis14() standard {
	return standard{"standards", "cis-aws-foundations-benchmark", "1.4.0", "CIS AWS Foundations Benchmark v1.4.0", func(c control) string { return c.cis14 }}
}

func numbered(in bool, id string) string {
	if !in {
		return ""
	}
	return id
}

// path is how ARNs name the standard: "aws-foundational-security-best-practices/v/1.0.0".
func (s standard) path() string { return s.name + "/v/" + s.version }

// id is how consolidated findings name it.
func (s standard) id() string { return s.kind + "/" + s.path() }

// enabled are the standards of a place.
func enabled(p place) []standard {
	switch {
	case p.account == hub:
		return []standard{best(), cis14(), nist()}
	case p == place{shop, virginia}:
		return []standard{best(), cis12(), cis14(), nist()}
	case p.account == shop:
		return []standard{best(), cis12()}
	case p.account == data:
		return []standard{best(), nist()}
	}
	return []standard{best()}
}

// separate reports whether a place has consolidated control findings off, so
// that each standard has findings of its own.
func separate(p place) bool { return p == place{shop, ireland} }

// holding are the standards of a place that have the control.
func holding(p place, c control) []standard {
	var all []standard
	for _, s := range enabled(p) {
		if s.numberOf(c) != "" {
			all = append(all, s)
		}
	}
	return all
}
