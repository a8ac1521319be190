package s3

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"pgregory.net/rapid"
)

const aKey = "arn:aws:kms:eu-west-1:111111111111:key/00000000-0000-4000-8000-000000000000"

// encrypt sets a bucket's only rule, which blocks customers' own keys too.
func encrypt(t *testing.T, acct *remedytest.Account, name string, by types.ServerSideEncryption, key string, bucketKey bool) {
	t.Helper()
	rule := types.ServerSideEncryptionRule{
		ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: by}, BucketKeyEnabled: &bucketKey,
		BlockedEncryptionTypes: &types.BlockedEncryptionTypes{EncryptionType: []types.EncryptionType{types.EncryptionTypeSseC}},
	}
	if key != "" {
		rule.ApplyServerSideEncryptionByDefault.KMSMasterKeyID = &key
	}
	_, err := s3.NewFromConfig(acct.Config).PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{
		Bucket: &name, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{rule}},
	})
	remedytest.Must(t, name, err)
}

func TestDefaultEncryption(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	fresh, set := bareBucket(t, acct, "fresh"), newBucket(t, acct, "set")
	encrypt(t, acct, set, types.ServerSideEncryptionAes256, "", true)
	putPolicy(t, acct, set, `{"Version":"2012-10-17","Statement":[`+allow("theirs")+`]}`)
	at := "get_bucket_encryption.Rules[]: "
	kms := func(blocked string) string {
		return at + `none → {"ApplyServerSideEncryptionByDefault":{"KMSMasterKeyID":"` + aKey + `","SSEAlgorithm":"aws:kms"},` + blocked + `"BucketKeyEnabled":true}`
	}
	remedytest.Lifecycle(t, acct, DefaultEncryption, remedytest.Case{
		Name: "a bucket that nobody set anything of; a bare name", Control: "S3.4", Resource: fresh, Params: `{"key":"` + aKey + `"}`, View: wholeBucket(acct, fresh),
		Want: []string{`algorithm: "AES256" → "aws:kms"`, `bucketKey: false → true`, `key: "" → "` + aKey + `"`},
		Seen: []string{at + `{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"},"BucketKeyEnabled":false} → none`, kms("")},
		Gone: deleted(t, acct, fresh),
	}, remedytest.Case{
		Name: "what is blocked stays blocked", Control: "S3.4", Resource: acct.Expand(bucket, set), Params: `{"key":"` + aKey + `"}`, View: wholeBucket(acct, set),
		Want: []string{`algorithm: "AES256" → "aws:kms"`, `key: "" → "` + aKey + `"`},
		Seen: []string{
			at + `{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"},"BlockedEncryptionTypes":{"EncryptionType":["SSE-C"]},"BucketKeyEnabled":true} → none`,
			kms(`"BlockedEncryptionTypes":{"EncryptionType":["SSE-C"]},`),
		},
		Foreign: func() { encrypt(t, acct, set, types.ServerSideEncryptionAwsKms, "alias/theirs", true) },
	})
}

func TestEncryptionThatIsThereIsNotReplaced(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	name := newBucket(t, acct, "set")
	for params, by := range map[string]types.ServerSideEncryption{"": types.ServerSideEncryptionAes256, `{"key":"` + aKey + `"}`: types.ServerSideEncryptionAwsKms, `{"key":"alias/mine"}`: types.ServerSideEncryptionAwsKmsDsse} {
		encrypt(t, acct, name, by, "", false)
		if r := remedytest.End(t, acct, DefaultEncryption, remedytest.Case{Control: "S3.4", Resource: name, Params: params}); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", by, r.State, r.Error)
		}
	}
}

// S3 has encrypted every bucket since 2023: the control is retired, and what
// remains of its findings is out of date.
func TestABucketThatNobodySetAnythingOfIsEncryptedAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	if r := remedytest.End(t, acct, DefaultEncryption, remedytest.Case{Control: "S3.4", Resource: bareBucket(t, acct, "fresh")}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestLogsCanStillBeDelivered(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for _, service := range []string{"logging.s3.amazonaws.com", "logdelivery.elasticloadbalancing.amazonaws.com"} {
		name := newBucket(t, acct, strings.ReplaceAll(service, ".", "-")[:12])
		putPolicy(t, acct, name, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["x.amazonaws.com","`+service+`"]},"Action":"s3:PutObject","Resource":"arn:aws:s3:::NAME/*"}]}`)
		r := remedytest.End(t, acct, DefaultEncryption, remedytest.Case{Control: "S3.4", Resource: name, Params: `{"key":"` + aKey + `"}`})
		if r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, service) {
			t.Errorf("%s: the run ended %s: %+v", service, r.State, r.Error)
		}
		if r := remedytest.End(t, acct, DefaultEncryption, remedytest.Case{Control: "S3.4", Resource: name}); r.State != asr.StateNothingToDo {
			t.Errorf("%s and no key: the run ended %s: %+v", service, r.State, r.Error)
		}
	}
}

func TestAnEmptyKeyIsS3sOwnAndABareNameIsNoAlias(t *testing.T) {
	t.Parallel()
	on := remedy.On[encryptWith]{Target: asr.Target{Partition: "aws-us-gov", Region: "us-gov-west-1"}}
	for key, ok := range map[string]bool{
		"": true, "alias/mine": true, "00000000-0000-4000-8000-000000000000": true, "mrk-00000000000040008000000000000000": true, "arn:aws-us-gov:kms:us-gov-west-1:111111111111:key/x": true,
		"default-s3-encryption": false, "alias/": false, aKey: false,
	} {
		on.Params.Key = key
		if err := DefaultEncryption.Validate(on); (err == nil) != ok {
			t.Errorf("%q: %v", key, err)
		}
	}
	now := encryption{Algorithm: types.ServerSideEncryptionAes256}
	if to, err := DefaultEncryption.Want(remedy.On[encryptWith]{Params: DefaultEncryption.Controls["S3.4"]}, now); err != nil || to.Algorithm != now.Algorithm {
		t.Errorf("no key: got %+v, %v", to, err)
	}
}

func TestEncryptionIsNeverWeakened(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := encryption{
			Algorithm: rapid.SampledFrom([]types.ServerSideEncryption{types.ServerSideEncryptionAes256, types.ServerSideEncryptionAwsKms, types.ServerSideEncryptionAwsKmsDsse}).Draw(t, "by"),
			BucketKey: rapid.Bool().Draw(t, "bucket key"), Logs: rapid.MapOf(rapid.Just("logging.s3.amazonaws.com"), rapid.Just(true)).Draw(t, "logs"),
		}
		if now.Algorithm != types.ServerSideEncryptionAes256 {
			now.Key = rapid.SampledFrom([]string{"", "alias/theirs"}).Draw(t, "key")
		}
		on := remedy.On[encryptWith]{Params: encryptWith{rapid.SampledFrom([]string{"", aKey}).Draw(t, "asked")}}
		remedytest.Stable(t, DefaultEncryption, on, now, "algorithm", "key", "bucketKey")
		to, err := DefaultEncryption.Want(on, now)
		if now.Algorithm != types.ServerSideEncryptionAes256 && (err != nil || to.Algorithm != now.Algorithm || to.Key != now.Key) {
			t.Fatalf("%+v becomes %+v, %v", now, to, err)
		}
	})
}
