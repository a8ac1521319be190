package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/asr/vault"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// secretHub is AWS as far as the hub's stack, secret and API are needed.
type secretHub struct {
	text  string
	audit string
}

func (s *secretHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch target := r.Header.Get("X-Amz-Target"); {
	case target == "secretsmanager.GetSecretValue":
		_ = json.NewEncoder(w).Encode(map[string]string{"SecretString": s.text})
	case target == "secretsmanager.PutSecretValue":
		var in struct{ SecretString string }
		_ = json.Unmarshal(body, &in)
		s.text = in.SecretString
		_, _ = io.WriteString(w, "{}")
	case r.URL.Path == "/v1/audit":
		_, _ = io.WriteString(w, s.audit)
	default:
		_, _ = io.WriteString(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><Outputs><member><OutputKey>VaultSecretArn</OutputKey><OutputValue>arn:aws:secretsmanager:eu-west-1:111111111111:secret:asr-hub/vault-x</OutputValue></member></Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
	}
}

func TestTheHubsKeyIsRotatedAndRetiredWhenNothingNeedsIt(t *testing.T) {
	first := strings.Repeat("k", 64)
	s := &secretHub{text: first}
	server := httptest.NewServer(s)
	defer server.Close()
	keys := func(args ...string) (code int, out, errs string) {
		var o, e strings.Builder
		a := &app{in: strings.NewReader(""), out: &o, errs: &e, given: &aws.Config{Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "token")}}
		cmd := root(a)
		cmd.SetArgs(append([]string{"hub", "--api", server.URL, "--yes", "keys"}, args...))
		err := cmd.ExecuteContext(t.Context())
		if err != nil {
			a.complain(err)
		}
		return exitCode(err), o.String(), e.String()
	}
	if code, out, errs := keys("rotate"); code != exitDone || !strings.Contains(out, "primary") || !strings.Contains(out, "pending") {
		t.Fatalf("rotate: %d %s %s", code, out, errs)
	}
	if code, _, errs := keys("rotate"); code == exitDone {
		t.Errorf("rotated again before the key's time: %s", errs)
	}
	v, err := vault.Parse(s.text, vault.Passphrase, nil)
	if err != nil {
		t.Fatal(err)
	}
	ids := v.Keys()
	lines := strings.Split(s.text, "\n")
	key, _, _ := strings.Cut(lines[1], " ")
	s.text = lines[0] + "\n" + key + " " + time.Now().Add(-2*vault.Quiet).UTC().Format(time.RFC3339) + "\n"
	for audit, want := range map[string]int{`{}`: exitRefused, `{"keys":{"primary":"` + ids[1].ID + `"}}`: exitRefused, `{"keys":{"primary":"` + ids[0].ID + `","complete":true}}`: exitRefused} {
		s.audit = audit
		if code, out, errs := keys("retire", ids[0].ID); code != want {
			t.Errorf("%s: %d %s %s", audit, code, out, errs)
		}
	}
	s.audit = fmt.Sprintf(`{"keys":{"primary":%q,"complete":true}}`, ids[1].ID)
	code, out, errs := keys("retire", ids[0].ID)
	if code != exitDone || !strings.Contains(out, "retired") || strings.Contains(s.text, first) {
		t.Errorf("retire: %d %s %s", code, out, errs)
	}
	if strings.Contains(out+errs, key) {
		t.Error("a key is shown")
	}
}
