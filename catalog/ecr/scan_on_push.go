// Package ecr fixes Elastic Container Registry.
package ecr

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

const repository = "arn:{partition}:ecr:{region}:{account}:repository/{name}"

type scanning struct {
	OnPush bool `json:"onPush"`
}

// ScanOnPush has images scanned for vulnerabilities when they are pushed.
var ScanOnPush = remedy.Unit[struct{}, scanning]{
	Spec: asr.Spec{
		ID: "ecr-scan-on-push", Version: 1,
		Title:  "Scan ECR images when they are pushed",
		Impact: "New images are scanned for known vulnerabilities when they are pushed; those that are there are not. Where the registry scans for itself (enhanced scanning), the repository's own setting has no effect.",
		Risk:   asr.RiskLow, RiskWhy: "pushing and pulling go on as before",
		Scope: asr.ScopeResource, Resources: []string{repository},
		Reads:  []asr.Grant{asr.Allow(repository, "ecr:DescribeRepositories")},
		Writes: []asr.Grant{asr.Allow(repository, "ecr:PutImageScanningConfiguration")},
		Settle: time.Second,
	},
	Controls: map[string]struct{}{"ECR.1": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[struct{}]) (scanning, error) {
		out, err := ecr.NewFromConfig(cfg).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RegistryId: &on.Account, RepositoryNames: []string{on.Name}})
		if err != nil {
			return scanning{}, remedy.Gone(err, "RepositoryNotFoundException")
		}
		c := out.Repositories[0].ImageScanningConfiguration
		return scanning{c != nil && c.ScanOnPush}, nil
	},
	Want: func(remedy.On[struct{}], scanning) (scanning, error) { return scanning{true}, nil },
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[struct{}], _, to scanning) error {
		_, err := ecr.NewFromConfig(cfg).PutImageScanningConfiguration(ctx, &ecr.PutImageScanningConfigurationInput{
			RegistryId: &on.Account, RepositoryName: &on.Name, ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: to.OnPush},
		})
		return err
	},
}
