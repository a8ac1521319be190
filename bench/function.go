package main

import (
	"archive/zip"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"
)

// functions measures the functions' binary: how long from the start of its
// process to its first answer, and how large its zip is. It is this host's time:
// what AWS needs to fetch the code, and the CPU share that it gives, come on top.
func functions(ctx context.Context) ([]row, error) {
	bootstrap, err := build(ctx, "asr-lambda", "-tags", "lambda.norpc")
	if err != nil {
		return nil, err
	}
	defer bootstrap.drop()
	size, err := zipped(bootstrap.path)
	if err != nil {
		return nil, err
	}
	rows := []row{{what: "zip of the functions' code", unit: "MB", value: float64(size) / 1e6, most: 20}}
	for _, f := range []struct{ name, event string }{
		{"ingest", `{"Records":[]}`},
		{"report", `{"run":""}`},
		{"api", `{"rawPath":"/v1/whoami","requestContext":{"http":{"method":"GET"},"authorizer":{"iam":{"userArn":"arn:aws:iam::111111111111:user/ada"}}}}`},
	} {
		took, err := started(func() (start, error) { return bootstrap.answer(ctx, f.name, f.event) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		rows = append(rows, took.rows("asr-hub-"+f.name+", process start to first answer", 60)...)
	}
	return rows, nil
}

// zipped is how large a file is in a zip, in bytes.
func zipped(file string) (int64, error) {
	in, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer in.Close() // only read
	var out counter
	z := zip.NewWriter(&out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	w, err := z.Create("bootstrap")
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(w, in); err != nil {
		return 0, err
	}
	return int64(out), z.Close()
}

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// answer runs the function once, against a stand-in of Lambda's runtime API and
// of the AWS APIs that it needs before it can answer, and ends its process.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
func (p program) answer(ctx context.Context, function, event string) (took start, err error) {
	answered := make(chan string, 1)
	var given atomic.Bool
	runtime, err := serve(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/invocation/next"):
			if given.Swap(true) {
				<-r.Context().Done() // there is no second event
				return
			}
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
			_, _ = io.WriteString(w, event)
		default:
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(http.StatusAccepted)
			select {
			case answered <- r.URL.Path + " " + string(body):
			default:
			}
		}
	})
	if err != nil {
		return took, err
	}
	defer func() { _ = runtime.Close() }() // ours, and done with
	aws, err := serve(standIn)
	if err != nil {
		return took, err
	}
	defer func() { _ = aws.Close() }()
	cmd := exec.CommandContext(ctx, p.path)
	cmd.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + runtime.Addr, "AWS_ENDPOINT_URL=http://" + aws.Addr, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b",
		"AWS_EC2_METADATA_DISABLED=true", "ASR_FUNCTION=" + function, "ASR_TABLE=asr-hub", "ASR_BUCKET=bucket", "ASR_VAULT_SECRET=secret", "ASR_POLICY=s3://bucket/policy.yaml",
		"ASR_RUN_MACHINE=arn:aws:states:eu-west-1:111111111111:stateMachine:asr-hub-run", "TMPDIR=" + os.TempDir(),
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return took, err
	}
	select {
	case path := <-answered:
		took.clock = milliseconds(time.Since(began))
		if !strings.Contains(path, "/response ") {
			err = fmt.Errorf("it answered with an error: %s", path)
		}
	case <-time.After(20 * time.Second):
		err = errors.New("no answer in 20 s")
	}
	_, _ = cmd.Process.Kill(), cmd.Wait() // it waits for a second event
	took.cpu = used(cmd)
	return took, err
}

// serve serves on a free port of loopback.
func serve(h http.HandlerFunc) (*http.Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &http.Server{Addr: l.Addr().String(), Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }() // ends with Close
	return s, nil
}

// standIn answers as AWS with a new, empty stack: a key, no policy, no playbooks
// of one's own, nothing in the table.
func standIn(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager."):
		_, _ = io.WriteString(w, `{"SecretString":"`+strings.Repeat("k", 64)+`"}`)
	case r.Header.Get("X-Amz-Target") != "":
		_, _ = io.WriteString(w, `{}`)
	case r.URL.Query().Has("list-type"):
		_, _ = io.WriteString(w, `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>`)
	}
}
