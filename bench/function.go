package main

import (
	"archive/zip"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const starts = 20

// functions measures the functions' binary: how long from the start of its
// process to its first answer, and how large its zip is. It is host time: what
// AWS needs to fetch the code, and the CPU share that it gives, come on top.
func functions(ctx context.Context) ([]row, error) {
	dir, err := os.MkdirTemp("", "asr-bench")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left is in the folder for such things
	binary := filepath.Join(dir, "bootstrap")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", binary, "./cmd/asr-lambda")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build ./cmd/asr-lambda: %w", err)
	}
	size, err := zipped(binary)
	if err != nil {
		return nil, err
	}
	rows := []row{{what: "zip of the functions' code", unit: "MB", value: float64(size) / 1e6, most: 20}}
	for _, f := range []struct{ name, event string }{
		{"ingest", `{"Records":[]}`},
		{"report", `{"run":""}`},
		{"api", `{"rawPath":"/v1/whoami","requestContext":{"http":{"method":"GET"},"authorizer":{"iam":{"userArn":"arn:aws:iam::111111111111:user/ada"}}}}`},
	} {
		took, err := median(ctx, binary, f.name, f.event)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		rows = append(rows, row{what: "asr-hub-" + f.name + ", process start to first answer, median of " + fmt.Sprint(starts), unit: "ms", value: float64(took.Microseconds()) / 1000, most: 60})
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

func median(ctx context.Context, binary, function, event string) (time.Duration, error) {
	var all []time.Duration
	for range starts {
		took, err := start(ctx, binary, function, event)
		if err != nil {
			return 0, err
		}
		all = append(all, took)
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// start runs the function once, against a stand-in of Lambda's runtime API and
// of the AWS APIs that it needs before it can answer, and ends its process.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
func start(ctx context.Context, binary, function, event string) (time.Duration, error) {
	answered := make(chan string, 1)
	runtime, err := serve(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/invocation/next"):
			if len(answered) > 0 {
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
		return 0, err
	}
	defer func() { _ = runtime.Close() }() // ours, and done with
	aws, err := serve(standIn)
	if err != nil {
		return 0, err
	}
	defer func() { _ = aws.Close() }()
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + runtime.Addr, "AWS_ENDPOINT_URL=http://" + aws.Addr, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b",
		"AWS_EC2_METADATA_DISABLED=true", "ASR_FUNCTION=" + function, "ASR_TABLE=asr-hub", "ASR_BUCKET=bucket", "ASR_VAULT_SECRET=secret", "ASR_POLICY=s3://bucket/policy.yaml",
		"ASR_RUN_MACHINE=arn:aws:states:eu-west-1:111111111111:stateMachine:asr-hub-run", "TMPDIR=" + os.TempDir(),
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }()
	select {
	case path := <-answered:
		if !strings.Contains(path, "/response ") {
			return 0, fmt.Errorf("it answered with an error: %s", path)
		}
		return time.Since(began), nil
	case <-time.After(20 * time.Second):
		return 0, fmt.Errorf("no answer in 20 s")
	}
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
