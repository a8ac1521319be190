package sessions

import (
	"regexp"
	"strings"

	"example.com/asr"
)

// longest is what STS allows RoleSessionName and SourceIdentity, in characters;
// both are made of the same letters. Source: STS API, AssumeRole.
const longest = 64

var unfit = regexp.MustCompile(`[^A-Za-z0-9_+=,.@-]+`)

// clean makes a name of 2 to 64 characters that STS takes. Of a longer one the
// end stays, which tells more than the beginning.
func clean(name string) string {
	name = unfit.ReplaceAllString(name, "-")
	if len(name) > longest {
		name = name[len(name)-longest:]
	}
	if len(name) < 2 {
		name = strings.TrimSuffix("asr-"+name, "-")
	}
	return name
}

// sessionName is what CloudTrail shows as the session: the run.
func sessionName(c asr.Call) string {
	if c.Run != "" {
		return clean(c.Run)
	}
	return clean("asr-plan-" + person(c.Actor))
}

// source is the session's source identity: the acting person if AWS vouches
// for the name, else asr itself. "" leaves it as the hub's session has it.
func (s *Sessions) source(a asr.Actor) string {
	if s.cfg.KeepSource {
		return ""
	}
	return clean(person(a))
}

// person is the end of a verified actor's ARN, which tells people apart: a
// user's name, a role session's name.
func person(a asr.Actor) string {
	if !a.Verified || a.Name == "" {
		return "asr"
	}
	return a.Name[strings.LastIndexAny(a.Name, "/:")+1:]
}

// accountOf is the account in an ARN, or "".
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}
