package ec2

import (
	"errors"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func newInstance(t *testing.T, acct *remedytest.Account) string {
	t.Helper()
	api := ec2.NewFromConfig(acct.Config)
	images, err := api.DescribeImages(t.Context(), &ec2.DescribeImagesInput{Owners: []string{"amazon"}})
	out, err2 := api.RunInstances(t.Context(), &ec2.RunInstancesInput{
		ImageId: remedytest.Must(t, images, err).Images[0].ImageId, MinCount: aws.Int32(1), MaxCount: aws.Int32(1), InstanceType: types.InstanceTypeT3Micro,
	})
	return *remedytest.Must(t, out, err2).Instances[0].InstanceId
}

func TestIMDSv2(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := ec2.NewFromConfig(acct.Config)
	id := newInstance(t, acct)
	remedytest.Lifecycle(t, acct, IMDSv2, remedytest.Case{
		Control: "EC2.8", Resource: acct.Expand(instance, id), Want: []string{`httpTokens: "optional" → "required"`},
		View: acct.Boto("ec2", "describe_instances", map[string]any{"InstanceIds": []string{id}}, "Reservations.0.Instances.0"),
		Seen: []string{`MetadataOptions.HttpTokens: "optional" → "required"`},
		Gone: func() {
			_, err := api.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
			remedytest.Must(t, id, err)
		},
	})
	if r := ended(t, acct, IMDSv2, "EC2.8", acct.Expand(instance, "i-0123456789abcdef0")); r.State != asr.StateNothingToDo {
		t.Errorf("an instance that AWS has forgotten: the run ended %s: %+v", r.State, r.Error)
	}
}

func TestOnlyTheTokensOfTheMetadataOptionsAreSent(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	on := remedy.On[none]{Target: asr.Target{Name: newInstance(t, acct)}}
	var sent []any
	cfg := tap(acct.Config, func(in, out any) error {
		if out == nil {
			sent = append(sent, in)
		}
		return nil
	})
	if err := IMDSv2.Write(t.Context(), cfg, on, metadata{"optional"}, metadata{"required"}); err != nil {
		t.Fatal(err)
	}
	want := []any{&ec2.ModifyInstanceMetadataOptionsInput{InstanceId: &on.Name, HttpTokens: "required"}}
	if diff := cmp.Diff(want, sent, cmpopts.IgnoreUnexported(ec2.ModifyInstanceMetadataOptionsInput{})); diff != "" {
		t.Errorf("the endpoint may have been turned on, or the hop limit changed (-want +got)\n%s", diff)
	}
}

func TestAMetadataEndpointThatIsOffStaysOff(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newInstance(t, acct)
	_, err := ec2.NewFromConfig(acct.Config).ModifyInstanceMetadataOptions(t.Context(), &ec2.ModifyInstanceMetadataOptionsInput{InstanceId: &id, HttpEndpoint: "disabled", HttpPutResponseHopLimit: aws.Int32(2), InstanceMetadataTags: "enabled"})
	remedytest.Must(t, id, err)
	r := ended(t, acct, IMDSv2, "EC2.8", acct.Expand(instance, id))
	o := described(t, acct, id).MetadataOptions
	got := []any{r.State, o.HttpTokens, o.HttpEndpoint, *o.HttpPutResponseHopLimit, o.InstanceMetadataTags}
	want := []any{asr.StateVerified, types.HttpTokensStateRequired, types.InstanceMetadataEndpointStateDisabled, int32(2), types.InstanceMetadataTagsStateEnabled}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAnInstanceThatRequiresTokensHasNothingToDo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newInstance(t, acct)
	on := remedy.On[none]{Target: asr.Target{Name: id}}
	remedytest.Must(t, id, IMDSv2.Write(t.Context(), acct.Config, on, metadata{}, metadata{"required"}))
	if r := ended(t, acct, IMDSv2, "EC2.8", acct.Expand(instance, id)); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestInstancesBetweenTwoStates(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	on := remedy.On[none]{Target: asr.Target{Name: newInstance(t, acct)}}
	for _, c := range []struct {
		state   types.InstanceStateName
		options types.InstanceMetadataOptionsState
		want    error
	}{
		{"running", "applied", nil},
		{"running", "pending", asr.ErrSettling},
		{"stopped", "pending", nil},
		{"pending", "applied", asr.ErrSettling},
		{"shutting-down", "applied", asr.ErrGone},
		{"terminated", "pending", asr.ErrGone},
	} {
		cfg := tap(acct.Config, func(_, out any) error {
			if out, ok := out.(*ec2.DescribeInstancesOutput); ok {
				i := out.Reservations[0].Instances[0]
				i.State.Name, i.MetadataOptions.State = c.state, c.options
			}
			return nil
		})
		if _, err := IMDSv2.Read(t.Context(), cfg, on); !errors.Is(err, c.want) {
			t.Errorf("%s, options %s: got %v, want %v", c.state, c.options, err, c.want)
		}
	}
}
