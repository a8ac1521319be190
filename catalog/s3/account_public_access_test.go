package s3

import (
	"testing"

	"example.com/asr/remedy"
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
	view := func() any {
		out, err := api.GetPublicAccessBlock(t.Context(), &s3control.GetPublicAccessBlockInput{AccountId: &acct.ID})
		if remedy.Is(err, "NoSuchPublicAccessBlockConfiguration") {
			return nil
		}
		return remedytest.Must(t, out, err).PublicAccessBlockConfiguration
	}
	remedytest.Lifecycle(t, acct, AccountBlockPublicAccess, remedytest.Case{
		Name: "nothing is set", Control: "S3.1", View: view,
		Want:    []string{`blocks: none → {"blockAcls":true,"blockPolicy":true,"ignoreAcls":true,"restrict":true}`},
		Foreign: func() { put(blocks{BlockACLs: true}) },
	})
	put(blocks{BlockACLs: true, IgnoreACLs: true})
	remedytest.Lifecycle(t, acct, AccountBlockPublicAccess, remedytest.Case{
		Name: "two of four", Control: "S3.1", View: view,
		Want: []string{"blocks.blockPolicy: false → true", "blocks.restrict: false → true"},
	})
}
