package dynamodb

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/asr"
	"example.com/asr/remedy"
)

// Limits of tags, and the prefix of those that are AWS's own:
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Tagging.html
const (
	mostTags     = 50
	longestKey   = 128
	longestValue = 256
	systemTag    = "aws:"
)

type required struct {
	Keys  []string `json:"keys" doc:"Keys of the tags that the table must have. None: any tag will do."`
	Value string   `json:"value" doc:"Value of the tags that are added. Without it, none are."`
}

// tags are a table's own, by their keys; those of AWS are not among them.
type tags struct {
	Tags map[string]string `json:"tags"`
}

// Tagged adds the tags that a table lacks.
var Tagged = remedy.Unit[required, tags]{
	Spec: asr.Spec{
		ID: "dynamodb-tagged", Version: 1,
		Title:  "Tag DynamoDB tables",
		Impact: "The table gets the tags that it lacks, all with the same value. Tags that it has keep their values. Cost reports and policies that go by tags take the new ones into account.",
		Risk:   asr.RiskLow, RiskWhy: "tags are only added, and only policies that go by them notice",
		Scope: asr.ScopeResource, Resources: []string{table},
		Reads:  []asr.Grant{asr.Allow(table, "dynamodb:ListTagsOfResource")},
		Writes: []asr.Grant{asr.Allow(table, "dynamodb:TagResource", "dynamodb:UntagResource")},
		Settle: 5 * time.Second,
	},
	Controls: map[string]required{"DynamoDB.5": {Keys: []string{}}},
	Read:     readTags,
	Want:     wantTags,
	Write:    writeTags,
	Validate: func(on remedy.On[required]) error {
		for _, key := range on.Params.Keys {
			if key == "" || utf8.RuneCountInString(key) > longestKey || strings.HasPrefix(key, systemTag) {
				return fmt.Errorf("%q can't be the key of a tag: it has 1 to %d characters and doesn't begin with %s", key, longestKey, systemTag)
			}
		}
		if n := utf8.RuneCountInString(on.Params.Value); n > longestValue {
			return fmt.Errorf("value has %d characters, and %d is the limit", n, longestValue)
		}
		return nil
	},
}

func wantTags(on remedy.On[required], now tags) (tags, error) {
	missing := slices.DeleteFunc(slices.Clone(on.Params.Keys), func(key string) bool { _, has := now.Tags[key]; return has })
	to := tags{maps.Clone(now.Tags)}
	switch {
	case len(on.Params.Keys) == 0 && len(now.Tags) == 0:
		return now, asr.Refuse("the table has no tags, and which it should have isn't said", "set keys and value, then plan again")
	case len(missing) == 0:
		return now, nil
	case on.Params.Value == "":
		return now, asr.Refuse("the table lacks the tags "+strings.Join(missing, ", ")+", and their value isn't said", "set value, then plan again, or tag the table by hand")
	case to.Tags == nil:
		to.Tags = map[string]string{}
	}
	for _, key := range missing {
		to.Tags[key] = on.Params.Value
	}
	if len(to.Tags) > mostTags {
		return now, asr.Refuse(fmt.Sprintf("the table would have %d tags, and %d is the limit", len(to.Tags), mostTags), "take tags away that nobody needs, then plan again")
	}
	return to, nil
}
