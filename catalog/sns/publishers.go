package sns

import (
	"regexp"
	"slices"
	"strings"

	"example.com/asr/remedy"
)

const (
	cloudWatch = "cloudwatch.amazonaws.com"
	everybody  = "everybody"
)

var accountNumber = regexp.MustCompile(`^\d{12}$`)

// publishersIn are those whom a topic's policy lets publish and who aren't
// principals of its account: services by their names, accounts by their numbers.
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
func publishersIn(policy remedy.Document, account string) map[string]string {
	found := map[string]string{}
	for _, e := range policy.Statements() {
		s, _ := e.(map[string]any)
		if s["Effect"] != "Allow" || !covers(s, "sns:Publish") {
			continue
		}
		for _, who := range principals(s, account) {
			found[who] = "the topic's policy"
			if sid, _ := s["Sid"].(string); sid != "" {
				found[who] += ", " + sid
			}
		}
	}
	return found
}

func principals(s map[string]any, account string) (all []string) {
	by, _ := s["Principal"].(map[string]any)
	all = append(all, remedy.Texts(by["Service"])...)
	who := remedy.Texts(by["AWS"])
	if s["Principal"] == "*" || s["NotPrincipal"] != nil {
		who = []string{"*"}
	}
	for _, w := range who {
		switch of := remedy.AccountOf(w); {
		case w == "*":
			all = append(all, behind(s, account)...)
		case of != account && accountNumber.MatchString(of): // not the id that is left of who was deleted
			all = append(all, of)
		}
	}
	return all
}

// behind tells by its condition whom a statement for everybody means: the
// service whose resource publishes, or the account. The default policy names
// the account itself. What it can't tell is everybody.
func behind(s map[string]any, account string) (all []string) {
	condition, _ := s["Condition"].(map[string]any)
	for _, block := range condition {
		keys, _ := block.(map[string]any)
		for key, values := range keys {
			switch strings.ToLower(key) {
			case "aws:sourceowner", "aws:sourceaccount", "aws:principalaccount":
				for _, v := range remedy.Texts(values) {
					if v != account {
						all = append(all, v)
					}
				}
				if all == nil {
					all = []string{}
				}
			case "aws:sourcearn":
				for _, v := range remedy.Texts(values) {
					if part := strings.Split(v, ":"); len(part) > 2 && part[2] != "" && !strings.Contains(part[2], "*") {
						all = append(all, part[2]+".amazonaws.com")
					}
				}
			}
		}
	}
	if all == nil {
		return []string{everybody}
	}
	return all
}

// covers reports whether a statement's actions, or all but those of NotAction,
// include an action.
func covers(s map[string]any, action string) bool {
	match := func(pattern string) bool {
		begin, _, wild := strings.Cut(strings.ToLower(pattern), "*")
		return begin == strings.ToLower(action) || wild && strings.HasPrefix(strings.ToLower(action), begin)
	}
	if not := remedy.Texts(s["NotAction"]); not != nil {
		return !slices.ContainsFunc(not, match)
	}
	return slices.ContainsFunc(remedy.Texts(s["Action"]), match)
}
