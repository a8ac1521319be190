// Package schema is the shape of asr's DynamoDB table, for those who make it:
// the CDK app, tests. It imports nothing, so that they need no AWS client.
package schema

// Index is a global secondary index. It projects keys only: lists load their
// items from the table, and a change that touches no key of an index costs it
// no write.
type Index struct {
	Name  string
	Hash  string
	Range string // "" if it has none
}

// Shape is a table's keys, all of them strings, and its indexes.
type Shape struct {
	Hash, Range string
	TTL         string // the attribute that DynamoDB deletes items by, in seconds since 1970
	Indexes     []Index
}

// Table is asr's one table. Its billing is on demand.
var Table = Shape{
	Hash: "pk", Range: "sk", TTL: "expireAt",
	Indexes: []Index{ByStatus, ByAccount, ByControl, ByResource, ByDue},
}

// The indexes. docs/dev/dynamo.md explains their keys.
var (
	ByStatus   = Index{Name: "by-status", Hash: "status", Range: "at"}
	ByAccount  = Index{Name: "by-account", Hash: "account", Range: "at"}
	ByControl  = Index{Name: "by-control", Hash: "control", Range: "at"}
	ByResource = Index{Name: "by-resource", Hash: "resource"}
	ByDue      = Index{Name: "by-due", Hash: "due", Range: "dueAt"}
)

// Where documents that no item can hold go in the bucket. What is below Ended
// belongs to items that expire, and a lifecycle rule is to delete it when it is
// older than the retention. What is below Open is deleted by asr, and no rule
// may touch it.
const (
	Open  = "large/open/"
	Ended = "large/ended/"
)

// Attributes are the names of all key attributes, of the table and its indexes.
func (s Shape) Attributes() []string {
	names := []string{s.Hash, s.Range}
	seen := map[string]bool{s.Hash: true, s.Range: true, "": true}
	for _, i := range s.Indexes {
		for _, name := range []string{i.Hash, i.Range} {
			if !seen[name] {
				seen[name], names = true, append(names, name)
			}
		}
	}
	return names
}
