package dynamo

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"example.com/asr"
)

// counter is an item that counts findings: those of an account by severity and
// outcome, those of a control. Findings that expire are counted apart, in
// counters that expire at the same second.
type counter struct {
	kind, name string
	expiry     int64
}

// The kinds of counters, and what begins the names of their counting attributes.
const (
	byAccount  = "account"
	byControl  = "control"
	countedAs  = "n/"
	allCounted = countedAs + "all"
)

func (k counter) sk() string {
	return k.kind + "/" + strconv.FormatInt(k.expiry, 10) + "/" + bounded(k.name)
}

// deltas are what a batch changes in counters.
type deltas map[counter]map[string]int64

// count adds n findings that count as what it says: account, control, severity,
// outcome.
func (d deltas) count(counted []string, expiry, n int64) {
	if len(counted) != 4 {
		return
	}
	d.add(counter{byAccount, counted[0], expiry}, countedAs+counted[2]+"/"+counted[3], n)
	d.add(counter{byControl, counted[1], expiry}, allCounted, n)
}

func (d deltas) add(k counter, attr string, n int64) {
	if d[k] == nil {
		d[k] = map[string]int64{}
	}
	if d[k][attr] += n; d[k][attr] == 0 {
		delete(d[k], attr)
	}
}

func countsAs(f *asr.Finding) []string {
	return []string{f.Account, f.Control, f.Severity, string(f.Outcome)}
}

// putCounts adds the changes to one shard's counters. All changes of a batch go
// to the shard of its first finding, so that a batch is few writes; a counter of
// one shard may go below zero, only the sum of all shards means something.
func (c *commit) putCounts(d deltas) {
	order := func(a, b counter) int { return cmp.Compare(a.sk(), b.sk()) }
	for _, k := range slices.SortedFunc(maps.Keys(d), order) {
		var e condition
		var adds []string
		for _, attr := range slices.Sorted(maps.Keys(d[k])) {
			adds = append(adds, e.name(attr)+" "+e.value(number(d[k][attr])))
		}
		if len(adds) == 0 {
			continue
		}
		is := item{attrName: text(k.name)}
		if k.expiry > 0 {
			is[attrExpire] = number(k.expiry)
		}
		at := key{"counts/" + shard(c.Findings[0].ID, countShards), k.sk()}
		c.write(c.s.update(at, e.assign(is)+" ADD "+strings.Join(adds, ", "), e, nil))
	}
}

// Counts implements asr.FindingStore: the sum of all counters that haven't
// expired. It reads every one of them: some hundred bytes for each account and
// control that has findings, times the shards.
func (s *Store) Counts(ctx context.Context) (asr.Counts, error) {
	c := asr.Counts{Outcomes: map[asr.Outcome]int{}, Severities: map[string]int{}, Controls: map[string]int{}, Accounts: map[string]int{}}
	var sources []source
	for _, pk := range shards("counts", countShards) {
		sources = append(sources, partition(pk, true))
	}
	items, err := s.all(ctx, sources...)
	if err != nil {
		return asr.Counts{}, fmt.Errorf("count the findings: %w", err)
	}
	for _, it := range items {
		if s.expired(it) {
			continue
		}
		for attr := range it {
			if as, ok := strings.CutPrefix(attr, countedAs); ok {
				tally(&c, it, as, int(it.number(attr)))
			}
		}
	}
	maps.DeleteFunc(c.Outcomes, none)
	maps.DeleteFunc(c.Severities, none)
	maps.DeleteFunc(c.Controls, none)
	maps.DeleteFunc(c.Accounts, none)
	return c, nil
}

// tally adds what one attribute of a counter counts.
func tally(c *asr.Counts, it item, as string, n int) {
	if strings.HasPrefix(it.text(attrSK), byControl+"/") {
		c.Controls[it.text(attrName)] += n
		return
	}
	cut := strings.LastIndexByte(as, '/') // an outcome has none
	severity, outcome := as[:cut], as[cut+1:]
	c.Accounts[it.text(attrName)] += n
	c.Severities[severity] += n
	c.Outcomes[asr.Outcome(outcome)] += n
}

func none[K comparable](_ K, n int) bool { return n == 0 }
