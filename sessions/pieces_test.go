package sessions

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// packer is an STS that takes packed policies up to a length.
func packer(most int) func(string, url.Values) *fault {
	return func(_ string, q url.Values) *fault {
		if len(q.Get("Policy")) > most {
			return &fault{400, "PackedPolicyTooLarge", "Packed policy consumes 112% of allotted space, please use smaller policy."}
		}
		return nil
	}
}

func TestAPolicyThatIsTooLargeBecomesNarrowerSessions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		n    int // writes besides
		most int
	}{
		{"AWS can't pack it", 1, 700},
		{"AWS can't pack its parts either", 4, 600},
		{"it has more than 2048 characters", 20, MaxPolicy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.sts = packer(tt.most)
			rs := writing()
			rs.Grants = large(tt.n)
			cfg := dial(t, c.sessions(t, &store{}), rs)
			ctx := t.Context()
			if err := errors.Join(readTopic(ctx, cfg), setTopic(ctx, cfg), setQueue(ctx, cfg), readTopic(ctx, cfg)); err != nil {
				t.Fatal(err)
			}
			all := union(rs.Grants)
			for _, made := range c.made() {
				policy := parsed(t, c.keys[made.Key])
				if want := made.Service + ":" + made.Operation; !hasAction(policy, want) {
					t.Errorf("%s was called with a session that lacks it", want)
				}
				for a := range policy {
					if !all[a] {
						t.Errorf("a session may %v, which wasn't granted", a)
					}
				}
			}
			for _, q := range c.tried() {
				if n := len(q.Get("Policy")); n > MaxPolicy || n == 0 {
					t.Errorf("STS was sent a policy of %d characters", n)
				}
			}
			if len(c.keys) < 2 {
				t.Errorf("%d sessions, want one for each part in use", len(c.keys))
			}
		})
	}
}

func setQueue(ctx context.Context, cfg aws.Config) error {
	_, err := sqs.NewFromConfig(cfg).SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: aws.String("http://127.0.0.1/q"), Attributes: map[string]string{"x": "y"}}, func(o *sqs.Options) { o.DisableMessageChecksumValidation = true })
	return err
}

func hasAction(policy map[allow]bool, action string) bool {
	for a := range policy {
		if a.action == action {
			return true
		}
	}
	return false
}

func TestAPieceThatIsStillTooLargeIsAnError(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.sts = packer(10)
	_, err := c.sessions(t, &store{}).Dial(t.Context(), reading())
	if asr.Classify(err) != asr.CodeInternal || asr.Advice(err) == "" {
		t.Errorf("error = %v (%s), want %s with advice", err, asr.Classify(err), asr.CodeInternal)
	}
}

// Application Auto Scaling asks CloudWatch and DynamoDB in the caller's name,
// whichever of its operations is called.
func TestWhatAGrantSaysIsImpliedIsInEveryPiece(t *testing.T) {
	long := strings.Repeat("x", 900)
	grants := asr.Spec{
		Writes: []asr.Grant{
			asr.Allow("arn:aws:a:::"+long+"1", "application-autoscaling:RegisterScalableTarget"),
			asr.Allow("arn:aws:a:::"+long+"2", "application-autoscaling:PutScalingPolicy"), asr.Allow("arn:aws:a:::"+long+"3", "application-autoscaling:DeleteScalingPolicy"),
		},
		Implied: []asr.Grant{asr.Allow("arn:aws:dynamodb:::t", "dynamodb:UpdateTable")},
	}.WriteGrants()
	all, err := Pieces(grants)
	if err != nil || len(all) < 2 {
		t.Fatalf("%d pieces, %v", len(all), err)
	}
	for i, p := range all {
		if !slices.Contains(actionsOf(p), "dynamodb:UpdateTable") {
			t.Errorf("piece %d lacks what is implied: %v", i, actionsOf(p))
		}
	}
}
