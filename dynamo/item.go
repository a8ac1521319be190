package dynamo

import (
	"fmt"
	"strconv"
	"strings"

	"example.com/asr/dynamo/schema"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The attributes of items, besides the keys of indexes.
const (
	attrPK      = "pk"
	attrSK      = "sk"
	attrVersion = "v"
	attrDoc     = "doc"    // the document, packed
	attrObject  = "object" // or where it is in the bucket,
	attrDigest  = "digest" // and its SHA-256
	attrExpire  = "expireAt"

	attrRun      = "run"      // of what belongs to a run
	attrClaim    = "claim"    // that the run holds
	attrEnded    = "ended"    // keys of the run's entry among its claim's ended runs
	attrHeld     = "held"     // settings that the run has locked
	attrQueued   = "queued"   // the run is in the line
	attrFollowed = "followed" // digests of the findings that the run ever followed
	attrLeasedTo = "leasedTo"
	attrLeased   = "leasedUntil" // in microseconds

	attrCounted = "counted" // what a finding counts as: account, control, severity, outcome
	attrName    = "name"    // of a setting, a counter's account or control, a chain's subject
	attrSeq     = "seq"
	attrHash    = "hash"
	attrID      = "id" // of what has an id that its key doesn't hold whole
)

// item is one of the table's, whole or in part.
type item map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func binary(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

func texts(all []string) types.AttributeValue {
	l := &types.AttributeValueMemberL{Value: []types.AttributeValue{}}
	for _, s := range all {
		l.Value = append(l.Value, text(s))
	}
	return l
}

func (it item) text(name string) string {
	if v, ok := it[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func (it item) number(name string) int64 {
	if v, ok := it[name].(*types.AttributeValueMemberN); ok {
		n, _ := strconv.ParseInt(v.Value, 10, 64) // we wrote it
		return n
	}
	return 0
}

func (it item) binary(name string) []byte {
	if v, ok := it[name].(*types.AttributeValueMemberB); ok {
		return v.Value
	}
	return nil
}

func (it item) texts(name string) (all []string) {
	if v, ok := it[name].(*types.AttributeValueMemberL); ok {
		for _, e := range v.Value {
			if s, ok := e.(*types.AttributeValueMemberS); ok {
				all = append(all, s.Value)
			}
		}
	}
	return all
}

func (it item) set(name string) (all [][]byte) {
	if v, ok := it[name].(*types.AttributeValueMemberBS); ok {
		return v.Value
	}
	return nil
}

// id is the id, subject or name that the item's key is made of.
func (it item) id() string {
	if id := it.text(attrID); id != "" {
		return id
	}
	_, id, _ := strings.Cut(it.text(attrPK), "/")
	return id
}

func (it item) key() key { return key{it.text(attrPK), it.text(attrSK)} }

// with adds another item's attributes.
func (it item) with(more item) item {
	for name, v := range more {
		it[name] = v
	}
	return it
}

// expression collects the names and values that an expression's text refers to.
type expression struct {
	names  map[string]string
	values item
}

func (e *expression) name(attr string) string {
	if e.names == nil {
		e.names = map[string]string{}
	}
	for placeholder, known := range e.names {
		if known == attr {
			return placeholder
		}
	}
	p := fmt.Sprintf("#n%d", len(e.names))
	e.names[p] = attr
	return p
}

func (e *expression) value(v types.AttributeValue) string {
	if e.values == nil {
		e.values = item{}
	}
	p := fmt.Sprintf(":v%d", len(e.values))
	e.values[p] = v
	return p
}

// is compares an attribute with a value: is("v", "=", number(1)).
func (e *expression) is(attr, operator string, v types.AttributeValue) string {
	return e.name(attr) + " " + operator + " " + e.value(v)
}

func (e *expression) absent(attr string) string  { return "attribute_not_exists(" + e.name(attr) + ")" }
func (e *expression) present(attr string) string { return "attribute_exists(" + e.name(attr) + ")" }

// assign sets attributes and removes others.
func (e *expression) assign(set item, remove ...string) string {
	var sets, removes []string
	for name, v := range set {
		sets = append(sets, e.name(name)+" = "+e.value(v))
	}
	for _, name := range remove {
		removes = append(removes, e.name(name))
	}
	out := ""
	if len(sets) > 0 {
		out = "SET " + strings.Join(sets, ", ")
	}
	if len(removes) > 0 {
		out += " REMOVE " + strings.Join(removes, ", ")
	}
	return strings.TrimSpace(out)
}

// keyAttributes are those of an index that an item is to be in.
func keyAttributes(i schema.Index, hash, rang string) item {
	it := item{i.Hash: text(hash)}
	if i.Range != "" {
		it[i.Range] = text(rang)
	}
	return it
}
