package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
)

// Function answers the invocations of a Lambda function.
type Function func(ctx context.Context, payload []byte) ([]byte, error)

// functions are those that the gateway runs itself, by name: moto would need
// Docker for them.
type functions struct {
	mu     sync.Mutex
	byName map[string]Function
}

// Function has the gateway answer the invocations of a Lambda function by its
// name, whichever account and Region it is in. Its answers are self-emulated:
// what a function may do is not what its role says, but what the credentials say
// that it works with.
func (s *Sandbox) Function(name string, f Function) {
	s.gateway.functions.mu.Lock()
	defer s.gateway.functions.mu.Unlock()
	if s.gateway.functions.byName == nil {
		s.gateway.functions.byName = map[string]Function{}
	}
	s.gateway.functions.byName[name] = f
}

// invoked finds the function that a call invokes.
func (f *functions) invoked(q *request) Function {
	rest, ok := strings.CutPrefix(q.URL.EscapedPath(), "/2015-03-31/functions/")
	name, ok2 := strings.CutSuffix(rest, "/invocations")
	if !ok || !ok2 || q.Method != http.MethodPost {
		return nil
	}
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	if strings.HasPrefix(name, "arn:") {
		if parts := strings.Split(name, ":"); len(parts) > 6 {
			name = parts[6]
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byName[name]
}

// invoke answers as Lambda does: a function's error is an answer too.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func invoke(q *request, f Function) answer {
	a := answer{status: http.StatusOK, header: http.Header{"X-Amzn-Requestid": {requestID}, "Content-Type": {"application/json"}}, overlay: true}
	out, err := f(q.Context(), q.body)
	if err != nil {
		a.header.Set("X-Amz-Function-Error", "Unhandled")
		out, _ = json.Marshal(map[string]string{"errorMessage": err.Error(), "errorType": reflect.Indirect(reflect.ValueOf(err)).Type().Name()}) // texts
	}
	a.body = out
	return a
}
