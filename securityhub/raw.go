package securityhub

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// maxPage is more than 100 findings can have: 240 KB each.
const maxPage = 64 << 20

// keep has a call put AWS's answer into the page as it is. The client's own
// deserializer, which would take it apart a second time and fail on a single
// odd field, sees errors only; the call returns result.
func (p *page) keep(result any) func(*securityhub.Options) {
	return func(o *securityhub.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			const id = "OperationDeserializer"
			own, ok := stack.Deserialize.Get(id)
			if !ok {
				return fmt.Errorf("the client has no %s", id)
			}
			_, err := stack.Deserialize.Swap(id, middleware.DeserializeMiddlewareFunc(id, func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
				out, meta, err := next.HandleDeserialize(ctx, in)
				if err != nil {
					return out, meta, err
				}
				answer, ok := out.RawResponse.(*smithyhttp.Response)
				if !ok || answer.StatusCode/100 != http.StatusOK/100 {
					return own.HandleDeserialize(ctx, in, middleware.DeserializeHandlerFunc(func(context.Context, middleware.DeserializeInput) (middleware.DeserializeOutput, middleware.Metadata, error) {
						return out, meta, nil
					}))
				}
				out.Result = result
				return out, meta, p.read(answer.Body)
			}))
			return err
		})
	}
}

func (p *page) read(body io.Reader) error {
	raw, err := io.ReadAll(io.LimitReader(body, maxPage+1))
	if err != nil {
		return fmt.Errorf("read AWS's answer: %w", err)
	}
	if len(raw) > maxPage {
		return fmt.Errorf("AWS's answer has more than %d bytes", maxPage)
	}
	var head struct{ NextToken string }
	if err := json.Unmarshal(raw, &head); err != nil {
		return fmt.Errorf("AWS's answer is not JSON: %w", err)
	}
	p.body, p.next = raw, head.NextToken
	return nil
}
