package securityhub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// query is the input of GetFindings, as its API reference has it.
type query struct {
	Filters      filters             `json:",omitempty"`
	MaxResults   int                 `json:",omitempty"`
	NextToken    string              `json:",omitempty"`
	SortCriteria []map[string]string `json:",omitempty"`
}

// filters are those of GetFindings by attribute; each of them must match.
type filters map[string][]map[string]string

// with adds that an attribute must be one of the values, if there are any.
func (f filters) with(attribute string, values ...string) filters {
	for _, v := range values {
		f[attribute] = append(f[attribute], map[string]string{"Comparison": string(types.StringFilterComparisonEquals), "Value": v})
	}
	return f
}

// getFindings reads a page of GetFindings. The client's own operation knows
// Security Hub's types for all resources of AWS, a twentieth of a binary, and we
// take the answer as it is: so it is GetFindingsV2 that is called, which has no
// such types, with the other's path and input. Signing, retries and errors are
// the same.
func getFindings(ctx context.Context, client *securityhub.Client, q query, p *page, opts ...func(*securityhub.Options)) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	opts = append(opts, asGetFindings(body), p.keep(&securityhub.GetFindingsV2Output{}))
	_, err = client.GetFindingsV2(ctx, &securityhub.GetFindingsV2Input{}, opts...)
	return err
}

func asGetFindings(body []byte) func(*securityhub.Options) {
	return func(o *securityhub.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			const id = "OperationSerializer"
			_, err := stack.Serialize.Swap(id, middleware.SerializeMiddlewareFunc(id, func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (out middleware.SerializeOutput, meta middleware.Metadata, err error) {
				request, ok := in.Request.(*smithyhttp.Request)
				if !ok {
					return out, meta, fmt.Errorf("the client sends %T", in.Request)
				}
				if in.Request, err = request.SetStream(bytes.NewReader(body)); err != nil {
					return out, meta, err
				}
				request = in.Request.(*smithyhttp.Request)
				request.Method = http.MethodPost
				request.URL.Path = strings.TrimSuffix(request.URL.Path, "/") + "/findings"
				request.Header.Set("Content-Type", "application/json")
				request.ContentLength = int64(len(body))
				return next.HandleSerialize(ctx, in)
			}))
			return err
		})
	}
}

// Seen is what a Reporter must know of a finding before it tells.
type Seen struct {
	ID         string `json:"Id"`
	ProductARN string `json:"ProductArn"`
	Workflow   struct {
		Status types.WorkflowStatus
	}
	UserDefinedFields map[string]string
}

// updater is Security Hub's client as a Reporter needs it.
type updater struct{ client *securityhub.Client }

func (u updater) Look(ctx context.Context, ids, products []string, opts ...func(*securityhub.Options)) ([]Seen, error) {
	q := query{Filters: filters{}.with("Id", ids...).with("ProductArn", products...), MaxResults: pageSize}
	for all := []Seen(nil); ; {
		var p page
		if err := getFindings(ctx, u.client, q, &p, opts...); err != nil {
			return nil, fmt.Errorf("GetFindings: %w", err)
		}
		var answer struct{ Findings []Seen }
		if err := json.Unmarshal(p.body, &answer); err != nil {
			return nil, fmt.Errorf("GetFindings: %w", err)
		}
		all = append(all, answer.Findings...)
		if q.NextToken = p.next; p.next == "" {
			return all, nil
		}
	}
}

func (u updater) BatchUpdateFindings(ctx context.Context, in *securityhub.BatchUpdateFindingsInput, opts ...func(*securityhub.Options)) (*securityhub.BatchUpdateFindingsOutput, error) {
	return u.client.BatchUpdateFindings(ctx, in, opts...)
}

func (u updater) BatchUpdateFindingsV2(ctx context.Context, in *securityhub.BatchUpdateFindingsV2Input, opts ...func(*securityhub.Options)) (*securityhub.BatchUpdateFindingsV2Output, error) {
	return u.client.BatchUpdateFindingsV2(ctx, in, opts...)
}

func newUpdater(cfg aws.Config) Updater { return updater{securityhub.NewFromConfig(cfg)} }
