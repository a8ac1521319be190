package s3

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// complete is for documents that are read whole to be written back whole: an
// answer with an element that isn't among known is refused. The SDK would drop
// what it doesn't know, and the write would delete it.
func complete(known string) func(*s3.Options) {
	elements := strings.Fields(known)
	read := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, meta, err := next.HandleDeserialize(ctx, in)
		answer, ok := out.RawResponse.(*smithyhttp.Response)
		if err != nil || !ok || answer.StatusCode != 200 {
			return out, meta, err
		}
		body, err := io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			return out, meta, err
		}
		answer.Body = io.NopCloser(bytes.NewReader(body))
		return out, meta, familiar(body, elements)
	}
	return func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, func(st *middleware.Stack) error {
			return st.Deserialize.Add(middleware.DeserializeMiddlewareFunc("complete", read), middleware.After)
		})
	}
}

// familiar refuses a document with other elements than these in its root.
func familiar(body []byte, elements []string) error {
	root := true
	for doc := xml.NewDecoder(bytes.NewReader(body)); ; {
		token, err := doc.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		e, ok := token.(xml.StartElement)
		if ok && !root && !slices.Contains(elements, e.Name.Local) {
			return asr.Refuse("the bucket's configuration has an element "+e.Name.Local+", which asr doesn't know and would lose", "update asr, or make the change by hand")
		}
		root = root && !ok
	}
}
