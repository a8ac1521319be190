package sandbox

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// protocol is one of the forms that AWS APIs speak.
// https://smithy.io/2.0/aws/protocols/index.html
type protocol int

const (
	restJSON protocol = iota // Lambda, Security Hub
	jsonRPC                  // KMS, CloudWatch Logs, Secrets Manager, …
	awsQuery                 // IAM, RDS, SNS, STS, …
	ec2Query                 // EC2
	restXML                  // S3 Control, Route 53, CloudFront
	s3XML                    // S3
	cborRPC                  // newer CloudWatch clients
)

const requestID = "00000000-0000-4000-8000-000000000000"

// failure is an error in the protocol's own shape, so that every SDK sees the
// code, the message and, where the service's model has one, the typed error.
func failure(p protocol, status int, code, message string) answer {
	a := answer{status: status, header: http.Header{}, code: code, overlay: true}
	a.header.Set("X-Amzn-Requestid", requestID)
	switch p {
	case restJSON:
		a.header.Set("X-Amzn-Errortype", code)
		a.json(map[string]string{"Message": message, "Code": code})
	case jsonRPC:
		a.json(map[string]string{"__type": code, "message": message})
	case awsQuery, restXML:
		a.xml("<ErrorResponse><Error><Type>%[1]s</Type><Code>%[2]s</Code><Message>%[3]s</Message></Error><RequestId>%[4]s</RequestId></ErrorResponse>", fault(status), code, message)
	case ec2Query:
		a.xml("<Response><Errors><Error><Code>%[2]s</Code><Message>%[3]s</Message></Error></Errors><RequestID>%[4]s</RequestID></Response>", "", code, message)
	case s3XML:
		a.xml("<Error><Code>%[2]s</Code><Message>%[3]s</Message><RequestId>%[4]s</RequestId></Error>", "", code, message)
	case cborRPC:
		a.header.Set("Smithy-Protocol", "rpc-v2-cbor")
		a.header.Set("Content-Type", "application/cbor")
		a.body = cborMap("__type", code, "message", message)
	}
	return a
}

func fault(status int) string {
	if status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

func (a *answer) json(v any) {
	a.header.Set("Content-Type", "application/json")
	a.body, _ = json.Marshal(v) // strings, maps and what our decoder has read
}

func (a *answer) xml(format, fault, code, message string) {
	a.header.Set("Content-Type", "text/xml")
	a.body = fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+format, fault, escape(code), escape(message), requestID)
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a Buffer takes everything
	return b.String()
}

// cborMap encodes a map of text to text (RFC 8949).
func cborMap(pairs ...string) []byte {
	out := []byte{0xa0 | byte(len(pairs)/2)}
	for _, s := range pairs {
		out = append(out, 0x79, byte(len(s)>>8), byte(len(s)))
		out = append(out, s...)
	}
	return out
}

var (
	xmlCode  = regexp.MustCompile(`<Code>([^<]*)</Code>`)
	jsonCode = regexp.MustCompile(`"__type"\s*:\s*"([^"]*)"`)
)

// errorCode finds AWS's error code in an answer of moto.
func errorCode(a answer) string {
	if a.status < http.StatusBadRequest {
		return ""
	}
	code := a.header.Get("X-Amzn-Errortype")
	if m := jsonCode.FindSubmatch(a.body); code == "" && m != nil {
		code = string(m[1])
	}
	if m := xmlCode.FindSubmatch(a.body); code == "" && m != nil {
		code = string(m[1])
	}
	if code == "" {
		return fmt.Sprint(a.status) // a HEAD has no body to name it
	}
	code, _, _ = strings.Cut(code, ":") // "Name:http://…"
	return code[strings.LastIndex(code, "#")+1:]
}
