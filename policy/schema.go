package policy

import (
	"encoding/json"
	"maps"
	"regexp"
	"strings"

	"example.com/asr"
)

// Schema is the JSON Schema (2020-12) of a policy file, for editors. It takes
// whatever Parse takes. Parse refuses more: what only the whole policy shows,
// such as names that are there twice.
func Schema() []byte {
	doc, _ := json.MarshalIndent(object(fields{ // it is made of texts and lists
		"version":        described("The version of the form: 1.", node{"enum": []any{1, "1"}}),
		"console_action": described("What a custom action in Security Hub's console does. Left out: ask.", word(consoleActions)),
		"default":        described("The mode of what no rule matches. Left out: off.", word(modes)),
		"limits":         described("What holds for all runs.", ref("limits")),
		"windows":        described("When runs may begin, by name.", node{"type": "object", "additionalProperties": ref("window")}),
		"groups":         described("Groups of approvers, by name: principals' ARNs, with * for any characters.", node{"type": "object", "additionalProperties": list(matching(principal))}),
		"callers":        described("Who may use the API, for which accounts. Left out: everybody who may call it, for all.", node{"type": "array", "minItems": 1, "items": ref("caller")}),
		"exceptions":     described("What is accepted for a time. Tried before all rules.", node{"type": "array", "items": ref("exception")}),
		"rules":          described("Tried from the top: the first that matches decides.", node{"type": "array", "items": ref("rule")}),
	}, "version").with(node{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "asr policy",
		"$defs": node{
			"text":      node{"type": []string{"string", "number", "boolean"}, "minLength": 1},
			"texts":     list(ref("text")),
			"match":     matchSchema(),
			"rule":      ruleSchema(),
			"exception": exceptionSchema(),
			"window":    windowSchema(),
			"caller":    callerSchema(),
			"limits":    limitsSchema(),
		},
	}), "", "  ")
	return append(doc, '\n')
}

// node is a schema, fields are those of an object by name.
type (
	node   map[string]any
	fields map[string]node
)

func (n node) with(more node) node {
	n = maps.Clone(n)
	maps.Copy(n, more)
	return n
}

func described(text string, n node) node { return n.with(node{"description": text}) }

func ref(def string) node { return node{"$ref": "#/$defs/" + def} }

// object has these fields and no others.
func object(all fields, required ...string) node {
	n := node{"type": "object", "additionalProperties": false, "properties": all}
	if len(required) > 0 {
		n["required"] = required
	}
	return n
}

// list is one of something, or a list that isn't empty.
func list(of node) node {
	return node{"anyOf": []node{of, {"type": "array", "minItems": 1, "items": of}}}
}

// word is one of some, however it is capitalized.
func word(words []string) node {
	var loose []string
	for _, w := range words {
		pattern := ""
		for _, c := range w {
			pattern += "[" + strings.ToLower(string(c)) + strings.ToUpper(string(c)) + "]"
		}
		loose = append(loose, pattern)
	}
	return node{"anyOf": []node{{"enum": words}, {"type": "string", "pattern": "^(" + strings.Join(loose, "|") + ")$"}}}
}

func matching(r *regexp.Regexp) node { return node{"type": "string", "pattern": r.String()} }

func flag() node { return node{"enum": []any{true, false, "true", "false"}} }

func matchSchema() node {
	tags := node{"type": "object", "minProperties": 1, "additionalProperties": ref("texts")}
	age := func(text string) node { return described(text+": 12h, 30d or 2w.", matching(durations)) }
	return object(fields{
		"controls":       described("Security controls, such as S3.5 or S3.*.", ref("texts")),
		"standards":      described("Standards that the control is part of: CIS v1.4.0, or pci-dss/v/3.2.1.", ref("texts")),
		"accounts":       described("Account ids, of 12 digits, in quotes.", ref("texts")),
		"ous":            described("Ids or names of organizational units above the account.", ref("texts")),
		"account_tags":   described("Tags of the account: each must be there and match.", tags),
		"regions":        described("Regions, such as eu-central-1 or eu-*.", ref("texts")),
		"resources":      described("ARNs, such as arn:aws:s3:::prod-*.", ref("texts")),
		"resource_types": described("Types, such as AwsS3Bucket or AWS::S3::Bucket.", ref("texts")),
		"severities":     described("The finding's severity.", list(word(asr.Severities))),
		"risk":           described("The remediation's risk.", list(word(risks))),
		"managed_by":     described("What owns the resource, as its tags tell.", list(word(managers))),
		"tags":           described("Tags of the resource: each must be there and match.", tags),
		"older_than":     age("The finding was created longer ago than this"),
		"newer_than":     age("The finding was created more lately than this"),
	})
}

func ruleSchema() node {
	return object(fields{
		"name":      described("Decisions are told by it; each name is there once.", ref("text")),
		"match":     described("What the rule matches: all keys must match, by one of their patterns. Left out: everything.", ref("match")),
		"not":       described("Unless all of this matches too.", ref("match").with(node{"minProperties": 1})),
		"mode":      described("off: nothing is done. observe: it is planned. ask: the plan waits for an approval. auto: it is carried out.", word(modes)),
		"window":    described("The name of a window: outside it, what the rule lets begin waits.", ref("text")),
		"approvers": described("Groups, or principals' ARNs, who may approve. Left out: anybody whom AWS vouches for.", ref("texts")),
		"need":      described("How many different people must approve, 1 to 9.", node{"anyOf": []node{{"type": "integer", "minimum": 1, "maximum": 9}, {"type": "string", "pattern": "^[1-9]$"}}}),
		"four_eyes": described("Who asked for the run may not approve it.", flag()),
		"params":    described("Parameters of the remediation, by the names that asr explain tells.", node{"type": "object"}),
	}, "name", "mode")
}

func exceptionSchema() node {
	return object(fields{
		"name":     described("Decisions are told by it; each name is there once.", ref("text")),
		"reason":   described("Why it is accepted.", ref("text")),
		"owner":    described("Who answers for it.", ref("text")),
		"evidence": described("A URL or a text.", ref("text")),
		"expires":  described("The last day on which it holds, in UTC: 2027-03-31.", node{"type": "string", "pattern": `^\d{4}-\d{2}-\d{2}$`}),
		"match":    described("What is excepted.", ref("match").with(node{"minProperties": 1})),
	}, "name", "reason", "owner", "expires", "match")
}

func callerSchema() node {
	id := node{"anyOf": []node{matching(account), {"type": "integer", "minimum": 100000000000, "maximum": 999999999999}}}
	return object(fields{
		"who":      described("Groups, or principals' ARNs, with * for any characters.", ref("texts")),
		"accounts": described(`Account ids, of 12 digits, in quotes, with * for any characters; "*" is all.`, list(id)),
		"ous":      described("Ids or names of organizational units: the accounts in them, however deep.", ref("texts")),
	}, "who").with(node{"anyOf": []node{{"required": []string{"accounts"}}, {"required": []string{"ous"}}}})
}

func windowSchema() node {
	return object(fields{
		"days":   described("On which it begins. Left out: all.", list(word(weekdays))),
		"hours":  described(`Such as "22:00-06:00", in quotes. Left out: all day.`, list(node{"type": "string", "pattern": `^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$`})),
		"zone":   described("A time zone, such as Europe/Berlin. Left out: UTC.", ref("text")),
		"freeze": described("Days on which it is closed: 2026-12-24, or 2026-12-20..2027-01-06.", list(node{"type": "string", "pattern": `^\d{4}-\d{2}-\d{2}(\.\.\d{4}-\d{2}-\d{2})?$`})),
	})
}

func limitsSchema() node {
	number := func(text string, most string) node {
		return described(text, node{"anyOf": []node{{"type": "integer", "minimum": 1, "maximum": mostRuns}, {"type": "string", "pattern": most}}})
	}
	runs := func(text string) node {
		return number(text+", or "+unlimited+".", `^([1-9]\d{0,5}|1000000|`+unlimited+`)$`)
	}
	share := func(text string) node {
		return described(text+", as a percentage, or "+unlimited+".", node{"type": "string", "pattern": `^(` + unlimited + `|(100(\.0{1,3})?|0*[1-9]\d?(\.\d{1,3})?|0{1,3}\.\d{0,2}[1-9]\d{0,2})\s?%)$`})
	}
	time := func(text string) node { return described(text+": 12h, 30d or 2w.", matching(durations)) }
	bounds := object(fields{"all": runs("In all"), "region": runs("In each Region of each account")})
	return object(fields{
		"in_flight": described("Runs that have begun and not ended. Left out: 100 in all, 10 in a Region.", bounds),
		"per_hour":  described("Runs that begin within any hour. Left out: any number.", bounds),
		"daily":     share("Of a control's findings, what the runs of any 24 hours are about"),
		"failures": described("When nothing more of a control, or of all, begins. Left out: 10 failures of a control or half of its or of all runs, within an hour.", object(fields{
			"number": runs("Failures of one control"), "share": share("Of a control's or of all runs that have ended, of at least 20"), "within": time("The time that they count for"),
		})),
		"retries": described("How often a run that failed without a change is tried again. Left out: not at all.", object(fields{
			"most":  described("How often, 1 to 10.", node{"anyOf": []node{{"type": "integer", "minimum": 1, "maximum": 10}, {"type": "string", "pattern": "^([1-9]|10)$"}}}),
			"after": time("When for the first time; each further time it waits four times as long"),
		}, "most", "after")),
	})
}
