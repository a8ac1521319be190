package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// lifecycleElements are all of the document:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html
const lifecycleElements = `Rule ID Status Prefix Filter And Tag Key Value ObjectSizeGreaterThan ObjectSizeLessThan Transition Days Date StorageClass
	Expiration ExpiredObjectDeleteMarker NoncurrentVersionTransition NoncurrentVersionExpiration NoncurrentDays NewerNoncurrentVersions AbortIncompleteMultipartUpload DaysAfterInitiation`

func lifecycleOf(ctx context.Context, cfg aws.Config, t asr.Target) (*s3.GetBucketLifecycleConfigurationOutput, error) {
	out, err := s3.NewFromConfig(cfg).GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &t.Name, ExpectedBucketOwner: &t.Account}, complete(lifecycleElements))
	if remedy.Is(err, "NoSuchLifecycleConfiguration") {
		return &s3.GetBucketLifecycleConfigurationOutput{}, nil
	}
	return out, remedy.Gone(err, "NoSuchBucket")
}

func ageingOf(r types.LifecycleRule) ageing {
	a := ageing{Enabled: r.Status == types.ExpirationStatusEnabled, Transitions: map[types.TransitionStorageClass]int32{}}
	for _, t := range r.Transitions {
		a.Transitions[t.StorageClass] = aws.ToInt32(t.Days)
	}
	if r.Expiration != nil {
		a.Expiration = aws.ToInt32(r.Expiration.Days)
	}
	if r.AbortIncompleteMultipartUpload != nil {
		a.Uploads = aws.ToInt32(r.AbortIncompleteMultipartUpload.DaysAfterInitiation)
	}
	return a
}

// moves reports whether a transition is asked for.
func (p age) moves() bool { return p.TransitionDays > 0 || p.StorageClass != "" }

// satisfied reports whether a rule does what the control asks for, which may be
// nothing but a rule that is on.
func (p age) satisfied(r ageing) bool {
	moved := !p.moves()
	for class, days := range r.Transitions {
		moved = moved || (p.StorageClass == "" || class == p.StorageClass) && (p.TransitionDays == 0 || days == p.TransitionDays)
	}
	return r.Enabled && moved && (p.ExpirationDays == 0 || r.Expiration == p.ExpirationDays)
}

// rule is the one that we add. Its id says what it does, so that rules for
// other days are others.
func (p age) rule() (id string, a ageing) {
	id, a = "asr", ageing{Enabled: true, Expiration: p.ExpirationDays}
	if p.moves() {
		class, days := cmp.Or(p.StorageClass, types.TransitionStorageClassIntelligentTiering), cmp.Or(p.TransitionDays, 30)
		a.Transitions = map[types.TransitionStorageClass]int32{class: days}
		id += fmt.Sprintf("-%s-%d", class, days)
	}
	if p.ExpirationDays > 0 {
		id += fmt.Sprintf("-expire-%d", p.ExpirationDays)
	}
	if id == "asr" {
		a.Uploads = 7
		id += "-give-up-uploads-7"
	}
	return id, a
}

// valid refuses what S3 would refuse:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
func (p age) valid() error {
	_, r := p.rule()
	for class, days := range r.Transitions {
		infrequent := class == types.TransitionStorageClassStandardIa || class == types.TransitionStorageClassOnezoneIa
		switch {
		case !slices.Contains(class.Values(), class):
			return fmt.Errorf("storageClass is %q, and can be one of %v", class, class.Values())
		case infrequent && days < 30:
			return fmt.Errorf("transitionDays is %d, and %s takes no objects younger than 30 days", days, class)
		case p.ExpirationDays > 0 && p.ExpirationDays <= days:
			return fmt.Errorf("expirationDays is %d: objects would be deleted before they move, after %d days", p.ExpirationDays, days)
		}
	}
	if p.TransitionDays < 0 || p.TransitionDays > 36500 || p.ExpirationDays < 0 || p.ExpirationDays > 36500 {
		return errors.New("transitionDays and expirationDays can be 0 to 36500")
	}
	return nil
}

// differs reports whether a rule comes or goes from one state to another. Only
// those do that we make.
func differs(from, to lifecycle, id string) bool {
	a, was := from.Rules[id]
	b, is := to.Rules[id]
	return strings.HasPrefix(id, "asr-") && (was != is || !reflect.DeepEqual(a, b))
}

// newRule is a rule for all objects. Rules that say for which by a Prefix, as
// they did before 2016, don't stand together with rules that do by a Filter.
//
//nolint:staticcheck // deprecated, and in use: a rule that says it so must get a companion that does
func newRule(id string, a ageing, others []types.LifecycleRule) types.LifecycleRule {
	r := types.LifecycleRule{ID: &id, Status: types.ExpirationStatusEnabled}
	if slices.ContainsFunc(others, func(o types.LifecycleRule) bool { return o.Filter == nil && o.Prefix != nil }) {
		r.Prefix = aws.String("")
	} else {
		r.Filter = &types.LifecycleRuleFilter{Prefix: aws.String("")}
	}
	for class, days := range a.Transitions {
		r.Transitions = append(r.Transitions, types.Transition{Days: &days, StorageClass: class})
	}
	if a.Expiration > 0 {
		r.Expiration = &types.LifecycleExpiration{Days: &a.Expiration}
	}
	if a.Uploads > 0 {
		r.AbortIncompleteMultipartUpload = &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: &a.Uploads}
	}
	return r
}
