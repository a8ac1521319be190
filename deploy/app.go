package main

import (
	"fmt"
	"os"
	"path/filepath"

	"example.com/asr/deployed"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// File is a template as it is committed.
type File struct {
	Name string
	Text []byte
}

// stacks are the templates, in the order in which they are deployed.
var stacks = []struct {
	name, description string
	build             func(awscdk.Stack) error
}{
	{"asr-hub", "asr: fixes Security Hub findings across an organization. The hub: once, in the Security Hub administrator's account and its aggregation Region.", hub},
	{"asr-member", "asr: the role that the hub assumes in this account, and the roles that fixes hand to AWS services. Once per account (and installation, if there are several).", member},
	{"asr-runbooks", "asr: a Systems Manager Automation document for each remediation, which asks the hub. Optional, per account and Region.", runbooks},
}

// Synthesize builds all templates, and the page that shows them. The same code
// gives the same bytes.
func Synthesize() (templates []File, page File, err error) {
	dir, err := os.MkdirTemp("", "asr-deploy-")
	if err != nil {
		return nil, page, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // of the CDK's own files, which nobody needs
	app := awscdk.NewApp(&awscdk.AppProps{
		Outdir: &dir, AnalyticsReporting: jsii.Bool(false), TreeMetadata: jsii.Bool(false),
		Context: &map[string]any{"aws:cdk:disable-asset-staging": true, "aws:cdk:disable-stack-trace": true},
	})
	for _, s := range stacks {
		// No bucket, parameter or rule of the CDK's bootstrap: whoever launches a template may have none.
		stack := awscdk.NewStack(app, jsii.String(s.name), &awscdk.StackProps{
			Description: jsii.String(s.description), AnalyticsReporting: jsii.Bool(false),
			Synthesizer: awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{
				FileAssetsBucketName: jsii.String("unused"), GenerateBootstrapVersionRule: jsii.Bool(false),
			}),
		})
		if err := s.build(stack); err != nil {
			return nil, page, fmt.Errorf("%s: %w", s.name, err)
		}
		awscdk.Tags_Of(stack).Add(jsii.String("app"), jsii.String("asr"), nil)
	}
	app.Synth(nil)
	if templates, err = rendered(dir); err != nil {
		return nil, page, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "asr-hub.template.json"))
	if err != nil {
		return nil, page, err
	}
	page.Name = "architecture.md"
	page.Text, err = picture(raw)
	return templates, page, err
}

// rendered are the templates that the CDK left as JSON, as YAML.
func rendered(dir string) ([]File, error) {
	var files []File
	for _, s := range stacks {
		raw, err := os.ReadFile(filepath.Join(dir, s.name+".template.json"))
		if err != nil {
			return nil, err
		}
		text, err := deployed.YAML(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		files = append(files, File{s.name + ".yaml", append([]byte("# "+s.name+": written by make templates; edits are lost.\n"), text...)})
	}
	return files, nil
}
