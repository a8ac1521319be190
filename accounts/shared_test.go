package accounts_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/accounts"
	"github.com/aws/smithy-go"
)

// board is a memory that processes share.
type board map[string]string

func (b board) Setting(_ context.Context, name string) (string, error) { return b[name], nil }

func (b board) SetSetting(_ context.Context, name, value string) error {
	b[name] = value
	return nil
}

// asks is how many questions an account takes.
func asks(t *testing.T, o *tree, a *accounts.Organization, id string) int {
	t.Helper()
	before := len(o.asked)
	got, err := a.Account(t.Context(), id)
	if err != nil || len(got.OUs) != 6 || got.Tags["team"] != id {
		t.Fatalf("%+v, %v", got, err)
	}
	return len(o.asked) - before
}

// covers: W16
func TestWhatOneProcessFoundOutTheNextNeedNotAsk(t *testing.T) {
	t.Parallel()
	o, first, now := organization()
	second, shared := accounts.New(o, func() time.Time { return *now }), board{}
	first.Shared, second.Shared = shared, shared
	if asks(t, o, first, one) == 0 || asks(t, o, second, one) != 0 {
		t.Fatal("both asked, or none did")
	}
	*now = now.Add(time.Hour - time.Second)
	if n := asks(t, o, second, one); n != 0 {
		t.Errorf("within the hour it asked %d times", n)
	}
	*now = now.Add(2 * time.Second)
	o.parents[one] = "ou-a"
	got, err := second.Account(t.Context(), one)
	if err != nil || len(got.OUs) != 4 {
		t.Errorf("after the hour: %+v, %v", got, err)
	}
}

// covers: W16
func TestAnAnswerIsAsOldAsItsOldestPart(t *testing.T) {
	t.Parallel()
	o, a, now := organization()
	asks(t, o, a, one)
	*now = now.Add(50 * time.Minute)
	asks(t, o, a, two) // of the units above it is known since 50 minutes
	*now = now.Add(11 * time.Minute)
	if n := asks(t, o, a, two); n == 0 {
		t.Error("units are believed for longer than an hour")
	}
}

func TestWhatIsSharedIsBelievedForAnHourAtMost(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"for a year":  `{"account":{"OUs":["Prod"]},"until":"2027-03-01T00:00:00Z"}`,
		"expired":     `{"account":{"OUs":["Prod"]},"until":"2026-03-01T12:00:00Z"}`,
		"no units":    `{"account":{},"until":"2026-03-01T12:30:00Z"}`,
		"not ours":    `{`,
		"of no until": `{"account":{"OUs":["Prod"]}}`,
	} {
		o, a, _ := organization()
		a.Shared = board{"account/" + one: text}
		if asks(t, o, a, one) == 0 {
			t.Errorf("%s: it is believed", name)
		}
	}
}

func TestWhatOrganizationsHadNoTimeForIsAskedAgainSoon(t *testing.T) {
	t.Parallel()
	o, a, now := organization()
	o.fail = &smithy.GenericAPIError{Code: "TooManyRequestsException"}
	if _, err := a.Account(t.Context(), one); asr.Classify(err) != asr.CodeThrottled {
		t.Fatalf("got %v", err)
	}
	o.fail = nil
	if n := asks(t, o, a, two); n == 0 { // of the same unit
		t.Error("another account has to wait")
	}
	if _, err := a.Account(t.Context(), one); err == nil {
		t.Error("it is asked again at once")
	}
	*now = now.Add(6 * time.Second)
	asks(t, o, a, one)

	o.fail = errors.New("AccessDenied")
	if _, err := a.Account(t.Context(), "333333333333"); asr.Classify(err) != asr.CodeAWS {
		t.Errorf("got %v", err)
	}
}
