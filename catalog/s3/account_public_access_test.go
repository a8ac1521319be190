package s3

import (
	"testing"

	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/s3control/types"
)

func TestAccountBlockPublicAccess(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := s3control.NewFromConfig(acct.Config)
	put := func(b blocks) {
		_, err := api.PutPublicAccessBlock(t.Context(), &s3control.PutPublicAccessBlockInput{AccountId: &acct.ID, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: &b.BlockACLs, IgnorePublicAcls: &b.IgnoreACLs, BlockPublicPolicy: &b.BlockPolicy, RestrictPublicBuckets: &b.Restrict,
		}})
		remedytest.Must(t, 0, err)
	}
	view := acct.Boto("s3control", "get_public_access_block", map[string]any{"AccountId": acct.ID}, "PublicAccessBlockConfiguration")
	remedytest.Lifecycle(t, acct, AccountBlockPublicAccess, remedytest.Case{
		Name: "nothing is set", Control: "S3.1", View: view,
		Want:    []string{`blocks: none → {"blockAcls":true,"blockPolicy":true,"ignoreAcls":true,"restrict":true}`},
		Foreign: func() { put(blocks{BlockACLs: true}) },
		Seen: []string{
			`Error: "NoSuchPublicAccessBlockConfiguration" → none`,
			"BlockPublicAcls: none → true", "BlockPublicPolicy: none → true", "IgnorePublicAcls: none → true", "RestrictPublicBuckets: none → true",
		},
		Seed: func() {
			_, err := api.DeletePublicAccessBlock(t.Context(), &s3control.DeletePublicAccessBlockInput{AccountId: &acct.ID})
			remedytest.Must(t, 0, err)
		},
	}, remedytest.Case{
		Name: "two of four", Control: "S3.1", View: view, Seed: func() { put(blocks{BlockACLs: true, IgnoreACLs: true}) },
		Want: []string{"blocks.blockPolicy: false → true", "blocks.restrict: false → true"},
		Seen: []string{"BlockPublicPolicy: false → true", "RestrictPublicBuckets: false → true"},
	})
}
