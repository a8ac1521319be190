package securityhub

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"example.com/asr"
)

// isAccount reports whether an account id has its 12 digits.
func isAccount(id string) bool { return made(id, 12, 12, digits) }

// isRegion reports whether a name is formed like a Region's: 3 to 5 parts, the
// first of 2 to 4 letters, the last of 1 or 2 digits.
func isRegion(name string) bool {
	if name == "aws-global" {
		return true
	}
	word, rest, _ := strings.Cut(name, "-")
	if !made(word, 2, 4, lower) {
		return false
	}
	for words := 0; ; words++ {
		var more bool
		if word, rest, more = strings.Cut(rest, "-"); !more {
			return words >= 1 && words <= 3 && made(word, 1, 2, digits)
		}
		if !made(word, 1, 16, lower) {
			return false
		}
	}
}

func lower(b byte) bool  { return 'a' <= b && b <= 'z' }
func digits(b byte) bool { return '0' <= b && b <= '9' }

// made reports whether a text has so many bytes, all of them of these.
func made(text string, least, most int, of func(byte) bool) bool {
	if len(text) < least || len(text) > most {
		return false
	}
	for i := range len(text) {
		if !of(text[i]) {
			return false
		}
	}
	return true
}

// named checks an identifier that the finding must have.
func named(field, value string) error {
	switch {
	case strings.TrimSpace(value) == "":
		return errors.New(field + " is missing")
	case len(value) > maxName && utf8.RuneCountInString(value) > maxName:
		return fmt.Errorf("%s is longer than %d characters", field, maxName)
	case strings.ContainsFunc(value, unicode.IsControl):
		return errors.New(field + " contains control characters")
	}
	return nil
}

// identified checks what a finding can't be taken without.
func identified(idField, id, productField, product, accountField, account string) error {
	if err := named(idField, id); err != nil {
		return err
	}
	if err := named(productField, product); err != nil {
		return err
	}
	if account == "" {
		return errors.New(accountField + " is missing")
	}
	if !isAccount(account) {
		return fmt.Errorf("%s is %q: an account id has 12 digits", accountField, clip(account, 60))
	}
	return nil
}

// plain is a JSON string's text, "" for anything else.
func plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// clip cuts a text to n characters, the last of which says so.
func clip(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:max(n, 1)-1]) + "…"
}

// moment is a time as findings have it: RFC 3339 with any fraction, the same
// without a zone (UTC) or with a space, or seconds or milliseconds since 1970.
type moment struct {
	time.Time
	odd string // what it is instead
}

func (m *moment) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		return nil
	}
	text := plain(raw)
	if raw[0] != '"' {
		text = string(raw)
	}
	if text == "" {
		return nil
	}
	m.read(text)
	return nil
}

func (m *moment) read(text string) {
	t, ok := parseTime(text)
	if !ok {
		m.odd = clip(text, 60)
	}
	m.Time = t
}

func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0 && n < 1e14) {
		return time.Time{}, false
	}
	if n < 1e11 { // seconds until the year 5138, milliseconds from 1973 on
		n *= 1000
	}
	return time.UnixMilli(int64(math.Round(n))).UTC(), true
}

// past is a time that others set, unless it is ahead of us: then it says nothing.
func (o origin) past(t time.Time) time.Time {
	if t.After(o.at.Add(skew)) {
		return time.Time{}
	}
	return t
}

// updated checks when the provider saw a finding last.
func (o origin) updated(field string, updated, created moment) (time.Time, error) {
	if updated.IsZero() && updated.odd == "" {
		updated = created
	}
	switch {
	case updated.odd != "":
		return time.Time{}, fmt.Errorf("%s is %q, which is no time", field, updated.odd)
	case updated.IsZero():
		return time.Time{}, errors.New(field + " is missing")
	case updated.After(o.at.Add(early)):
		return time.Time{}, fmt.Errorf("%s is %s, which is in the future", field, updated.Format(time.RFC3339))
	}
	return updated.Time, nil
}

// unsaid is the workflow's clock of a finding that says nothing of its
// workflow: older than any that does.
var unsaid = time.Unix(0, 0).UTC()

// workflowAt is when what a finding says of its workflow was so. An event says
// what was so when it was sent, an answer of Security Hub what was so a little
// while ago, a file what was so when its finding was last touched.
func (o origin) workflowAt(said bool, updated time.Time, touched ...time.Time) time.Time {
	switch {
	case !o.sent.IsZero():
		touched = append(touched, o.sent)
	case o.live:
		touched = append(touched, o.at.Add(-lag))
	case said:
		touched = append(touched, updated)
	default:
		return unsaid
	}
	latest := time.Time{}
	for _, t := range touched {
		if t = o.past(t); t.After(latest) {
			latest = t
		}
	}
	return latest
}

// regionOf is the first of some texts that is a Region.
func regionOf(texts ...string) string {
	for _, r := range texts {
		if r == "global" {
			r = "aws-global"
		}
		if isRegion(r) {
			return r
		}
	}
	return ""
}

// regionOfARN is the fourth part of "arn:aws:securityhub:us-east-1:…".
func regionOfARN(arn string) string {
	rest, ok := strings.CutPrefix(arn, "arn:")
	for range 2 { // the partition, the service
		_, rest, _ = strings.Cut(rest, ":")
	}
	region, _, more := strings.Cut(rest, ":")
	if !ok || !more {
		return ""
	}
	return region
}

// severityOf is the label nearest to what a finding says.
func severityOf(labels ...string) string {
	for _, l := range labels {
		l = strings.ToUpper(l)
		if l == "FATAL" {
			l = "CRITICAL"
		}
		if slices.Contains(asr.Severities, l) {
			return l
		}
	}
	return asr.Severities[0]
}

// parameters are a control's, by name. A value that JSON knows as a number or a
// truth value becomes one.
func parameters(name func(int) string, values func(int) []string, n int) map[string]json.RawMessage {
	grouped := map[string][]string{}
	for i := range n {
		if name(i) != "" {
			grouped[name(i)] = append(grouped[name(i)], values(i)...)
		}
	}
	var all map[string]json.RawMessage
	for k, v := range grouped {
		if len(v) == 0 {
			continue
		}
		if all == nil {
			all = map[string]json.RawMessage{}
		}
		all[k] = parameter(v)
	}
	return all
}

func parameter(values []string) json.RawMessage {
	scalars := make([]json.RawMessage, len(values))
	for i, v := range values {
		if json.Valid([]byte(v)) && v == strings.TrimSpace(v) && strings.ContainsAny(v[:1], "-0123456789tf") {
			scalars[i] = json.RawMessage(v)
		} else {
			scalars[i], _ = json.Marshal(v) // a string
		}
	}
	if len(scalars) == 1 {
		return scalars[0]
	}
	raw, _ := json.Marshal(scalars) // valid, each of them
	return raw
}
