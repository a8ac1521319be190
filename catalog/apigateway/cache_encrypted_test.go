package apigateway

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"pgregory.net/rapid"
)

func TestCacheEncrypted(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	setRole(t, acct)
	all, allName := newREST(t, acct)
	some, someName := newREST(t, acct)
	patch(t, acct, all, "/cacheClusterEnabled", "true", "/cacheClusterSize", "0.5", "/*/*/caching/enabled", "true", "/*/*/caching/ttlInSeconds", "60", "/*/*/logging/loglevel", "INFO")()
	patch(t, acct, some, "/*/*/throttling/rateLimit", "50", "/~1pets~1{id}/GET/caching/enabled", "true", "/~1/GET/caching/enabled", "true", "/~1safe/GET/caching/enabled", "true", "/~1safe/GET/caching/dataEncrypted", "true", "/~1off/GET/caching/enabled", "false")()
	remedytest.Lifecycle(t, acct, CacheEncrypted, remedytest.Case{
		Name: "all methods", Control: "APIGateway.5", Resource: acct.Expand(stage, allName), Want: []string{"methods[*/*].encrypted: false → true"},
		View: seeREST(acct, all), Seen: []string{"methodSettings[*/*].cacheDataEncrypted: false → true"},
	}, remedytest.Case{
		Name: "others change another setting", Control: "APIGateway.5", Resource: acct.Expand(stage, allName), Want: []string{"methods[*/*].encrypted: false → true"},
		Meanwhile: patch(t, acct, all, "/*/*/metrics/enabled", "true"),
	}, remedytest.Case{
		Name: "some methods", Control: "APIGateway.5", Resource: acct.Expand(stage, someName), Want: []string{"methods[~1/GET].encrypted: false → true", "methods[~1pets~1{id}/GET].encrypted: false → true"},
		View: seeREST(acct, some), Seen: []string{"methodSettings[~1/GET].cacheDataEncrypted: false → true", "methodSettings[~1pets~1{id}/GET].cacheDataEncrypted: false → true"},
		Gone: deleteREST(t, acct, some),
	})
}

func TestOnlyMethodsThatAreCachedAreTouched(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Make[caches]().Draw(t, "state")
		remedytest.Stable(t, CacheEncrypted, remedy.On[none]{}, now, "methods")
		got, err := CacheEncrypted.Want(remedy.On[none]{}, now)
		if err != nil || len(got.Methods) != len(now.Methods) {
			t.Fatalf("%v becomes %v, %v", now, got, err)
		}
		for key, was := range now.Methods {
			is := got.Methods[key]
			if is.On != was.On || was.Encrypted && !is.Encrypted || was.On && !is.Encrypted || !was.On && is.Encrypted != was.Encrypted {
				t.Fatalf("%s: %+v becomes %+v", key, was, is)
			}
		}
	})
}

func TestAStageWithoutMethodSettingsHasNothingToEncryptAndSaysSo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	_, name := newREST(t, acct)
	if r := remedytest.End(t, acct, CacheEncrypted, remedytest.Case{Control: "APIGateway.5", Resource: acct.Expand(stage, name)}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestUndoWorksThoughCachingWasTurnedOffSince(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api, name := newREST(t, acct)
	patch(t, acct, api, "/~1a/GET/caching/enabled", "true")()
	h := remedytest.NewHarness(acct, CacheEncrypted)
	r := h.End(t, remedytest.Case{Control: "APIGateway.5", Resource: acct.Expand(stage, name)})
	if r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	patch(t, acct, api, "/~1a/GET/caching/enabled", "false")()
	asked, err := h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	remedytest.Must(t, asked, err)
	if r, err = h.Drive(t.Context(), r.ID); err != nil || r.State != asr.StateReverted {
		t.Errorf("undo ended %s: %+v %v", r.State, r.Undo, err)
	}
}
