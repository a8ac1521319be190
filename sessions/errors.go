package sessions

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/smithy-go"
)

// accountsPage is where operators read how accounts are reached.
const accountsPage = "docs/operate/accounts.md"

// judge says what an AssumeRole's error means and what to do.
func (p *piece) judge(err error) error {
	var api smithy.APIError
	var ours *asr.Error
	if err == nil || errors.As(err, &ours) || errors.Is(err, context.Canceled) || !errors.As(err, &api) {
		return remedy.Judge(err)
	}
	account := accountOf(p.role)
	fail := func(code asr.Code, message, do string) error {
		return &asr.Error{Code: code, Message: message, Do: do, Err: err}
	}
	switch {
	case remedy.Is(err, "RegionDisabledException"):
		return fail(asr.CodeRegionOff, fmt.Sprintf("account %s can't be reached in %s", account, p.region), regionDo(account, p.region))
	case remedy.Is(err, "AccessDenied", "AccessDeniedException"):
		return p.denied(err, api.ErrorMessage())
	case remedy.Is(err, "MalformedPolicyDocument"):
		return fail(asr.CodeInternal, "AWS STS can't read the session policy", "report this with the remediation's grants")
	case remedy.Is(err, "ValidationError") && strings.Contains(api.ErrorMessage(), "DurationSeconds"):
		return fail(asr.CodeBadInput, fmt.Sprintf("sessions of %s may not last %s", p.role, p.s.cfg.Duration), "configure a shorter session duration, or raise the role's maximum")
	}
	return p.s.judgeHub(err)
}

var deniedBy = regexp.MustCompile(`(?i)(?:explicit deny in an? |because no )([a-z][a-z -]*policy|[a-z ]*boundary)`)

// denied takes apart what AWS says with AccessDenied.
// Source: IAM User Guide, "Troubleshoot access denied error messages".
func (p *piece) denied(err error, message string) error {
	account, by := accountOf(p.role), ""
	if m := deniedBy.FindStringSubmatch(message); m != nil {
		by = strings.ToLower(m[1])
	}
	low := strings.ToLower(message)
	fail := func(code asr.Code, message, do string) error {
		return &asr.Error{Code: code, Message: message, Do: do, Err: err}
	}
	switch {
	case strings.Contains(low, "explicit deny"):
		return fail(asr.CodeDenied, fmt.Sprintf("an explicit deny in a %s keeps asr out of account %s", orElse(by, "policy"), account), "except "+p.role+" and asr's own role from that deny, or exclude the account in the policy file")
	case by == "service control policy" || by == "resource control policy":
		return fail(asr.CodeDenied, fmt.Sprintf("no %s allows asr into account %s", by, account), "allow sts:AssumeRole there, or exclude the account in the policy file")
	case strings.Contains(low, "sts:setsourceidentity"):
		return p.noSource(err)
	case strings.Contains(strings.ReplaceAll(low, " ", ""), "sourceidentity"):
		return fail(asr.CodeNoRole, "your own session has a source identity already, which AWS doesn't let asr change", "keep it (--keep-source-identity), or start asr with credentials whose session has none; see "+accountsPage)
	case by == "identity-based policy":
		return fail(asr.CodeNoRole, "asr's own credentials may not assume "+p.role, fmt.Sprintf("allow them sts:AssumeRole and sts:SetSourceIdentity on it, or use asr's hub role; see %s", accountsPage))
	}
	return fail(asr.CodeNoRole, p.role+" can't be assumed: it doesn't exist, or doesn't trust asr", fmt.Sprintf("deploy asr-member in account %s, with this hub's account and external id; see %s", account, accountsPage))
}

// noSource is for a role that can be assumed, but not in a person's name.
func (p *piece) noSource(err error) error {
	return &asr.Error{
		Code: asr.CodeNoRole, Message: p.role + " doesn't let asr name who acts", Err: err,
		Do: fmt.Sprintf("update asr-member in account %s and allow asr's own role sts:SetSourceIdentity; if your own session has a source identity already, keep it (--keep-source-identity); see %s", accountOf(p.role), accountsPage),
	}
}

// judgeHub is for errors that speak of the hub's own credentials.
func (s *Sessions) judgeHub(err error) error {
	if remedy.Is(err, "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken") {
		return s.hubError(err)
	}
	return remedy.Judge(err)
}

// hubError is an error of the hub's own credentials. Those that have expired are
// got anew by the next call, from wherever they come.
func (s *Sessions) hubError(err error) error {
	if !strings.Contains(strings.ToLower(err.Error()), "expired") {
		return &asr.Error{
			Code: asr.CodeDenied, Message: "asr's own AWS credentials can't be used", Err: err,
			Do: "configure credentials of the hub account (AWS_PROFILE, or aws configure), then check them with aws sts get-caller-identity",
		}
	}
	if kept, ok := s.hub.Credentials.(interface{ Invalidate() }); ok {
		kept.Invalidate()
	}
	return &asr.Error{
		Code: asr.CodeSignedOut, Message: "asr's own AWS credentials have expired", Err: err,
		Do: "sign in again (aws sso login, or renew them as you got them); what has begun goes on by itself. Those from environment variables need asr to be started anew; see also that this machine's clock is right",
	}
}

func undeclared(action string) error {
	return &asr.Error{Code: asr.CodeDenied, Message: orElse(action, "an unknown operation") + " is not declared, so it was not called", Do: "declare it in the remediation's Spec (Reads or Writes) if it is needed, and deploy asr-member anew"}
}

func regionDo(account, region string) string {
	return fmt.Sprintf("enable %s in account %s, or exclude the Region in the policy file", region, account)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
