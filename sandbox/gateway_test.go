package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	s3controltypes "github.com/aws/aws-sdk-go-v2/service/s3control/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

const (
	memberA = "222222222222"
	memberB = "333333333333"
	here    = "us-east-1"
	there   = "eu-central-1"
)

// assume returns a config of a role's session in an account.
func assume(t *testing.T, s *Sandbox, account, session string, more func(*sts.AssumeRoleInput)) aws.Config {
	t.Helper()
	in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/asr-member"), RoleSessionName: &session}
	if more != nil {
		more(in)
	}
	out, err := sts.NewFromConfig(s.HubConfig(here)).AssumeRole(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.HubConfig(here)
	c := out.Credentials
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	return cfg
}

// told is a call without what varies.
type told struct{ Account, Region, Service, Operation string }

func tell(calls []Call) []told {
	var all []told
	for _, c := range calls {
		all = append(all, told{c.Account, c.Region, c.Service, c.Operation})
	}
	return all
}

func TestEachProtocolReachesItsAccount(t *testing.T) {
	t.Parallel()
	s := start(t)
	cfg, ctx := s.Config(memberA, there), t.Context()
	steps := []func() error{
		func() error {
			_, err := s3.NewFromConfig(cfg).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("b-1"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: there}})
			return err
		},
		func() error {
			_, err := s3control.NewFromConfig(cfg).PutPublicAccessBlock(ctx, &s3control.PutPublicAccessBlockInput{
				AccountId: aws.String(memberA), PublicAccessBlockConfiguration: &s3controltypes.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)},
			})
			return err
		},
		func() error { _, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx, nil); return err },
		func() error { _, err := iam.NewFromConfig(cfg).ListUsers(ctx, nil); return err },
		func() error {
			_, err := cloudwatchlogs.NewFromConfig(cfg).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/g")})
			return err
		},
		func() error { _, err := lambda.NewFromConfig(cfg).ListFunctions(ctx, nil); return err },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Errorf("step %d: %v", i, err)
		}
	}
	want := []told{
		{memberA, there, "s3", "CreateBucket"},
		{memberA, there, "s3control", "PutPublicAccessBlock"},
		{memberA, there, "ec2", "DescribeVpcs"},
		{memberA, there, "iam", "ListUsers"},
		{memberA, there, "logs", "CreateLogGroup"},
		{memberA, there, "lambda", "ListFunctions"},
	}
	if diff := cmp.Diff(want, tell(s.Calls())); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	groups, err := cloudwatchlogs.NewFromConfig(s.Config(memberB, there)).DescribeLogGroups(ctx, nil)
	if err != nil || len(groups.LogGroups) != 0 {
		t.Errorf("another account sees %v (%v)", groups, err)
	}
	if missing := s.Missing(); len(missing) > 0 {
		t.Errorf("missing: %v", missing)
	}
}

func TestTheJournalNamesWhoAssumedWhat(t *testing.T) {
	t.Parallel()
	s := start(t)
	cfg := assume(t, s, memberA, "run-1", func(in *sts.AssumeRoleInput) {
		in.SourceIdentity = aws.String("alice")
		in.Policy = aws.String(`{"Version":"2012-10-17","Statement":[]}`)
	})
	id, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
	if err != nil || aws.ToString(id.Account) != memberA {
		t.Fatalf("identity %v (%v)", id, err)
	}
	if _, err := s3.NewFromConfig(cfg).ListBuckets(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	calls := s.Calls()
	if got, want := tell(calls), []told{{DefaultHub, here, "sts", "AssumeRole"}, {memberA, here, "sts", "GetCallerIdentity"}, {memberA, here, "s3", "ListBuckets"}}; !slices.Equal(got, want) {
		t.Fatalf("journal %v, want %v", got, want)
	}
	got := calls[2].Principal
	got.AccessKeyID = ""
	want := Identity{Account: memberA, Role: "arn:aws:iam::222222222222:role/asr-member", Session: "run-1", SourceIdentity: "alice", Policy: `{"Version":"2012-10-17","Statement":[]}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("principal (-want +got):\n%s", diff)
	}
	if calls[0].Principal.Role != "" || calls[0].Principal.Account != DefaultHub {
		t.Errorf("the operator is %+v", calls[0].Principal)
	}
	s.Reset()
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d calls after Reset", n)
	}
}

func TestTheJournalGoesToAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	s, err := Start(t.Context(), Config{State: path})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = s3.NewFromConfig(s.Config(memberA, here)).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("none")})
	want := s.Calls()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got []Call
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c Call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		got = append(got, c)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) != 1 || got[0].Status != http.StatusNotFound {
		t.Errorf("(-memory +file):\n%s", diff)
	}
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

func TestAKeyThatNobodyGaveOutIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	cfg := s.HubConfig(here)
	cfg.Credentials = credentials.NewStaticCredentialsProvider("AKIAUNKNOWNUNKNOWN12", "x", "")
	_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
	if got := code(err); got != "InvalidClientTokenId" {
		t.Errorf("sts: %v", err)
	}
	_, err = s3.NewFromConfig(cfg).ListBuckets(t.Context(), nil)
	if got := code(err); got != "InvalidAccessKeyId" {
		t.Errorf("s3: %v", err)
	}
}

func TestAUsersNewKeyWorks(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := iam.NewFromConfig(s.Config(memberA, here))
	if _, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("u")}); err != nil {
		t.Fatal(err)
	}
	k, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("u")})
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.HubConfig(here)
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey, "")
	id, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
	if err != nil || *id.Arn != "arn:aws:iam::222222222222:user/u" {
		t.Errorf("%v (%v)", id, err)
	}
}

func TestAMissingOperationIsLoud(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, err := rds.NewFromConfig(s.Config(memberA, here)).CreateTenantDatabase(t.Context(), &rds.CreateTenantDatabaseInput{
		DBInstanceIdentifier: aws.String("d"), MasterUsername: aws.String("m"), TenantDBName: aws.String("t"), MasterUserPassword: aws.String("secret-1"),
	})
	if code(err) != "NotImplemented" || !strings.Contains(err.Error(), "rds:CreateTenantDatabase") {
		t.Errorf("query: %v", err)
	}
	_, err = s3.NewFromConfig(s.Config(memberA, here)).GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: aws.String("none")})
	if code(err) != "NoSuchBucket" {
		t.Errorf("an AWS error must stay one: %v", err)
	}
	if got, want := s.Missing(), []string{"rds:CreateTenantDatabase"}; !slices.Equal(got, want) {
		t.Errorf("missing %v, want %v", got, want)
	}
}

func TestPresignedURLsAreUnderstood(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s3.NewFromConfig(s.Config(memberA, here))
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("b-2")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b-2"), Key: aws.String("a dir/ö"), Body: strings.NewReader("hello")}); err != nil {
		t.Fatal(err)
	}
	u, err := s3.NewPresignClient(c).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b-2"), Key: aws.String("a dir/ö")})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(u.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, _ := io.ReadAll(resp.Body); string(got) != "hello" {
		t.Errorf("got %q", got)
	}
	last := s.Calls()[2]
	if got, want := tell([]Call{last})[0], (told{memberA, here, "s3", "GetObject"}); got != want {
		t.Errorf("journal %v, want %v", got, want)
	}
}

func TestOperationsAreNamed(t *testing.T) {
	t.Parallel()
	table := readRoutes(restOperations)
	for _, row := range []struct{ service, method, url, header, want string }{
		{"s3", "GET", "/", "", "ListBuckets"},
		{"s3", "GET", "/?x-id=ListBuckets", "", "ListBuckets"},
		{"s3", "PUT", "/b", "", "CreateBucket"},
		{"s3", "PUT", "/b/", "", "CreateBucket"},
		{"s3", "PUT", "/b?policy", "", "PutBucketPolicy"},
		{"s3", "PUT", "/b?policy=", "", "PutBucketPolicy"},
		{"s3", "GET", "/b?policyStatus", "", "GetBucketPolicyStatus"},
		{"s3", "PUT", "/b?publicAccessBlock", "", "PutPublicAccessBlock"},
		{"s3", "GET", "/b?list-type=2&prefix=x", "", "ListObjectsV2"},
		{"s3", "GET", "/b?prefix=x", "", "ListObjects"},
		{"s3", "GET", "/b?notification", "", "GetBucketNotificationConfiguration"},
		{"s3", "GET", "/b?lifecycle", "", "GetBucketLifecycleConfiguration"},
		{"s3", "GET", "/b?analytics&id=1", "", "GetBucketAnalyticsConfiguration"},
		{"s3", "GET", "/b?analytics", "", "ListBucketAnalyticsConfigurations"},
		{"s3", "POST", "/b?delete", "", "DeleteObjects"},
		{"s3", "PUT", "/b/k/l", "", "PutObject"},
		{"s3", "PUT", "/b/k", "x-amz-copy-source", "CopyObject"},
		{"s3", "PUT", "/b/k?partNumber=1&uploadId=2", "", "UploadPart"},
		{"s3", "GET", "/b/k?acl", "", "GetObjectAcl"},
		{"s3control", "GET", "/v20180820/configuration/publicAccessBlock", "", "GetPublicAccessBlock"},
		{"lambda", "GET", "/2015-03-31/functions/f/policy", "", "GetPolicy"},
		{"lambda", "DELETE", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af/policy/sid", "", "RemovePermission"},
		{"securityhub", "POST", "/findings", "", "GetFindings"},
		{"securityhub", "PATCH", "/actionTargets/arn:aws:securityhub:us-east-1:1:action/custom/X", "", "UpdateActionTarget"},
		{"securityhub", "GET", "/findingAggregator/get/arn%3Aaws%3Asecurityhub%3Aus-east-1%3A1%3Afinding-aggregator%2Fx", "", "GetFindingAggregator"},
		{"lambda", "GET", "/nowhere", "", ""},
		{"nothing", "GET", "/", "", ""},
	} {
		r := httptest.NewRequest(row.method, "http://127.0.0.1"+row.url, nil)
		if row.header != "" {
			r.Header.Set(row.header, "x")
		}
		if got, _ := table.find(row.service, r); got != row.want {
			t.Errorf("%s %s %s: got %q, want %q", row.service, row.method, row.url, got, row.want)
		}
	}
}

func FuzzAnyRequestIsRead(f *testing.F) {
	f.Add("POST", "/", "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/ec2/aws4_request, SignedHeaders=h, Signature=s", "application/x-www-form-urlencoded", "Action=DescribeVpcs&Version=1")
	f.Add("PUT", "/b/k?acl", "AWS4-ECDSA-P256-SHA256 Credential=AKIA/20260101/s3/aws4_request", "", "x")
	f.Add("GET", "/?X-Amz-Credential=a%2Fb%2Fc%2Fs3%2Faws4_request", "", "", "")
	f.Add("POST", "/findings", "Credential=//////", "application/json", "{}")
	table := readRoutes(restOperations)
	f.Fuzz(func(t *testing.T, method, path, auth, contentType, body string) {
		r, err := http.NewRequest(method, "http://127.0.0.1/", strings.NewReader(body))
		if err != nil {
			return
		}
		if r.URL, err = r.URL.Parse(path); err != nil {
			return
		}
		r.Header.Set("Authorization", auth)
		r.Header.Set("Content-Type", contentType)
		q, err := read(r, table)
		if err != nil {
			t.Fatal(err)
		}
		a := failure(q.protocol, http.StatusBadRequest, "Code<&\"", "message\x00")
		if q.protocol != cborRPC && errorCode(a) == "" {
			t.Errorf("%s %s: an error without a code", method, path)
		}
	})
}
