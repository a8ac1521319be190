package guardduty

import (
	"context"
	"slices"
	"strings"

	"example.com/asr"

	"github.com/aws/aws-sdk-go-v2/service/guardduty"
)

// detector is the id of the Region's detector, "" if there is none.
func detector(ctx context.Context, api *guardduty.Client) (string, error) {
	pages := guardduty.NewListDetectorsPaginator(api, &guardduty.ListDetectorsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		if len(page.DetectorIds) > 0 {
			return page.DetectorIds[0], nil
		}
	}
	return "", nil
}

// exists reports whether a detector, or a filter of it ("ID/filter/NAME"), is
// there. It lists, since GuardDuty has one error code for all that it refuses.
func exists(ctx context.Context, api *guardduty.Client, name string) (bool, error) {
	id, under, _ := strings.Cut(name, "/")
	if found, err := detector(ctx, api); err != nil || found != id {
		return false, err
	}
	filter, ok := strings.CutPrefix(under, "filter/")
	if !ok {
		return true, nil
	}
	pages := guardduty.NewListFiltersPaginator(api, &guardduty.ListFiltersInput{DetectorId: &id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil || slices.Contains(page.FilterNames, filter) {
			return err == nil, err
		}
	}
	return false, nil
}

// gone is err, or that there is no such resource.
func gone(err error) error {
	if err == nil {
		return asr.ErrGone
	}
	return err
}
