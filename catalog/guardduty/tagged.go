package guardduty

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
)

const (
	tagLimit = 50                                                             // https://docs.aws.amazon.com/guardduty/latest/APIReference/API_TagResource.html
	resource = "arn:{partition}:guardduty:{region}:{account}:detector/{name}" // a detector, or what is under one: ID/filter/NAME
)

type labels struct {
	Keys     []string `json:"keys" doc:"Tag keys that must be there. None: one tag, whatever its key, is enough."`
	Fallback string   `json:"fallback" doc:"Key of the tag that a resource without any gets if no keys are asked for."`
}

type tags struct {
	Tags map[string]string `json:"tags"` // without AWS's own
}

// Tagged puts the tag keys that are asked for on detectors and filters.
var Tagged = remedy.Unit[labels, tags]{
	Spec: asr.Spec{
		ID: "guardduty-tagged", Version: 1,
		Title:  "Tag GuardDuty detectors and filters",
		Impact: "Tag keys that are missing are added with an empty value, for the owner to fill in. Tags that are there keep their values. Policies that decide by tags, and bills, see the new keys.",
		Risk:   asr.RiskLow, RiskWhy: "GuardDuty works on as before, and no tag that is there is touched",
		Scope: asr.ScopeResource, Resources: []string{resource},
		Reads: []asr.Grant{
			asr.Allow("*", "guardduty:ListDetectors", "guardduty:ListFilters"), asr.Allow(resource, "guardduty:ListTagsForResource"),
		},
		Writes: []asr.Grant{asr.Allow(resource, "guardduty:TagResource", "guardduty:UntagResource")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]labels{"GuardDuty.2": {Keys: []string{}, Fallback: "asr:tagged"}, "GuardDuty.4": {Keys: []string{}, Fallback: "asr:tagged"}},
	Validate: validateLabels,
	Read:     readTags,
	Want: func(on remedy.On[labels], now tags) (tags, error) {
		to := maps.Clone(now.Tags)
		if to == nil {
			to = map[string]string{}
		}
		for _, key := range asked(on.Params, now) {
			to[key] = now.Tags[key]
		}
		if n := len(to); n > tagLimit && n > len(now.Tags) {
			return now, asr.Refuse(fmt.Sprintf("it would have %d tags, and %d is the limit", n, tagLimit), "take tags away that nobody needs, then plan again")
		}
		return tags{to}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[labels], from, to tags) (err error) {
		api, arn := guardduty.NewFromConfig(cfg), on.Expand(resource)
		add, remove := map[string]string{}, []string{}
		for key, value := range to.Tags {
			if was, ok := from.Tags[key]; !ok || was != value {
				add[key] = value
			}
		}
		for key := range from.Tags {
			if _, ok := to.Tags[key]; !ok {
				remove = append(remove, key)
			}
		}
		if len(add) > 0 {
			_, err = api.TagResource(ctx, &guardduty.TagResourceInput{ResourceArn: &arn, Tags: add})
		}
		if len(remove) > 0 && err == nil {
			_, err = api.UntagResource(ctx, &guardduty.UntagResourceInput{ResourceArn: &arn, TagKeys: slices.Sorted(slices.Values(remove))})
		}
		return err
	},
}

// asked are the keys that must be there: those of the parameters, else the
// fallback on what has no tag at all.
func asked(p labels, now tags) (keys []string) {
	for _, key := range p.Keys {
		if key = strings.TrimSpace(key); key != "" {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 && len(now.Tags) == 0 {
		return []string{p.Fallback}
	}
	return keys
}

var tagKey = regexp.MustCompile(`^[a-zA-Z+-=._:/]{1,128}$`) // GuardDuty's own pattern, in its API's model

func validateLabels(on remedy.On[labels]) error {
	for _, key := range asked(on.Params, tags{}) {
		if !tagKey.MatchString(key) || strings.HasPrefix(strings.ToLower(key), "aws:") {
			return fmt.Errorf("%q can't be a tag key of GuardDuty: letters, digits and + - = . _ : / are allowed, and no aws: in front", key)
		}
	}
	return nil
}

func readTags(ctx context.Context, cfg aws.Config, on remedy.On[labels]) (t tags, err error) {
	api := guardduty.NewFromConfig(cfg)
	if found, err := exists(ctx, api, on.Name); err != nil || !found {
		return t, gone(err)
	}
	out, err := api.ListTagsForResource(ctx, &guardduty.ListTagsForResourceInput{ResourceArn: aws.String(on.Expand(resource))})
	if err != nil {
		return t, err
	}
	maps.DeleteFunc(out.Tags, func(key, _ string) bool { return strings.HasPrefix(key, "aws:") })
	return tags{out.Tags}, nil
}
