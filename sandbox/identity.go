package sandbox

import (
	"encoding/xml"
	"net/http"
	"strings"
	"sync"
)

// Identity is who signed a call.
type Identity struct {
	AccessKeyID    string `json:"accessKeyId"`
	Account        string `json:"account"`
	Role           string `json:"role,omitempty"`           // the assumed role's ARN
	Session        string `json:"session,omitempty"`        // its session's name
	SourceIdentity string `json:"sourceIdentity,omitempty"` // set at AssumeRole, or inherited by chaining
	Policy         string `json:"policy,omitempty"`         // the session policy, JSON
	Root           bool   `json:"root,omitempty"`           // Sandbox.Config: the sandbox itself
}

// keyring knows whose every access key is: it has seen the answers that created them.
type keyring struct {
	mu   sync.RWMutex
	keys map[string]Identity
}

// whose returns the identity behind a key.
func (k *keyring) whose(key string) (Identity, bool) {
	if account, ok := strings.CutPrefix(key, rootPrefix); ok && isAccount(account) {
		return Identity{AccessKeyID: key, Account: account, Root: true}, true
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	id, ok := k.keys[key]
	return id, ok
}

func (k *keyring) add(id Identity) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[id.AccessKeyID] = id
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// watch learns the key that an answer gives out.
func (k *keyring) watch(q *request, a answer) {
	if a.status != http.StatusOK || (q.service != "sts" && q.service != "iam") {
		return
	}
	switch q.operation {
	case "AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity":
		id := Identity{
			AccessKeyID: element(a.body, "AccessKeyId"), Role: q.form.Get("RoleArn"), Session: q.form.Get("RoleSessionName"),
			SourceIdentity: q.form.Get("SourceIdentity"), Policy: q.form.Get("Policy"), Account: arnAccount(q.form.Get("RoleArn")),
		}
		if id.SourceIdentity == "" {
			id.SourceIdentity = q.principal.SourceIdentity
		}
		k.add(id)
	case "GetSessionToken", "GetFederationToken", "CreateAccessKey":
		k.add(Identity{AccessKeyID: element(a.body, "AccessKeyId"), Account: q.account, SourceIdentity: q.principal.SourceIdentity})
	}
}

func arnAccount(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// element is the text of the first element with a name, "" if there is none.
func element(doc []byte, name string) string {
	d := xml.NewDecoder(strings.NewReader(string(doc)))
	for {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		if e, ok := t.(xml.StartElement); ok && e.Name.Local == name {
			var text string
			_ = d.DecodeElement(&text, &e) // a broken document has no such text
			return strings.TrimSpace(text)
		}
	}
}
