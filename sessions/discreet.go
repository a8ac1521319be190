package sessions

import (
	"encoding/base64"
	"errors"
	"reflect"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// confidential are the fields of AWS's inputs that may hold secrets: values of
// environment variables and parameters, user data, passwords, keys and tokens.
var confidential = []string{"Value", "UserData", "Environment", "Variables", "SecretString", "Password", "Token", "AuthToken", "MasterUserPassword", "ClientSecret", "PrivateKey"}

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

// secrets adds the texts of a value that stand in confidential fields: as they
// are, and as they were before they were encoded.
func secrets(v reflect.Value, inside bool, found []string) []string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return secrets(v.Elem(), inside, found)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				found = secrets(v.Field(i), inside || slices.Contains(confidential, f.Name), found)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			found = secrets(v.Index(i), inside, found)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			found = secrets(it.Value(), inside, found)
		}
	case reflect.String:
		if inside {
			found = append(found, v.String())
			if plain, err := base64.StdEncoding.DecodeString(v.String()); err == nil {
				found = append(found, strings.Split(string(plain), "\n")...)
			}
		}
	}
	return found
}
