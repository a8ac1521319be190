package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxBody bounds what the gateway takes in one request; objects in tests are small.
const maxBody = 64 << 20

// request is one AWS call as the gateway reads it from the wire.
type request struct {
	*http.Request
	body      []byte
	form      url.Values // of the query protocols
	protocol  protocol
	key       string // access key id
	account   string // whose resources it acts on
	principal Identity
	region    string
	service   string // signing name; "s3control" for S3 Control, which signs as s3
	operation string
	vars      map[string]string // from the path of a REST operation
}

// read takes a request apart. It fails on a body that is too large or broken off.
func read(r *http.Request, table routes) (*request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("the request is larger than %d bytes", maxBody)
	}
	q := &request{Request: r, body: body}
	q.key, q.region, q.service = scope(r)
	if q.service == "s3" && strings.HasPrefix(r.URL.Path, "/v20180820/") {
		q.service = "s3control"
	}
	q.protocol = q.detect()
	q.operation = q.name(table)
	return q, nil
}

// scope reads the SigV4 (or SigV4A, without a Region) credential scope of a
// signed or presigned request.
func scope(r *http.Request) (key, region, service string) {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(rest, ",")
	}
	parts := strings.Split(strings.TrimSpace(credential), "/")
	switch len(parts) {
	case 5:
		return parts[0], parts[2], strings.ToLower(parts[3])
	case 4:
		return parts[0], "", strings.ToLower(parts[2])
	}
	return "", "", ""
}

// detect says which of AWS's protocols the request speaks.
func (q *request) detect() protocol {
	if q.Header.Get("X-Amz-Target") != "" {
		return jsonRPC
	}
	if q.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" {
		return cborRPC
	}
	if strings.HasPrefix(q.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		q.form, _ = url.ParseQuery(string(q.body)) // what does not parse has no Action
	} else if q.URL.Query().Has("Action") && q.URL.Query().Has("Version") {
		q.form = q.URL.Query()
	}
	switch {
	case q.form.Has("Action") && q.service == "ec2":
		return ec2Query
	case q.form.Has("Action"):
		return awsQuery
	case q.service == "s3":
		return s3XML
	case q.service == "s3control", q.service == "route53", q.service == "cloudfront":
		return restXML
	}
	return restJSON
}

// name is the operation's, or "METHOD /path" where the table has none.
func (q *request) name(table routes) string {
	switch q.protocol {
	case jsonRPC:
		target := q.Header.Get("X-Amz-Target")
		return target[strings.LastIndex(target, ".")+1:]
	case cborRPC:
		return q.URL.Path[strings.LastIndex(q.URL.Path, "/")+1:]
	case awsQuery, ec2Query:
		return q.form.Get("Action")
	}
	name, vars := table.find(q.service, q.Request)
	if name == "" {
		return q.Method + " " + q.URL.Path
	}
	q.vars = vars
	return name
}

// answer is what goes back.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	code    string // AWS's error code, "" for a success
	overlay bool   // the gateway's own words
	drop    bool   // close the connection instead
	cut     bool   // close it in the middle of the body
	fault   string // what Trouble did to the call
	was     int    // the status that the call came to before that; 0: status
}

func (a answer) write(w http.ResponseWriter) {
	if a.drop && a.fault != "" {
		reset(w)
		return
	}
	if a.drop {
		panic(http.ErrAbortHandler) // net/http's way to reset a connection
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	if a.cut {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)+1))
	}
	w.WriteHeader(a.status)
	if a.cut {
		_, _ = w.Write(a.body[:len(a.body)/2])
		_ = http.NewResponseController(w).Flush() // the client sees a beginning
		panic(http.ErrAbortHandler)
	}
	_, _ = io.Copy(w, bytes.NewReader(a.body)) // the client went away
}

// reset breaks a connection off as a machine on the way does: by a reset, not
// by its proper end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
