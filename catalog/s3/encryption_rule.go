package s3

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// encryptionElements are all of the document:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html
const encryptionElements = "Rule ApplyServerSideEncryptionByDefault SSEAlgorithm KMSMasterKeyID BucketKeyEnabled BlockedEncryptionTypes EncryptionType"

// encryptionRule is the only rule that a bucket can have. No rule is the
// default's: S3's own keys.
func encryptionRule(ctx context.Context, cfg aws.Config, t asr.Target) (rule types.ServerSideEncryptionRule, err error) {
	out, err := s3.NewFromConfig(cfg).GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &t.Name, ExpectedBucketOwner: &t.Account}, complete(encryptionElements))
	if err = remedy.Unless(err, "ServerSideEncryptionConfigurationNotFoundError"); err != nil {
		return rule, remedy.Gone(err, "NoSuchBucket")
	}
	if out != nil && out.ServerSideEncryptionConfiguration != nil && len(out.ServerSideEncryptionConfiguration.Rules) > 0 {
		rule = out.ServerSideEncryptionConfiguration.Rules[0]
	}
	if rule.ApplyServerSideEncryptionByDefault == nil {
		rule.ApplyServerSideEncryptionByDefault = &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}
	}
	return rule, nil
}

// logServices are those that a bucket's policy lets deliver logs, of the
// services that can't write where a KMS key encrypts by default:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
func logServices(ctx context.Context, cfg aws.Config, t asr.Target) (map[string]bool, error) {
	policy, err := policyOf(ctx, cfg, t)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, s := range policy.Statements() {
		statement, _ := s.(map[string]any)
		who, _ := statement["Principal"].(map[string]any)
		for _, service := range remedy.Texts(who["Service"]) {
			if statement["Effect"] == "Allow" && (service == "logging.s3.amazonaws.com" || service == "logdelivery.elasticloadbalancing.amazonaws.com") {
				found[service] = true
			}
		}
	}
	return found, nil
}

// keyID is the id of a KMS key, of one Region or several.
var keyID = regexp.MustCompile(`^([0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|mrk-[0-9a-f]{32})$`)

// validKey refuses what names no KMS key that S3 takes for a bucket of the
// target's Region.
func validKey(t asr.Target, key string) error {
	switch name, isAlias := strings.CutPrefix(key, "alias/"); {
	case key == "" || isAlias && name != "" || keyID.MatchString(key):
		return nil
	case strings.HasPrefix(key, t.Expand("arn:{partition}:kms:{region}:")):
		return nil
	}
	return fmt.Errorf("key is %q: name the id, the ARN or the alias, as alias/mine, of a KMS key in %s", key, t.Region)
}
