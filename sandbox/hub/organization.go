package hub

import (
	"crypto/rand"
	"net/url"
	"slices"
	"strconv"
	"time"
)

const allRegions = "ALL_REGIONS"

// aggregator is how the administrator's Regions flow into one.
type aggregator struct {
	ARN     string
	Region  string
	Mode    string // allRegions, ALL_REGIONS_EXCEPT_SPECIFIED, SPECIFIED_REGIONS, NO_REGIONS
	Regions []string
	implied bool // made by enable, to be replaced by the first one created
}

func newID() string { return rand.Text() }

// links reports whether findings of a Region show in the aggregation Region.
func (a *aggregator) links(region string) bool {
	switch a.Mode {
	case allRegions:
		return true
	case "ALL_REGIONS_EXCEPT_SPECIFIED":
		return region == a.Region || !slices.Contains(a.Regions, region)
	case "SPECIFIED_REGIONS":
		return region == a.Region || slices.Contains(a.Regions, region)
	}
	return region == a.Region
}

func (a *aggregator) shown() map[string]any {
	return map[string]any{"FindingAggregatorArn": a.ARN, "FindingAggregationRegion": a.Region, "RegionLinkingMode": a.Mode, "Regions": a.Regions}
}

// sees reports whether a caller may see a finding: the administrator those of
// its Region, in the aggregation Region those of all linked ones; everyone
// else what is theirs in the Region.
func (h *Hub) sees(c Call, f *finding) bool {
	if c.Account != h.admin {
		return f.place == c.place()
	}
	if a := h.aggregator; a != nil && a.Region == c.Region {
		return a.links(f.region)
	}
	return f.region == c.Region
}

func (h *Hub) createAggregator(c Call) (any, error) {
	in, err := decode[struct {
		RegionLinkingMode string
		Regions           []string
	}](c)
	if err != nil {
		return nil, err
	}
	modes := []string{allRegions, "ALL_REGIONS_EXCEPT_SPECIFIED", "SPECIFIED_REGIONS", "NO_REGIONS"}
	switch {
	case !slices.Contains(modes, in.RegionLinkingMode):
		return nil, invalid("RegionLinkingMode %q", in.RegionLinkingMode)
	case c.Account != h.admin:
		return nil, &Error{403, "AccessDeniedException", "only the administrator aggregates"}
	case h.aggregator != nil && !h.aggregator.implied:
		return nil, &Error{429, "LimitExceededException", "a finding aggregator exists already"}
	}
	h.aggregator = &aggregator{ARN: c.arn("finding-aggregator/" + newID()), Region: c.Region, Mode: in.RegionLinkingMode, Regions: in.Regions}
	return h.aggregator.shown(), nil
}

func (h *Hub) describeAggregator(c Call) (any, error) {
	if a := h.aggregator; a != nil && a.ARN == c.Vars["FindingAggregatorArn"] && c.Account == h.admin {
		return a.shown(), nil
	}
	return nil, notFound(c.Vars["FindingAggregatorArn"])
}

func (h *Hub) listAggregators(c Call) (any, error) {
	all := []any{}
	if h.aggregator != nil && c.Account == h.admin {
		all = append(all, map[string]any{"FindingAggregatorArn": h.aggregator.ARN})
	}
	return map[string]any{"FindingAggregators": all}, nil
}

// member is an account whose findings the administrator sees.
type member struct {
	AccountId       string // as on the wire
	Email           string `json:",omitempty"`
	AdministratorId string // as on the wire
	MasterId        string // as on the wire
	MemberStatus    string
	InvitedAt       string
	UpdatedAt       string
}

func (h *Hub) createMembers(c Call) (any, error) {
	in, err := decode[struct {
		AccountDetails []struct{ AccountId, Email string } // as on the wire
	}](c)
	if err != nil {
		return nil, err
	}
	if c.Account != h.admin || len(in.AccountDetails) == 0 {
		return nil, invalid("only the administrator, %s, creates members, one at least", h.admin)
	}
	now, refused := h.now().UTC().Format(time.RFC3339), []any{}
	for _, d := range in.AccountDetails {
		if d.AccountId == h.admin || len(d.AccountId) != 12 {
			refused = append(refused, map[string]any{"AccountId": d.AccountId, "ProcessingResult": "Invalid account id"})
			continue
		}
		h.members = slices.DeleteFunc(h.members, func(m member) bool { return m.AccountId == d.AccountId })
		h.members = append(h.members, member{
			AccountId: d.AccountId, Email: d.Email, AdministratorId: h.admin, MasterId: h.admin,
			MemberStatus: "Enabled", InvitedAt: now, UpdatedAt: now,
		})
	}
	return map[string]any{"UnprocessedAccounts": refused}, nil
}

func (h *Hub) listMembers(c Call) (any, error) {
	if c.Account != h.admin {
		return map[string]any{"Members": []any{}}, nil
	}
	limit, _ := strconv.Atoi(c.Query.Get("MaxResults"))
	page, next, err := paginate(h.members, limit, c.Query.Get("NextToken"), url.Values{"op": {c.Operation}}.Encode())
	if err != nil {
		return nil, err
	}
	return pageOf("Members", page, next), nil
}
