// Command rehearse deploys the templates into the emulator, sends a Security
// Hub event to the queue that the rules send to, and shows the fix come out in
// a member account. Everything is on this machine; it ends by itself, with exit
// code 0 only if it went as it should.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/rehearsal"
	"example.com/asr/sandbox"
	"example.com/asr/server"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	member   = "222222222222"
	bucket   = "rehearsal-shop"
	operator = "arn:aws:sts::111111111111:assumed-role/operators/ada"
	policy   = `version: 1
rules:
  - {name: encrypt-in-transit, match: {controls: [S3.5]}, mode: auto}
`
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "rehearse:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	say("Starting an emulated organization …")
	s, err := sandbox.Start(ctx, sandbox.Config{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // everything in it is forgotten
	log, err := os.CreateTemp("", "asr-rehearsal-*.log")
	if err != nil {
		return err
	}
	defer log.Close() // the functions' log, for whoever looks
	say("Deploying templates/asr-hub.yaml in account %s and templates/asr-member.yaml in account %s …", sandbox.DefaultHub, member)
	d, err := rehearsal.Deploy(ctx, s, "templates", log, member)
	if err != nil {
		return fmt.Errorf("%w (the functions' log: %s)", err, log.Name())
	}
	for _, name := range []string{"QueueUrl", "RunMachineArn", "TableName", "BucketName"} {
		say("  %-14s %s", name, d.Outputs[name])
	}
	if err := d.Policy(ctx, policy); err != nil {
		return err
	}
	if err := s.Enforce(ctx, true); err != nil { // from here on IAM holds functions and sessions to their rights
		return err
	}
	if err := play(ctx, d); err != nil {
		return fmt.Errorf("%w (the functions' log: %s)", err, log.Name())
	}
	return nil
}

// play sends the event and follows the run.
func play(ctx context.Context, d *rehearsal.Stack) error {
	c := s3.NewFromConfig(d.Sandbox.Config(member, rehearsal.Region))
	if _, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		return err
	}
	say("\nBucket %s in account %s takes requests without TLS. Security Hub's event goes into the queue …", bucket, member)
	f, err := d.NewFinding(ctx, member, "S3.5", "arn:aws:s3:::"+bucket)
	if err != nil {
		return err
	}
	if err := d.Send(ctx, d.Imported(f)); err != nil {
		return err
	}
	var r asr.Run
	seen := []asr.State{}
	err = rehearsal.Await(ctx, 2*time.Minute, func() (bool, error) {
		var list server.Page[asr.Run]
		if err := d.Call(ctx, operator, http.MethodGet, "/v1/runs?finding="+*f.Id, nil, &list); err != nil || len(list.Items) == 0 {
			return false, err
		}
		if r = list.Items[0]; !slices.Contains(seen, r.State) {
			seen = append(seen, r.State)
			say("  run %s is %s", r.ID, r.State)
		}
		return !r.State.Open(), nil
	})
	if err != nil {
		return err
	}
	return show(ctx, d, c, r)
}

func show(ctx context.Context, d *rehearsal.Stack, c *s3.Client, r asr.Run) error {
	if r.State != asr.StateVerified {
		return fmt.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
	executions, err := d.Executions(ctx, r.ID)
	if err != nil {
		return err
	}
	is, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: aws.String(bucket)})
	if err != nil {
		return err
	}
	say("\nPlan %s, one write, executions %v.\nThe bucket's policy in account %s is now:\n%s", r.Plan.Hash[:12], executions, member, aws.ToString(is.Policy))
	return nil
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
