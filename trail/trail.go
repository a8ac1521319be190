// Package trail asks CloudTrail who changed a resource. It reads and nothing else.
package trail

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// Reader implements asr.Trail by LookupEvents: the management events of the last
// 90 days, in the target's account and Region. AWS answers two lookups a second
// and Region.
type Reader struct{ Dial remedy.Dialer }

// Grants are what a session for reading the trail may do.
var Grants = []asr.Grant{asr.Allow("*", "cloudtrail:LookupEvents")}

const (
	most  = 3  // changes that people are told
	pages = 10 // of 50 events that are looked through
)

// Changes lists the writes since a time that name the target, but for those of
// asr's runs, the newest first.
func (r Reader) Changes(ctx context.Context, on asr.On, since time.Time) ([]asr.Touch, error) {
	cfg, err := r.Dial(ctx, remedy.Session{Target: on.Target, Grants: Grants, Call: on.Call})
	if err != nil {
		return nil, err
	}
	p := cloudtrail.NewLookupEventsPaginator(cloudtrail.NewFromConfig(cfg), &cloudtrail.LookupEventsInput{
		StartTime:        &since,
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyResourceName, AttributeValue: aws.String(cmp.Or(on.Name, on.ID))}},
	})
	var touches []asr.Touch
	for n := 0; p.HasMorePages() && n < pages && len(touches) < most; n++ {
		out, err := p.NextPage(ctx)
		if err != nil {
			return nil, remedy.Judge(err)
		}
		for _, e := range out.Events {
			if t, ok := touch(e, on.Call.Run); ok && len(touches) < most {
				touches = append(touches, t)
			}
		}
	}
	return touches, nil
}

// touch is what an event tells; false for one that only read, failed, or is of a
// run of asr's, whose sessions are named like the run.
func touch(e types.Event, run string) (t asr.Touch, ok bool) {
	var record struct {
		ReadOnly     bool   `json:"readOnly"`
		ErrorCode    string `json:"errorCode"`
		UserIdentity struct {
			ARN       string `json:"arn"`
			InvokedBy string `json:"invokedBy"`
		} `json:"userIdentity"`
	}
	if err := json.Unmarshal([]byte(aws.ToString(e.CloudTrailEvent)), &record); err != nil || record.ReadOnly || record.ErrorCode != "" {
		return t, false
	}
	session := record.UserIdentity.ARN[strings.LastIndexByte(record.UserIdentity.ARN, '/')+1:]
	if len(session) == len(run) && strings.HasPrefix(session, "r-") {
		return t, false
	}
	service, _, _ := strings.Cut(aws.ToString(e.EventSource), ".")
	return asr.Touch{
		At: aws.ToTime(e.EventTime).UTC(), By: cmp.Or(record.UserIdentity.ARN, record.UserIdentity.InvokedBy, aws.ToString(e.Username), "somebody unnamed"),
		Action: service + ":" + aws.ToString(e.EventName),
	}, true
}
