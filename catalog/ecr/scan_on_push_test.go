package ecr

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"pgregory.net/rapid"
)

func TestScanOnPush(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api, name := ecr.NewFromConfig(acct.Config), "team/app"
	_, err := api.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name, ImageTagMutability: types.ImageTagMutabilityImmutable})
	remedytest.Must(t, name, err)
	remedytest.Lifecycle(t, acct, ScanOnPush, remedytest.Case{
		Name: "off", Control: "ECR.1", Resource: acct.Expand(repository, name), Want: []string{"onPush: false → true"},
		View: acct.Boto("ecr", "describe_repositories", map[string]any{"repositoryNames": []string{name}}, "repositories.0"),
		Seen: []string{"imageScanningConfiguration.scanOnPush: false → true"},
		Gone: func() {
			_, err := api.DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String(name)})
			remedytest.Must(t, name, err)
		},
	})
}

// Names have slashes, and Regions of GovCloud one part more.
func TestARepositoryOfAnyPartitionIsAResource(t *testing.T) {
	for id, region := range map[string]string{
		"arn:aws:ecr:eu-west-1:111111111111:repository/team/app": "eu-west-1", "arn:aws-us-gov:ecr:us-gov-west-1:111111111111:repository/team/app": "us-gov-west-1",
	} {
		if got, err := ScanOnPush.Spec.Locate("111111111111", region, asr.Resource{ID: id}); err != nil || got.Name != "team/app" || got.Region != region || got.Expand(repository) != id {
			t.Errorf("%s is located as %+v: %v", id, got, err)
		}
	}
}

func TestScanOnPushTouchesNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		remedytest.Stable(t, ScanOnPush, remedy.On[struct{}]{}, rapid.Make[scanning]().Draw(t, "state"), "onPush")
	})
}
