package ecr

import (
	"testing"

	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func TestScanOnPush(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api, name := ecr.NewFromConfig(acct.Config), "team/app"
	_, err := api.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name, ImageTagMutability: types.ImageTagMutabilityImmutable})
	remedytest.Must(t, name, err)
	remedytest.Lifecycle(t, acct, ScanOnPush, remedytest.Case{
		Name: "off", Control: "ECR.1", Resource: acct.Expand(repository, name), Want: []string{"onPush: false → true"},
		View: func() any {
			out, err := api.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{RepositoryNames: []string{name}})
			return remedytest.Must(t, out, err).Repositories
		},
		Gone: func() {
			_, err := api.DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String(name)})
			remedytest.Must(t, name, err)
		},
	})
}
