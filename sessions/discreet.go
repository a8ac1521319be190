package sessions

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// confidential are the fields of AWS's inputs that may hold secrets: values of
// environment variables and parameters, user data, passwords, keys and tokens.
var confidential = []string{"Value", "UserData", "Environment", "Variables", "SecretString", "Password", "Token", "AuthToken", "MasterUserPassword", "ClientSecret", "PrivateKey", "HeaderValue"}

func confide(field string) bool {
	return slices.ContainsFunc(confidential, func(c string) bool { return strings.EqualFold(c, field) })
}

// shortest is how long a text must be to be looked for: a shorter one stands in
// many messages by chance.
const shortest = 6

// discreet keeps an error of AWS's that quotes a secret of the call to itself:
// errors are stored, told and shown. Its code stays.
func discreet(input any, err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	quotes := func(secret string) bool { return len(secret) >= shortest && strings.Contains(err.Error(), secret) }
	if !slices.ContainsFunc(secrets(reflect.ValueOf(input), false, nil), quotes) {
		return err
	}
	short := &smithy.GenericAPIError{Code: api.ErrorCode(), Fault: api.ErrorFault(), Message: "AWS's message quotes a value that may be secret and isn't shown: see the call in the account's CloudTrail"}
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) { // its status tells whether to try again
		return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{Response: answer.Response, Err: short}, RequestID: answer.RequestID}
	}
	return short
}

// quiet does the same for what a unit sends beside the SDK's types, as it went out.
func quiet(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, meta, err := next.HandleDeserialize(ctx, in)
	var api smithy.APIError
	request, ok := in.Request.(*smithyhttp.Request)
	if !errors.As(err, &api) || !ok || request.GetStream() == nil || request.RewindStream() != nil {
		return out, meta, err
	}
	body, failed := io.ReadAll(request.GetStream())
	if failed != nil {
		return out, meta, err
	}
	return out, meta, discreet(fields(body), err)
}

// fields are a body's JSON, or the texts of its XML by the names of their elements.
func fields(body []byte) (doc map[string]any) {
	if json.Unmarshal(body, &doc) == nil {
		return doc
	}
	doc = map[string]any{}
	name := ""
	for d := xml.NewDecoder(bytes.NewReader(body)); ; {
		token, err := d.Token()
		if err != nil {
			return doc
		}
		switch t := token.(type) {
		case xml.StartElement:
			name = t.Name.Local
		case xml.CharData:
			texts, _ := doc[name].([]string)
			doc[name] = append(texts, string(t))
		}
	}
}

// secrets adds the texts of a value that stand in confidential fields: as they
// are, and as they were before they were encoded.
func secrets(v reflect.Value, inside bool, found []string) []string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return secrets(v.Elem(), inside, found)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				found = secrets(v.Field(i), inside || confide(f.Name), found)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			found = secrets(v.Index(i), inside, found)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			found = secrets(it.Value(), inside || confide(it.Key().String()), found)
		}
	case reflect.String:
		if inside {
			found = append(found, v.String())
			if plain, err := base64.StdEncoding.DecodeString(v.String()); err == nil {
				found = append(append(found, strings.Split(string(plain), "\n")...), words(string(plain))...)
			}
		}
	}
	return found
}

// words are what of a text might be a secret by itself: its longer words.
func words(text string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n=:,;\"'`(){}[]<>", r) }), func(w string) bool { return len(w) < 12 })
}
