package sandbox

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

func TestWhatTroubleStrikesLateTookEffect(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Trouble(Trouble{Seed: 1, Share: 1, Silence: 100 * time.Millisecond})
	api := iam.NewFromConfig(s.HubConfig(here))
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			_, _ = api.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(fmt.Sprint("u", i))}) // the journal says
		})
	}
	wg.Wait()
	s.Trouble(Trouble{})
	made := 0
	for _, c := range s.Calls() {
		if c.Status == 200 {
			made++
		}
	}
	there, err := iam.NewFromConfig(s.Config(DefaultHub, here)).ListUsers(t.Context(), nil)
	if err != nil || len(there.Users)-1 != made || made == 0 || made == 60 { // the operator is one
		t.Errorf("%d users, and the journal knows of %d, %v", len(there.Users)-1, made, err)
	}
}

func TestTroubleStrikesItsShareAndTheSameCallsEachTime(t *testing.T) {
	t.Parallel()
	var before []string
	for range 2 {
		x := &trouble{}
		x.begin(Trouble{Seed: 2, Share: 0.3})
		var struck []string
		for i := range 400 {
			if kind := x.pick(&request{Request: httptest.NewRequest("POST", fmt.Sprint("/", i%40), nil)}); kind != "" {
				struck = append(struck, fmt.Sprint(i, " ", kind))
			}
		}
		if len(struck) < 90 || len(struck) > 150 || before != nil && !slices.Equal(before, struck) {
			t.Errorf("%d of 400 were struck: %v, before %v", len(struck), struck, before)
		}
		before = struck
		if kind := x.pick(&request{Request: httptest.NewRequest("POST", "/", nil), principal: Identity{Root: true}}); kind != "" {
			t.Errorf("a call of Config was struck by %q", kind)
		}
	}
}
