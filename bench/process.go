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
	asr, err := build(ctx, "asr")
	if err != nil {
		return nil, err
	}
	defer asr.drop()
	info, err := os.Stat(asr.path)
	if err != nil {
		return nil, err
	}
	took, err := started(func() (start, error) { return asr.version(ctx) })
	if err != nil {
		return nil, err
	}
	idle, err := idles(ctx)
	return slices.Concat(
		[]row{{what: "the binary", unit: "MB", value: float64(info.Size()) / 1e6, most: 50}},
		took.rows("asr version, start to end", 50),
		[]row{{what: "a server that does nothing, resident memory", unit: "MB", value: idle, most: 60}},
	), err
}

// version runs the shortest command.
func (p program) version(ctx context.Context) (start, error) {
	cmd := exec.CommandContext(ctx, p.path, "version")
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return start{}, fmt.Errorf("asr version: %w", err)
	}
	return start{milliseconds(time.Since(began)), used(cmd)}, nil
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
