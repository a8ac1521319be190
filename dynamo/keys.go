package dynamo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/asr"
)

// key is an item's.
type key struct{ pk, sk string }

func (k key) item() item { return item{attrPK: text(k.pk), attrSK: text(k.sk)} }

// How many partitions share what would else be one hot partition; of the table
// (heads, counters) and of its indexes. docs/dev/dynamo.md has the arithmetic.
// What is stored stands under these numbers: they can't be changed.
const (
	headShards     = 16
	countShards    = 16
	dueShards      = 4 // of runs, of messages
	runShards      = 2 // of a state
	findingShards  = 8 // of an outcome
	spreadShards   = 4 // of an account's and of a control's findings
	rejectedShards = 2
	ledgerShards   = 16
	lineShards     = 4
)

// maxName is how many bytes of a name a key takes: keys end at 1,024.
const maxName = 800

// bounded is a name as part of a key. Names come from outside and may be long,
// or no text at all.
func bounded(name string) string {
	if len(name) <= maxName && utf8.ValidString(name) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return strings.ToValidUTF8(name[:min(len(name), maxName-100)], "") + "#" + hex.EncodeToString(sum[:])
}

// identified is the key of an item, and what it belongs to if the key doesn't
// say.
func identified(k key, id string) item {
	if bounded(id) == id {
		return k.item()
	}
	return k.item().with(item{attrID: text(id)})
}

func shard(name string, of int) string {
	h := fnv.New32a()
	h.Write([]byte(name))
	return strconv.Itoa(int(h.Sum32() % uint32(of)))
}

// shards are a prefix with each shard's number.
func shards(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, prefix+"/"+strconv.Itoa(i))
	}
	return all
}

// The table's keys.
func runKey(id string) key            { return key{"run/" + bounded(id), "run"} }
func findingKey(id string) key        { return key{"finding/" + bounded(id), "finding"} }
func claimKey(claim string) key       { return key{"claim/" + bounded(claim), "open"} }
func lockKey(setting string) key      { return key{"lock/" + bounded(setting), "lock"} }
func settingKey(name string) key      { return key{"setting/" + bounded(name), "setting"} }
func rejectedKey(id string) key       { return key{"rejected/" + bounded(id), "rejected"} }
func checkpointKey(seq int64) key     { return key{checkpoints, fmt.Sprintf("%012d", seq)} }
func headKey(subject string) key      { return key{"heads/" + shard(subject, headShards), bounded(subject)} }
func ledgerKey(scope string) key      { return key{"ledgers/" + shard(scope, ledgerShards), bounded(scope)} }
func placeKey(run string) key         { return key{"line/" + shard(run, lineShards), bounded(run)} }
func recordsOf(subject string) string { return "audit/" + bounded(subject) }
func callsOf(run string) string       { return "calls/" + bounded(run) }
func followersOf(f string) string     { return "followed/" + bounded(f) }

const checkpoints = "checkpoints"

func recordKey(subject string, seq int64) key {
	return key{recordsOf(subject), fmt.Sprintf("%012d", seq)}
}

// endedKey is an ended run's among those that had the claim. In the order of
// sort keys, "open" comes after all of them.
func endedKey(r *asr.Run) key { return key{claimKey(r.Claim).pk, "ended/" + runAt(r)} }

// messagesOf is the partition of a run's messages.
func messagesOf(run string) string { return "message/" + bounded(run) }

// messageKey is a message's, whose id begins with its run's.
func messageKey(id string) key {
	run, _, _ := strings.Cut(id, "/")
	return key{messagesOf(run), bounded(id)}
}

// moment is a time that sorts as text, whatever its year.
func moment(micros int64) string { return fmt.Sprintf("%016x", uint64(micros)^1<<63) }

// placeOf is a place in a list, in the order of time and then of ids.
func placeOf(micros int64, id string) string { return moment(micros) + "/" + bounded(id) }

// until is greater than each place of the time or earlier, and less than all later ones.
func until(t time.Time) string { return moment(t.UnixMicro()) + "0" } // 0 comes right after /

// timeOf is a place's time.
func timeOf(place string) time.Time {
	text, _, _ := strings.Cut(place, "/")
	n, _ := strconv.ParseUint(text, 16, 64) // we wrote it
	return time.UnixMicro(int64(n ^ 1<<63)).UTC()
}

func runAt(r *asr.Run) string         { return placeOf(r.CreatedAt.UnixMicro(), r.ID) }
func findingAt(f *asr.Finding) string { return placeOf(f.UpdatedAt.UnixMicro(), f.ID) }
