package s3

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

type forbidden struct {
	Actions []string `json:"actions" doc:"Actions, with * if need be, that the bucket's policy may allow no other account."`
}

// grants is a bucket's policy, statement by statement, and what tells whom it
// means.
type grants struct {
	Named    map[string]remedy.Document `json:"named"`    // the statements by their Sid
	Nameless []remedy.Document          `json:"nameless"` // those without, or with one that another has
	Rest     remedy.Document            `json:"rest"`     // Version and Id; none: there is no policy
	Single   bool                       `json:"single"`   // the only statement stands without a list
	Owner    string                     `json:"owner"`    // canonical user id of the bucket's account, if the policy has any
}

// RestrictOtherAccounts takes dangerous actions from other accounts. Like the
// control it goes by principals, and no condition makes up for one:
// https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-blacklisted-actions-prohibited.html
var RestrictOtherAccounts = remedy.Unit[forbidden, grants]{
	Spec: asr.Spec{
		ID: "s3-restrict-other-accounts", Version: 1,
		Title:  "Take dangerous actions on S3 buckets from other accounts",
		Impact: "Other accounts, those of the own organization included, can't do the named actions on the bucket any more, by default change its policy, its ACLs and its encryption; writers that set an ACL on what they upload are refused. What else the policy allows stays. Where a statement lets in everybody, principals of the own account keep these actions only if IAM policies allow them.",
		Risk:   asr.RiskMedium, RiskWhy: "a partner that manages the bucket, or uploads with an ACL, is refused",
		Scope: asr.ScopeResource, Resources: []string{bucket},
		Reads:  []asr.Grant{asr.Allow(bucket, "s3:GetBucketPolicy", "s3:GetBucketAcl")},
		Writes: []asr.Grant{asr.Allow(bucket, "s3:PutBucketPolicy", "s3:DeleteBucketPolicy")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]forbidden{"S3.6": {[]string{"s3:DeleteBucketPolicy", "s3:PutBucketAcl", "s3:PutBucketPolicy", "s3:PutEncryptionConfiguration", "s3:PutObjectAcl"}}},
	Validate: func(on remedy.On[forbidden]) error {
		for _, a := range on.Params.Actions {
			if a = strings.TrimSpace(a); !strings.HasPrefix(a, "s3:") || a == "s3:" || strings.ContainsAny(a, " $,") {
				return fmt.Errorf("actions holds %q, which is no action of S3", a)
			}
		}
		if len(on.Params.Actions) == 0 {
			return errors.New("actions is empty: name at least one")
		}
		return nil
	},
	Read: readGrants,
	Want: wantGrants,
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[forbidden], from, to grants) error {
		live, err := policyOf(ctx, cfg, on.Target)
		if err != nil {
			return err
		}
		return writePolicy(ctx, cfg, on.Target, to.document(live, from))
	},
}

func readGrants(ctx context.Context, cfg aws.Config, on remedy.On[forbidden]) (g grants, err error) {
	doc, err := policyOf(ctx, cfg, on.Target)
	if err != nil {
		return g, err
	}
	g = grantsOf(doc)
	if !strings.Contains(doc.Text(), `"CanonicalUser"`) {
		return g, nil
	}
	acl, err := s3.NewFromConfig(cfg).GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: &on.Name, ExpectedBucketOwner: &on.Account})
	if err == nil && acl.Owner != nil {
		g.Owner = aws.ToString(acl.Owner.ID)
	}
	return g, remedy.Gone(err, "NoSuchBucket")
}

func wantGrants(on remedy.On[forbidden], now grants) (grants, error) {
	to := grants{Named: map[string]remedy.Document{}, Rest: now.Rest, Owner: now.Owner}
	for sid, s := range now.Named {
		for i, part := range restrict(on, now.Owner, s) {
			if i > 0 { // the other accounts' part: the own one's keeps the name
				part["Sid"] = unused(sid+"Others", now.Named)
			}
			to.Named[part["Sid"].(string)] = part
		}
	}
	for _, s := range now.Nameless {
		to.Nameless = append(to.Nameless, restrict(on, now.Owner, s)...)
	}
	if sid := now.namesake(); sid != "" && !reflect.DeepEqual([]any{to.Named, to.Nameless}, []any{now.Named, now.Nameless}) {
		return now, asr.Refuse("two statements of the policy have the Sid "+sid+", and can't be told apart when the fix is undone", "give each a Sid of its own, then plan again")
	}
	to.Single = now.Single && len(to.Named)+len(to.Nameless) == 1
	doc := to.document(nil, grants{})
	if doc == nil {
		return grants{Owner: now.Owner}, nil
	}
	if size := len(doc.Text()); size > policyLimit {
		return now, asr.Refuse(fmt.Sprintf("the policy would be %d bytes long, and %d is the limit", size, policyLimit), "shorten the policy, then plan again")
	}
	return to, nil
}
