package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/playbook"
	"example.com/asr/policy"
	"example.com/asr/server"
	"example.com/asr/sessions"
	"example.com/asr/worker"
	"github.com/aws/aws-sdk-go-v2/aws"
)

// process measures the program itself: its size, its start, and a server that
// has nothing to do.
func process(ctx context.Context) ([]row, error) {
	dir, err := os.MkdirTemp("", "asr-bench")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left is in the folder for such things
	binary := filepath.Join(dir, "asr")
	build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", binary, "./cmd/asr")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build ./cmd/asr: %w", err)
	}
	info, err := os.Stat(binary)
	if err != nil {
		return nil, err
	}
	start, err := started(ctx, binary)
	if err != nil {
		return nil, err
	}
	idle, err := idles(ctx)
	return []row{
		{what: "the binary", unit: "MB", value: float64(info.Size()) / 1e6, most: 50},
		{what: "asr version, start to end, CPU time, median of " + fmt.Sprint(starts), unit: "ms", value: start, most: 50},
		{what: "a server that does nothing, resident memory", unit: "MB", value: idle, most: 60},
	}, err
}

// started is the CPU time of the shortest command, in milliseconds.
func started(ctx context.Context, binary string) (float64, error) {
	var all []float64
	for range starts {
		cmd := exec.CommandContext(ctx, binary, "version")
		if err := cmd.Run(); err != nil {
			return 0, fmt.Errorf("asr version: %w", err)
		}
		used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		all = append(all, float64(used.Microseconds())/1000)
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// idles starts this program again as a server, waits until it serves, and looks
// at what it holds.
func idles(ctx context.Context) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, idle)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	_, ready := bufio.NewReader(out).ReadString('\n')
	held := megabytes(strconv.Itoa(cmd.Process.Pid))
	return held, errors.Join(ready, in.Close(), cmd.Wait())
}

// idle is the argument that makes this program a server which does nothing.
const idle = "idle-server"

// serveNothing is that server: what asr is made of, with an empty store. It ends
// with its standard input.
func serveNothing(ctx context.Context) error {
	s, err := newShelf(ctx)
	if err != nil {
		return err
	}
	defer s.drop()
	book, err := playbook.Load()
	if err != nil {
		return err
	}
	p, err := policy.Parse("policy.yaml", strings.NewReader(rules))
	if err != nil {
		return err
	}
	guard, err := sessions.New(sessions.Config{Hub: aws.Config{Region: "eu-west-1"}, Settings: s})
	if err != nil {
		return err
	}
	e := asr.New(asr.Config{Store: s, Remediations: catalog.All(guard.Dial), Matcher: book, Policy: p, Vault: s.vault})
	nobody := func(*http.Request) (asr.Actor, error) { return asr.Actor{}, errors.New("nobody calls") }
	web, err := serve(server.New(server.Config{Engine: e, Store: s, Who: nobody}).ServeHTTP)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	var pool sync.WaitGroup
	pool.Go(func() { _ = worker.New(worker.Config{Engine: e, Store: s}).Serve(ctx) }) // it never fails
	time.Sleep(2 * time.Second)                                                       // let it come to rest
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	end()
	pool.Wait()
	return errors.Join(err, web.Close())
}
