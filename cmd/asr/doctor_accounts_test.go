package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/asr/policy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

func TestAHubThatCantAskOrganizationsIsToldOf(t *testing.T) {
	t.Parallel()
	const byUnit = "version: 1\nrules:\n  - {name: prod, match: {ous: [Prod]}, mode: auto}\n"
	const callers = "version: 1\ncallers: [{who: \"*\", ous: [%s]}]\n"
	asks := map[string]string{"AskOrganizations": "yes", "OrganizationId": "o-exampleorg"}
	for name, row := range map[string]struct {
		policy     string
		parameters map[string]string
		denied     bool
		ok         bool
		says       string
	}{
		"nothing to ask":       {"version: 1\nrules: []\n", asks, true, true, "asks for no units"},
		"switched off":         {byUnit, map[string]string{"AskOrganizations": "no", "OrganizationId": "o-exampleorg"}, false, false, "AskOrganizations=yes"},
		"without organization": {byUnit, map[string]string{"AskOrganizations": "yes"}, false, false, "OrganizationId"},
		"not its account":      {byUnit, asks, true, false, "delegated administrator"},
		"callers' units":       {fmt.Sprintf(callers, "Root"), asks, false, true, "have 1 accounts"},
		"a misspelt unit":      {fmt.Sprintf(callers, "Rooot"), asks, false, false, "no unit's id or name matches Rooot"},
		"callers, no answer":   {fmt.Sprintf(callers, "Root"), asks, true, false, "delegated administrator"},
		"callers, no question": {fmt.Sprintf(callers, "Root"), map[string]string{"AskOrganizations": "no"}, false, false, "AskOrganizations=yes"},
		"it answers":           {byUnit, asks, false, true, "in 1 units and has 0 tags"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				status, body := http.StatusOK, `{"Parents":[{"Id":"r-1","Type":"ROOT"}],"Tags":[],"Roots":[{"Id":"r-1","Name":"Root"}],"Accounts":[{"Id":"222222222222"}]}`
				if row.denied {
					status, body = http.StatusBadRequest, `{"__type":"AccessDeniedException","Message":"You don't have permissions to access this resource."}`
				}
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body) // the client is gone: nobody to tell
			}))
			t.Cleanup(server.Close)
			p, err := policy.Parse("policy.yaml", strings.NewReader(row.policy))
			if err != nil {
				t.Fatal(err)
			}
			d := &hubDoctor{app: &app{}, account: "111111111111", policy: p, parameters: row.parameters, cfg: aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}}
			d.organizations(t.Context())
			c := d.found[0]
			if c.OK != row.ok || !strings.Contains(c.Detail+c.Error+c.Do, row.says) || !c.OK && !strings.Contains(c.Error+c.Detail, "fail closed") && !strings.Contains(c.Detail, "no accounts") {
				t.Errorf("%+v", c)
			}
		})
	}
}
