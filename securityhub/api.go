package securityhub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/aws/smithy-go"
)

// API pulls findings from Security Hub. Findings are taken from the bytes that
// AWS sent, by the same way as those of events and files, and not from the
// client's types: one odd field costs one finding, not its page.
type API struct {
	Client *securityhub.Client
	V2     bool      // GetFindingsV2 (OCSF) instead of GetFindings (ASFF)
	Name   string    // where findings come from, in what is rejected
	Now    asr.Clock // nil: time.Now
}

// NewAPI pulls from the Security Hub of the configuration's account and Region.
func NewAPI(cfg aws.Config) *API {
	return &API{Client: securityhub.NewFromConfig(cfg), Name: "Security Hub in " + cfg.Region}
}

// overlap is how far a pull looks back behind the one before: findings reach
// Security Hub late, and not in order.
const overlap = 15 * time.Minute

const pageSize = 100 // the most that AWS gives

// cursor is how far a pull has come. Its text is for Pull alone.
type cursor struct {
	Filter string    `json:"filter"`          // what it selects
	Part   int       `json:"part,omitempty"`  // of the filter
	Token  string    `json:"token,omitempty"` // of the next page
	From   time.Time `json:"from,omitzero"`   // findings updated since
	To     time.Time `json:"to,omitzero"`     // and before, after a token was refused
	Down   time.Time `json:"down,omitzero"`   // the oldest one seen of this part
	Newest time.Time `json:"newest,omitzero"`
	Begun  time.Time `json:"begun,omitzero"`
	Done   bool      `json:"done,omitempty"`
}

func (c cursor) text() string {
	raw, _ := json.Marshal(c) // times, texts and numbers
	return string(raw)
}

// begin is where a pull goes on. A cursor of another filter, or none at all, is
// a new beginning.
func begin(f Filter, text string, now time.Time) cursor {
	var c cursor
	if json.Unmarshal([]byte(text), &c) != nil || c.Filter != f.sum() || c.Part < 0 {
		return cursor{Filter: f.sum(), Begun: now}
	}
	if !c.Done {
		return c
	}
	next := cursor{Filter: c.Filter, Newest: c.Newest, Begun: now}
	if since := earlier(c.Newest, c.Begun); !c.Newest.IsZero() {
		next.From = since.Add(-overlap) // what changed while the pull went on is newer than its beginning
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Pull hands over the findings that a filter selects, page by page, newest
// first, each page with the cursor behind it; the last one of a pull has no
// findings if there were none.
//
// A cursor that is stored and given to the next Pull continues: within a pull
// that was interrupted, also when AWS no longer takes the page's token; behind a
// finished one with what was updated since, 15 minutes overlapping, whatever its
// state: so that what was fixed, archived or suppressed meanwhile is seen too.
// Seeing a finding twice is harmless.
//
// BatchUpdateFindings doesn't move UpdatedAt, and GetFindings can't filter by
// ProcessedAt: that a person suppressed, resolved or reopened a finding is not
// among what was updated since. ByID tells, for those that are still open.
//
// Errors are emit's, or AWS's own.
// Source: Security Hub API Reference, GetFindings and GetFindingsV2.
func (a *API) Pull(ctx context.Context, f Filter, text string, emit func(obs []asr.Observation, rejected []asr.Rejected, cursor string) error) error {
	c := begin(f, text, a.now())
	if !c.From.IsZero() {
		f = f.anyState()
	}
	for parts := f.parts(); !c.Done; {
		if c.Part >= len(parts) {
			c.Part = 0 // not a cursor of ours
		}
		p, err := a.resume(ctx, parts[c.Part], &c)
		if err != nil {
			return err
		}
		obs, rejected := a.decode(p)
		for _, o := range obs {
			c.saw(o.UpdatedAt)
		}
		if c.Token = p.next; c.Token == "" {
			c.Part, c.Down, c.To = c.Part+1, time.Time{}, time.Time{}
			c.Done = c.Part == len(parts)
		}
		if err := emit(obs, rejected, c.text()); err != nil {
			return err
		}
	}
	return nil
}

func (c *cursor) saw(updated time.Time) {
	if updated.After(c.Newest) {
		c.Newest = updated
	}
	if c.Down.IsZero() || updated.Before(c.Down) {
		c.Down = updated
	}
}

// resume reads the page that a cursor stands before. If AWS doesn't take the
// token any more, it is the first page of what is as old as the oldest one
// seen; each time older than the time before, so that this ends.
func (a *API) resume(ctx context.Context, f Filter, c *cursor) (page, error) {
	p, err := a.page(ctx, f, period{c.From, c.To}, c.Token)
	if c.Token == "" || !invalid(err) {
		return p, err
	}
	switch to := c.Down.Add(time.Millisecond); {
	case c.Down.IsZero():
	case c.To.IsZero() || to.Before(c.To):
		c.To = to
	default:
		return page{}, err
	}
	return a.page(ctx, f, period{c.From, c.To}, "")
}

// invalid reports whether AWS refuses a request for what it says: with a token,
// the token is what it can't take.
func invalid(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains([]string{"InvalidInputException", "ValidationException", "InvalidNextTokenException"}, api.ErrorCode())
}

// page is one as AWS sent it.
type page struct {
	body []byte
	next string
	at   time.Time // when it was asked for
}

func (a *API) now() time.Time {
	if a.Now == nil {
		return time.Now().UTC()
	}
	return a.Now().UTC()
}

func (a *API) page(ctx context.Context, f Filter, within period, token string) (page, error) {
	if a.V2 {
		return a.ask(ctx, nil, f.v2(within), token)
	}
	return a.ask(ctx, f.v1(within), nil, token)
}

// ask reads one page by the API that the client is to use.
func (a *API) ask(ctx context.Context, v1 filters, v2 *types.OcsfFindingFilters, token string) (page, error) {
	p := page{at: a.now()}
	if !a.V2 {
		q := query{Filters: v1, MaxResults: pageSize, NextToken: token, SortCriteria: []map[string]string{{"Field": "UpdatedAt", "SortOrder": string(types.SortOrderDescending)}}}
		if err := getFindings(ctx, a.Client, q, &p); err != nil {
			return page{}, fmt.Errorf("GetFindings: %w", err)
		}
		return p, nil
	}
	in := &securityhub.GetFindingsV2Input{Filters: v2, MaxResults: aws.Int32(pageSize), SortCriteria: []types.SortCriterion{{Field: aws.String(string(types.OcsfDateFieldFindingInfoModifiedTimeDt)), SortOrder: types.SortOrderDescending}}}
	if token != "" {
		in.NextToken = &token
	}
	if _, err := a.Client.GetFindingsV2(ctx, in, p.keep(&securityhub.GetFindingsV2Output{})); err != nil {
		return page{}, fmt.Errorf("GetFindingsV2: %w", err)
	}
	return p, nil
}

// decode takes the findings of a page.
func (a *API) decode(p page) (obs []asr.Observation, rejected []asr.Rejected) {
	o := origin{source: a.Name, at: p.at, kind: asr.SourceImported, live: true}
	_ = read(bytes.NewReader(p.body), o, func(more []asr.Observation, bad []asr.Rejected) error {
		obs, rejected = append(obs, more...), append(rejected, bad...)
		return nil
	}) // neither the reader nor emit fails
	return obs, rejected
}

// ByID reads findings again, whatever their state, to see what people did with
// them. Those that Security Hub doesn't have any more are left out.
func (a *API) ByID(ctx context.Context, ids []string) (obs []asr.Observation, rejected []asr.Rejected, err error) {
	for some := range slices.Chunk(ids, maxValues) {
		for token := ""; ; {
			p, err := a.named(ctx, some, token)
			if err != nil {
				return obs, rejected, err
			}
			more, bad := a.decode(p)
			obs, rejected = append(obs, more...), append(rejected, bad...)
			if token = p.next; token == "" {
				break
			}
		}
	}
	return obs, rejected, nil
}

func (a *API) named(ctx context.Context, ids []string, token string) (page, error) {
	if !a.V2 {
		return a.ask(ctx, filters{}.with("Id", ids...), nil, token)
	}
	group := types.CompositeFilter{Operator: types.AllowedOperatorsOr}
	for _, v := range equals(ids...) {
		group.StringFilters = append(group.StringFilters, types.OcsfStringFilter{FieldName: types.OcsfStringFieldFindingInfoUid, Filter: &v})
	}
	return a.ask(ctx, nil, &types.OcsfFindingFilters{CompositeFilters: []types.CompositeFilter{group}, CompositeOperator: types.AllowedOperatorsAnd}, token)
}
