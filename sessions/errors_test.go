package sessions

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
)

const user = "User: arn:aws:sts::111111111111:assumed-role/Operators/jane is not authorized to perform: "

func TestWhatSTSSaysBecomesAdvice(t *testing.T) {
	t.Parallel()
	const role = " on resource: arn:aws:iam::222222222222:role/asr-member"
	for _, tt := range []struct {
		name  string
		fault fault
		want  asr.Code
		says  string // in the message
		do    string // in the advice
	}{
		{"no role, or no trust", fault{403, "AccessDenied", user + "sts:AssumeRole" + role}, asr.CodeNoRole, "doesn't exist, or doesn't trust asr", "deploy asr-member in account 222222222222"},
		{"no trust, in newer words", fault{403, "AccessDenied", user + "sts:AssumeRole" + role + " because no trust policy allows the sts:AssumeRole action"}, asr.CodeNoRole, "doesn't trust asr", "docs/operate/accounts.md"},
		{"our own policy", fault{403, "AccessDenied", user + "sts:AssumeRole" + role + " because no identity-based policy allows the sts:AssumeRole action"}, asr.CodeNoRole, "asr's own credentials", "allow them sts:AssumeRole"},
		{"an SCP denies", fault{403, "AccessDenied", user + "sts:AssumeRole" + role + " with an explicit deny in a service control policy"}, asr.CodeDenied, "service control policy", "except arn:aws:iam::222222222222:role/asr-member"},
		{"a boundary denies", fault{403, "AccessDenied", user + "sts:AssumeRole" + role + " with an explicit deny in a permissions boundary: arn:aws:iam::1:policy/b"}, asr.CodeDenied, "permissions boundary", "exclude the account"},
		{"no SCP allows", fault{403, "AccessDenied", user + "sts:AssumeRole" + role + " because no service control policy allows the sts:AssumeRole action"}, asr.CodeDenied, "no service control policy allows", "exclude the account"},
		{"no name may be given", fault{403, "AccessDenied", user + "sts:SetSourceIdentity" + role}, asr.CodeNoRole, "name who acts", "sts:SetSourceIdentity"},
		{"a name was given before", fault{403, "AccessDenied", "The calling session already has a source identity; it cannot be changed"}, asr.CodeNoRole, "source identity already", "--keep-source-identity"},
		{"the Region is off in the account", fault{403, "RegionDisabledException", "STS is not activated in this region for account:222222222222."}, asr.CodeRegionOff, "can't be reached in eu-west-1", "enable eu-west-1 in account 222222222222"},
		{"our session is over", fault{403, "ExpiredToken", "The security token included in the request is expired"}, asr.CodeSignedOut, "expired", "sign in again"},
		{"our key is gone", fault{403, "InvalidClientTokenId", "The security token included in the request is invalid"}, asr.CodeDenied, "asr's own AWS credentials", "configure credentials"},
		{"the session would last too long", fault{400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."}, asr.CodeBadInput, "15m0s", "shorter"},
		{"a policy that is none", fault{400, "MalformedPolicyDocument", "Syntax errors in policy."}, asr.CodeInternal, "session policy", "report this"},
		{"too many at once", fault{400, "Throttling", "Rate exceeded"}, asr.CodeThrottled, "Rate exceeded", "wait"},
		{"AWS is ill", fault{500, "InternalFailure", "oops"}, asr.CodeUnavailable, "oops", "wait"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.sts = func(string, url.Values) *fault { return &tt.fault }
			_, err := c.sessions(t, &store{}).Dial(t.Context(), reading())
			if asr.Classify(err) != tt.want || !strings.Contains(err.Error(), tt.says) || !strings.Contains(asr.Advice(err), tt.do) {
				t.Errorf("error = %v (%s)\nadvice: %s\nwant %s saying %q, advising %q", err, asr.Classify(err), asr.Advice(err), tt.want, tt.says, tt.do)
			}
			if !remedy.Is(err, tt.fault.code) {
				t.Errorf("AWS's own error is lost: %v", err)
			}
		})
	}
}

func TestMissingCredentialsOfOurOwnAreSaidToBeSo(t *testing.T) {
	t.Parallel()
	none := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no EC2 IMDS role found")
	})
	for name, p := range map[string]aws.CredentialsProvider{"none configured": nil, "none found": none} {
		c := newCloud(t)
		c.hub.Credentials = p
		s := c.sessions(t, &store{})
		_, dialErr := s.Dial(t.Context(), reading())
		_, whoErr := s.Whoami(t.Context())
		for _, err := range []error{dialErr, whoErr} {
			if asr.Classify(err) != asr.CodeDenied || !strings.Contains(asr.Advice(err), "AWS_PROFILE") {
				t.Errorf("%s: %v (%s)", name, err, asr.Classify(err))
			}
		}
	}
}

func TestAnErrorWhileRenewingReachesTheUnitAsItIs(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cfg := dial(t, c.sessions(t, &store{}), reading())
	c.sts = func(string, url.Values) *fault { return &fault{403, "AccessDenied", user + "sts:AssumeRole"} }
	c.clock.pass(14 * 60 * 1e9)
	err := remedy.Judge(readTopic(t.Context(), cfg))
	if asr.Classify(err) != asr.CodeNoRole || !strings.Contains(asr.Advice(err), "deploy asr-member") {
		t.Errorf("error = %v (%s)", err, asr.Classify(err))
	}
}
