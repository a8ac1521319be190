package iam

import (
	"context"
	"regexp"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// user is a user's ARN; {name} is its path, if it has one, and its name.
const user = "arn:{partition}:iam::{account}:user/{name}"

// userID is what IAM calls a user for ever, and some findings do too.
var userID = regexp.MustCompile(`^AIDA[A-Z0-9]{12,124}$`)

// nameOf is what the API calls a user: its name without the path.
func nameOf(t asr.Target) *string {
	return aws.String(t.Name[strings.LastIndex(t.Name, "/")+1:])
}

// resolveUser finds the user that has an id; there is no other way than to look
// through all of them.
func resolveUser[P any](ctx context.Context, cfg aws.Config, on remedy.On[P]) (asr.Target, error) {
	t := on.Target
	if t.Name != "" {
		return t, nil
	}
	pages := iam.NewListUsersPaginator(iam.NewFromConfig(cfg), &iam.ListUsersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return t, err
		}
		for _, u := range page.Users {
			if aws.ToString(u.UserId) == t.ID {
				t.Name = strings.TrimPrefix(aws.ToString(u.Path), "/") + aws.ToString(u.UserName)
				t.Region = asr.Home(t.Partition)
				t.ID = t.Expand(user)
				return t, nil
			}
		}
	}
	return t, asr.ErrGone
}

// keys are a user's access keys as AWS lists them.
type keys struct {
	active map[string]bool
	made   map[string]time.Time
	now    time.Time // by AWS's clock: a unit has none
}

func listKeys(ctx context.Context, api *iam.Client, t asr.Target) (keys, error) {
	all := keys{active: map[string]bool{}, made: map[string]time.Time{}}
	pages := iam.NewListAccessKeysPaginator(api, &iam.ListAccessKeysInput{UserName: nameOf(t)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return all, remedy.Gone(err, "NoSuchEntity")
		}
		if all.now, err = remedy.AnsweredAt(page.ResultMetadata); err != nil {
			return all, err
		}
		for _, k := range page.AccessKeyMetadata {
			id := aws.ToString(k.AccessKeyId)
			all.active[id], all.made[id] = k.Status == types.StatusTypeActive, aws.ToTime(k.CreateDate)
		}
	}
	return all, nil
}

// days are the whole ones since the latest of some times.
func days(now time.Time, since ...time.Time) int {
	var last time.Time
	for _, t := range since {
		if t.After(last) {
			last = t
		}
	}
	return int(now.Sub(last).Hours() / 24)
}

// switchKeys makes keys active or inactive, where they aren't as they should be.
func switchKeys(ctx context.Context, api *iam.Client, t asr.Target, from, to map[string]bool) error {
	for id := range to {
		if _, there := from[id]; !there {
			return asr.Refuse("the access key "+id+" was deleted, so it can't be as it was", "make the user a new key")
		}
	}
	for id, active := range to {
		if from[id] == active {
			continue
		}
		status := types.StatusTypeInactive
		if active {
			status = types.StatusTypeActive
		}
		if _, err := api.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: nameOf(t), AccessKeyId: &id, Status: status}); err != nil {
			return err
		}
	}
	return nil
}
