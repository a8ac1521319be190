// Command asr-lambda is the one binary of all functions that asr is deployed as:
// the environment variable ASR_FUNCTION says which one it is.
package main

import (
	"context"
	"fmt"
	"os"

	"example.com/asr/functions"
	"example.com/asr/sessions"
	_ "example.com/asr/startup"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
)

// version is set by the linker.
var version = "dev"

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "asr-lambda:", err) // Lambda shows it as the reason that the function did not start
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}), config.WithHTTPClient(sessions.Client(sessions.Patience)))
	if err != nil {
		return err
	}
	h, err := functions.New(functions.Config{AWS: cfg, Env: os.Getenv, Version: version, Log: os.Stdout})
	if err != nil {
		return err
	}
	lambda.StartWithOptions(h, lambda.WithContext(ctx)) // ends with the process
	return nil
}
