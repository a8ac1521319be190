package ssm

import (
	"context"
	"maps"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

const (
	document = "arn:{partition}:ssm:{region}:{account}:document/{name}"
	everyone = "all" // where an account would stand
)

// sharing is who else may use a document.
type sharing struct {
	Shared map[string]string `json:"shared"` // accounts, or "all", and the version that each may use: "$DEFAULT"
}

// DocumentsPrivate ends the sharing of a document with everyone.
var DocumentsPrivate = remedy.Unit[none, sharing]{
	Spec: asr.Spec{
		ID: "ssm-documents-private", Version: 1,
		Title:  "Make Systems Manager documents private",
		Impact: "Other AWS accounts can no longer read or run the document; those that are named keep it. Undo shares it with everyone again, unless public sharing is blocked meanwhile (ssm-block-public-sharing) or accounts were named.",
		Risk:   asr.RiskMedium, RiskWhy: "accounts that use a document which was meant to be public lose it; the account's own use goes on",
		Scope: asr.ScopeResource, Resources: []string{document},
		Reads:  []asr.Grant{asr.Allow(document, "ssm:DescribeDocumentPermission")},
		Writes: []asr.Grant{asr.Allow(document, "ssm:ModifyDocumentPermission")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]none{"SSM.4": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (sharing, error) {
		api, s := ssm.NewFromConfig(cfg), sharing{map[string]string{}}
		in := &ssm.DescribeDocumentPermissionInput{Name: &on.Name, PermissionType: types.DocumentPermissionTypeShare}
		for {
			out, err := api.DescribeDocumentPermission(ctx, in)
			if err != nil {
				return s, remedy.Gone(err, "InvalidDocument")
			}
			s.add(out)
			if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
				return s, nil
			}
		}
	},
	Want: func(_ remedy.On[none], now sharing) (sharing, error) {
		to := sharing{maps.Clone(now.Shared)}
		delete(to.Shared, everyone)
		return to, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to sharing) error {
		in := &ssm.ModifyDocumentPermissionInput{Name: &on.Name, PermissionType: types.DocumentPermissionTypeShare}
		version, public := to.Shared[everyone]
		switch {
		case !public:
			in.AccountIdsToRemove = []string{everyone}
		case len(from.Shared) > 0 && from.Shared[everyone] == "":
			return asr.Refuse("the document is shared with named accounts by now, and AWS shares either with those or with everyone", "share it by hand, if everyone shall have it")
		default:
			in.AccountIdsToAdd, in.SharedDocumentVersion = []string{everyone}, &version
		}
		_, err := ssm.NewFromConfig(cfg).ModifyDocumentPermission(ctx, in)
		return err
	},
}

// add notes a page of accounts.
func (s sharing) add(page *ssm.DescribeDocumentPermissionOutput) {
	for _, account := range page.AccountIds {
		s.Shared[strings.ToLower(account)] = "$DEFAULT" // AWS's own choice, where it says nothing
	}
	for _, i := range page.AccountSharingInfoList {
		if version := aws.ToString(i.SharedDocumentVersion); version != "" {
			s.Shared[strings.ToLower(aws.ToString(i.AccountId))] = version
		}
	}
}
