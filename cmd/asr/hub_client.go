package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// hubAPI is the API of a deployed asr. Each request is signed with the
// operator's own credentials: AWS tells the hub who that is.
type hubAPI struct {
	cfg  aws.Config
	url  string
	note func(format string, args ...any) // tells people
}

// hub finds the API: as it was named, or by its stack's output.
func (a *app) hub(ctx context.Context, api, stack string) (hubAPI, error) {
	cfg, err := a.hubConfig(ctx)
	if err != nil {
		return hubAPI{}, err
	}
	if api = cmp.Or(api, os.Getenv("ASR_API")); api == "" {
		if api, err = stackOutput(ctx, cfg, stack, "ApiUrl"); err != nil {
			return hubAPI{}, err
		}
	}
	u, err := url.Parse(api)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "127.0.0.1" {
		return hubAPI{}, &asr.Error{Code: asr.CodeBadInput, Message: fmt.Sprintf("%q is no URL of an API", api), Do: "give the stack's output ApiUrl, which begins with https://"}
	}
	return hubAPI{cfg, strings.TrimSuffix(api, "/"), a.note}, nil
}

// stackOutput is what a stack says under a name.
func stackOutput(ctx context.Context, cfg aws.Config, stack, name string) (string, error) {
	out, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return "", &asr.Error{Code: asr.CodeNotFound, Message: "the stack " + stack + " can't be looked at in " + cfg.Region, Do: "name it with --stack and its Region with --region, or give --api", Err: remedy.Judge(err)}
	}
	for _, s := range out.Stacks {
		for _, o := range s.Outputs {
			if aws.ToString(o.OutputKey) == name {
				return aws.ToString(o.OutputValue), nil
			}
		}
	}
	return "", &asr.Error{Code: asr.CodeNotFound, Message: "the stack " + stack + " has no output " + name, Do: "deploy it with the API on (parameter UseApi)"}
}

// call asks the API; out is what its answer is decoded into.
func (h hubAPI) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	body := []byte{}
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	target := h.url + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if err := sessions.Sign(ctx, h.cfg, "lambda", r, body); err != nil {
		return err
	}
	resp, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		return &asr.Error{Code: asr.CodeUnavailable, Message: "the hub does not answer", Do: "see that this machine reaches " + r.URL.Host, Err: err}
	}
	defer resp.Body.Close() // only read
	text, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return &asr.Error{Code: asr.CodeUnavailable, Message: "the hub's answer broke off", Do: "try again", Err: err}
	}
	if unseen := resp.Header.Get("X-Asr-Unseen"); unseen != "" {
		h.note("asr: %s", unseen)
	}
	return understand(resp.StatusCode, text, out)
}

// understand decodes an answer: the API's own, or that of what stands before it.
func understand(status int, text []byte, out any) error {
	if status == http.StatusOK {
		if err := json.Unmarshal(text, out); err != nil {
			return &asr.Error{Code: asr.CodeBadInput, Message: "the answer is not the hub's", Do: "see that --api is the stack's output ApiUrl", Err: err}
		}
		return nil
	}
	var no asr.Error
	if json.Unmarshal(text, &no) == nil && no.Code != "" {
		return &no
	}
	if status == http.StatusForbidden {
		return &asr.Error{Code: asr.CodeDenied, Message: "AWS does not let you call the hub's API", Do: "have lambda:InvokeFunctionUrl and lambda:InvokeFunction on asr-hub-api granted to you"}
	}
	return &asr.Error{Code: asr.CodeUnavailable, Message: fmt.Sprintf("the hub answered with HTTP status %d", status), Do: "see the log group /aws/lambda/asr-hub-api"}
}
