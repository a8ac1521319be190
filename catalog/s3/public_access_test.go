package s3

import (
	"context"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"pgregory.net/rapid"
)

func TestBlockPublicAccess(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := s3.NewFromConfig(acct.Config)
	put := func(name string, b blocks) {
		_, err := api.PutPublicAccessBlock(t.Context(), &s3.PutPublicAccessBlockInput{Bucket: &name, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: &b.BlockACLs, IgnorePublicAcls: &b.IgnoreACLs, BlockPublicPolicy: &b.BlockPolicy, RestrictPublicBuckets: &b.Restrict,
		}})
		remedytest.Must(t, name, err)
	}
	unset, some, off := newBucket(t, acct, "unset"), newBucket(t, acct, "some"), newBucket(t, acct, "off")
	put(some, blocks{BlockACLs: true, Restrict: true})
	put(off, blocks{})
	everything := `{"blockAcls":true,"blockPolicy":true,"ignoreAcls":true,"restrict":true}`
	remedytest.Lifecycle(t, acct, BlockPublicAccess, remedytest.Case{
		Name: "nothing is set", Control: "S3.2", Resource: acct.Expand(bucket, unset), View: wholeBucket(acct, unset),
		Want: []string{"blocks: none → " + everything},
		Seen: []string{
			`get_public_access_block.Error: "NoSuchPublicAccessBlockConfiguration" → none`,
			"get_public_access_block.BlockPublicAcls: none → true", "get_public_access_block.BlockPublicPolicy: none → true",
			"get_public_access_block.IgnorePublicAcls: none → true", "get_public_access_block.RestrictPublicBuckets: none → true",
		},
		Foreign: func() { put(unset, blocks{BlockACLs: true}) },
	}, remedytest.Case{
		Name: "two of four", Control: "S3.3", Resource: acct.Expand(bucket, some), View: wholeBucket(acct, some),
		Want: []string{"blocks.blockPolicy: false → true", "blocks.ignoreAcls: false → true"},
		Seen: []string{"get_public_access_block.BlockPublicPolicy: false → true", "get_public_access_block.IgnorePublicAcls: false → true"},
	}, remedytest.Case{
		Name: "all four off, which is not the same as unset; a bare name", Control: "CloudTrail.6", Resource: off, View: wholeBucket(acct, off),
		Want: []string{"blocks.blockAcls: false → true", "blocks.blockPolicy: false → true", "blocks.ignoreAcls: false → true", "blocks.restrict: false → true"},
		Seen: []string{
			"get_public_access_block.BlockPublicAcls: false → true", "get_public_access_block.BlockPublicPolicy: false → true",
			"get_public_access_block.IgnorePublicAcls: false → true", "get_public_access_block.RestrictPublicBuckets: false → true",
		},
		Gone: deleted(t, acct, off),
	})
}

func TestABucketOfAnotherAccountIsNotTouched(t *testing.T) {
	t.Parallel()
	acct, other := remedytest.NewAccount(t), remedytest.NewAccount(t)
	theirs := newBucket(t, other, "theirs")
	r := remedytest.End(t, acct, BlockPublicAccess, remedytest.Case{Control: "S3.2", Resource: acct.Expand(bucket, theirs)})
	if r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeDenied {
		t.Errorf("the run ended %s %+v, want cannot_plan with access_denied", r.State, r.Error)
	}
}

func anyBlocks(t *rapid.T) publicAccess {
	b := rapid.Custom(func(t *rapid.T) *blocks {
		flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
		return &blocks{flag("blockACLs"), flag("ignoreACLs"), flag("blockPolicy"), flag("restrict")}
	})
	return publicAccess{rapid.OneOf(rapid.Just[*blocks](nil), b).Draw(t, "blocks")}
}

func TestBlocksAreOnlyEverTurnedOn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := anyBlocks(t)
		remedytest.Stable(t, BlockPublicAccess, remedy.On[none]{}, now, "blocks")
		remedytest.Stable(t, AccountBlockPublicAccess, remedy.On[none]{}, now, "blocks")
		for _, u := range []remedy.Unit[none, publicAccess]{BlockPublicAccess, AccountBlockPublicAccess} {
			to, err := u.Want(remedy.On[none]{}, now)
			if err != nil || *to.Blocks != (blocks{true, true, true, true}) {
				t.Fatalf("%+v becomes %+v, %v", now.Blocks, to.Blocks, err)
			}
		}
	})
}

func TestABlockThatDidNotTakeIsNoSuccess(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	deaf := func(u remedy.Unit[none, publicAccess]) remedy.Unit[none, publicAccess] {
		u.Write = func(context.Context, aws.Config, remedy.On[none], publicAccess, publicAccess) error { return nil }
		return u
	}
	for control, r := range map[string]asr.Run{
		"S3.1":         remedytest.End(t, acct, deaf(AccountBlockPublicAccess), remedytest.Case{Control: "S3.1"}),
		"S3.2":         remedytest.End(t, acct, deaf(BlockPublicAccess), remedytest.Case{Control: "S3.2", Resource: acct.Expand(bucket, newBucket(t, acct, "a"))}),
		"CloudTrail.6": remedytest.End(t, acct, deaf(BlockPublicAccess), remedytest.Case{Control: "CloudTrail.6", Resource: newBucket(t, acct, "b")}),
	} {
		if r.State != asr.StatePartly && r.State != asr.StateFailed || r.Error == nil {
			t.Errorf("%s: the run ended %s: %+v", control, r.State, r.Error)
		}
	}
}

func TestTheImpactSaysHowToFindWhatIsPublic(t *testing.T) {
	t.Parallel()
	if !strings.Contains(AccountBlockPublicAccess.Spec.Impact, "IAM Access Analyzer for S3 lists them") {
		t.Error("the impact doesn't say where an account's public buckets are listed")
	}
}
