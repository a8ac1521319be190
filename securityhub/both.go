package securityhub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"example.com/asr"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/aws/smithy-go"
)

// Both pulls from both of Security Hub's APIs: findings in ASFF, and those in OCSF
// where the second one is on at the time. Both are asked: each may aggregate other
// Regions and accounts than the other. A finding that both have is seen twice,
// which is harmless.
type Both struct {
	First, Second *API
	Unsure        func(err error) // told why nobody knows whether the second is on, which then counts as off; nil: nobody is
}

// NewBoth pulls from the Security Hub of the same client and place as api.
func NewBoth(api *API) Both {
	second := *api
	second.V2 = true
	return Both{First: api, Second: &second}
}

// bothCursor is how far the pulls have come. A text that is none is the first's
// cursor, as API has it.
type bothCursor struct {
	First  string `json:"first,omitempty"`
	Second string `json:"second,omitempty"`
	Behind bool   `json:"behind,omitempty"` // the first is done with, this time
}

func (c bothCursor) text() string {
	raw, _ := json.Marshal(c) // texts
	return string(raw)
}

func parseBoth(text string) bothCursor {
	var c bothCursor
	if json.Unmarshal([]byte(text), &c) != nil || c == (bothCursor{}) {
		return bothCursor{First: text}
	}
	return c
}

// Pull is API's, of one API after the other. The first's being off is no error
// while the second is on.
func (b Both) Pull(ctx context.Context, f Filter, text string, emit func(obs []asr.Observation, rejected []asr.Rejected, cursor string) error) error {
	c := parseBoth(text)
	second, err := b.second(ctx)
	if err != nil {
		return err
	}
	if !c.Behind || !second {
		c.Behind = false
		err = b.First.Pull(ctx, f, c.First, func(obs []asr.Observation, rejected []asr.Rejected, next string) error {
			c.First = next
			return emit(obs, rejected, c.text())
		})
		if !second || err != nil && !notEnabled(err) {
			return err
		}
	}
	c.Behind = true
	return b.Second.Pull(ctx, f, c.Second, func(obs []asr.Observation, rejected []asr.Rejected, next string) error {
		c.Second, c.Behind = next, !over(next)
		return emit(obs, rejected, c.text())
	})
}

// notEnabled reports whether AWS says that Security Hub CSPM is off.
func notEnabled(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "InvalidAccessException"
}

// over reports whether a pull ended with a cursor.
func over(text string) bool {
	var c cursor
	return json.Unmarshal([]byte(text), &c) == nil && c.Done
}

// second reports whether the second API is on in this account and Region. What
// may be otherwise the next time is an error; where AWS refuses to say, it is off.
// Source: Security Hub API Reference, DescribeSecurityHubV2.
func (b Both) second(ctx context.Context) (bool, error) {
	_, err := b.Second.Client.DescribeSecurityHubV2(ctx, &securityhub.DescribeSecurityHubV2Input{})
	if err == nil {
		return true, nil
	}
	err = fmt.Errorf("DescribeSecurityHubV2: %w", err)
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) || answer.HTTPStatusCode() >= http.StatusInternalServerError || answer.HTTPStatusCode() == http.StatusTooManyRequests {
		return false, err
	}
	var gone *types.ResourceNotFoundException
	if b.Unsure != nil && !errors.As(err, &gone) {
		b.Unsure(err)
	}
	return false, nil
}
