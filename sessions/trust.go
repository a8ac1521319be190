package sessions

import (
	"encoding/json"
	"strings"
)

// HubRoles is the pattern of the names of the hub's own roles. It leaves out
// the hub account's member role, which must not reach other accounts.
const HubRoles = "asr-hub-*"

// TrustPolicy is the trust policy of the member role: the hub account's roles
// named HubRoles may assume it, and the operators' role if there is one (an
// ARN, a pattern of one, or a name with its path). An empty orgID or externalID
// asks for none. The condition on the external id is on assuming only: AWS
// gives no external id when it checks sts:SetSourceIdentity, which allows
// nothing by itself.
func TrustPolicy(hubAccount, partition, orgID, externalID, operatorsRole string) string {
	roles := "arn:" + partition + ":iam::" + hubAccount + ":role/"
	callers := list{roles + HubRoles}
	switch {
	case strings.HasPrefix(operatorsRole, "arn:"):
		callers = append(callers, operatorsRole)
	case operatorsRole != "":
		callers = append(callers, roles+strings.TrimPrefix(operatorsRole, "/"))
	}
	hub := map[string]string{"AWS": "arn:" + partition + ":iam::" + hubAccount + ":root"}
	allow := func(action string, equals map[string]string) any {
		when := map[string]any{"ArnLike": map[string]any{"aws:PrincipalArn": callers}}
		for key, value := range equals {
			if value == "" {
				delete(equals, key)
			}
		}
		if len(equals) > 0 {
			when["StringEquals"] = equals
		}
		return map[string]any{"Effect": "Allow", "Principal": hub, "Action": action, "Condition": when}
	}
	doc, _ := json.MarshalIndent(map[string]any{ // strings and maps; json sorts the keys
		"Version": "2012-10-17",
		"Statement": []any{
			allow("sts:AssumeRole", map[string]string{"aws:PrincipalOrgID": orgID, "sts:ExternalId": externalID}),
			allow("sts:SetSourceIdentity", map[string]string{"aws:PrincipalOrgID": orgID}),
		},
	}, "", "  ")
	return string(doc)
}
