package sessions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Sign signs a request (Signature Version 4) to a service whose client isn't
// worth its size in the binary, or that has none. An *asr.Error with CodeDenied
// if there are no credentials.
func Sign(ctx context.Context, cfg aws.Config, service string, r *http.Request, body []byte) error {
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return &asr.Error{Code: asr.CodeDenied, Message: "there are no AWS credentials to sign with", Do: "log in, or set AWS_PROFILE", Err: err}
	}
	sum := sha256.Sum256(body)
	return v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), service, cfg.Region, time.Now())
}
