package cloudtrail

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

const (
	anyBucket = "arn:{partition}:s3:::*"                                // the trail says which
	anyTrail  = "arn:{partition}:cloudtrail:{region}:{account}:trail/*" // one key serves all that live in a Region
)

type encryption struct {
	Key string `json:"key" doc:"The KMS key that the log is encrypted with: its alias without alias/, and a key is made if there is none of that name; or a key's ARN, and that key's policy must let CloudTrail encrypt. It must be in the Region of the trail's bucket."`
}

// sealing is what a trail's log is encrypted with. What doesn't exist is empty.
type sealing struct {
	Named   string `json:"named"`   // the ARN of the alias of the key that the parameter names
	Key     string `json:"key"`     // the key in use: that ARN if it is the one, else its own; empty: S3's own
	Problem string `json:"problem"` // why a key that is named won't do
}

// Encrypted lets CloudTrail encrypt what it delivers with a KMS key.
var Encrypted = remedy.Unit[encryption, sealing]{
	Spec: asr.Spec{
		ID: "cloudtrail-encrypted", Version: 1,
		Title:  "Encrypt CloudTrail's log files with a KMS key",
		Impact: "New log and digest files are encrypted with a KMS key, which is made if it isn't there. Who reads them, people as well as tools that analyse logs, needs kms:Decrypt on that key from now on, and readers in other accounts must be let in by the key's policy. Files that are there stay as they are. Put back, new files are encrypted with S3's own key again; the key stays, since nobody could read without it what it encrypted.",
		Risk:   asr.RiskMedium, RiskWhy: "readers of the log who may not use the key can't read new files",
		Cost:  "1 USD a month for a key that is made, for all trails of the Region, and 0.03 USD per 10,000 requests",
		Scope: asr.ScopeResource, Resources: []string{trail},
		Reads: []asr.Grant{
			asr.Allow("*", "cloudtrail:DescribeTrails"), asr.Allow(trail, "cloudtrail:GetTrail"), asr.Allow(anyKey, "kms:DescribeKey"), asr.Allow(anyBucket, "s3:GetBucketLocation"),
		},
		Writes: []asr.Grant{
			asr.Allow("*", "kms:CreateKey", "kms:ListKeys"), asr.Allow(anyKey, "kms:ListResourceTags", "kms:EnableKeyRotation", "kms:CreateAlias"), asr.Allow(alias, "kms:CreateAlias"),
			asr.Allow(trail, "cloudtrail:UpdateTrail"),
		},
		Implied: append(ofOrganizations(), asr.Allow(anyKey, "kms:TagResource")),
		Locks:   []string{trail, alias},
		Settle:  5 * time.Second,
	},
	Controls: map[string]encryption{"CloudTrail.2": {"asr-cloudtrail"}},
	Resolve:  resolveTrail[encryption],
	Validate: func(on remedy.On[encryption]) error {
		if key := on.Params.Key; !keyARN.MatchString(key) && (!aliasName.MatchString(key) || strings.HasPrefix(key, "aws/") || strings.HasPrefix(key, "alias/")) {
			return errors.New("key must be the name of a key of your own, as in asr-cloudtrail, or the ARN of a key")
		}
		return nil
	},
	Read: readSealing,
	Want: func(on remedy.On[encryption], now sealing) (sealing, error) {
		switch {
		case now.Key != "":
			return now, nil
		case now.Problem != "":
			return now, asr.Refuse(now.Problem, "set key to the ARN of a key in the Region of the trail's bucket whose policy lets CloudTrail encrypt for the trail, then plan again")
		case keyARN.MatchString(on.Params.Key):
			now.Key = on.Params.Key
			return now, nil
		}
		return sealing{Named: on.Expand(alias), Key: on.Expand(alias)}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[encryption], from, to sealing) error {
		if from.Named == "" && to.Named != "" {
			return makeKey(ctx, kms.NewFromConfig(cfg), on.Target, on.Call, cmk{on.Expand("alias/{params.key}"), on.Expand(anyTrail)})
		}
		_, err := cloudtrail.NewFromConfig(cfg).UpdateTrail(ctx, &cloudtrail.UpdateTrailInput{Name: &on.ID, KmsKeyId: &to.Key}) // "": S3's own
		return heeded(err)
	},
	Keep: func(_ remedy.On[encryption], c asr.Change) string {
		if c.Path[0] == "named" {
			return "without it, nobody could read the log that it encrypted"
		}
		return ""
	},
	Makes: func(on remedy.On[encryption], c asr.Change) string {
		if c.Path[0] == "named" {
			return on.Expand(alias)
		}
		return ""
	},
}

var (
	keyARN    = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+$`)
	aliasName = regexp.MustCompile(`^[A-Za-z0-9/_-]{1,250}$`)
)
