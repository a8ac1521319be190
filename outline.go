package asr

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// most is how many bytes of an input that couldn't be taken are kept.
const most = 4096

// telling are the members whose texts say what an input is, and are shown. Any
// other text may be a secret: findings quote environment variables and user data.
var telling = []string{
	"id", "uid", "arn", "productarn", "awsaccountid", "account", "region", "schemaversion", "generatorid", "type", "types", "createdat", "updatedat", "recordstate",
	"workflowstate", "status", "source", "detail-type", "time", "control", "resource", "securitycontrolid", "class_name", "type_name", "version",
}

// Outline is the start of an input that couldn't be taken, as it may be kept and
// shown: JSON whose texts are left out but for those that say what it is. Of
// what is no JSON it tells the size alone.
func Outline(input []byte) string {
	input = bytes.TrimSpace(input)
	if len(input) == 0 || input[0] != '{' && input[0] != '[' {
		return fmt.Sprintf("(%d bytes that are no JSON object)", len(input))
	}
	var out strings.Builder
	name := ""
	for len(input) > 0 && out.Len() < most {
		if input[0] != '"' {
			out.WriteByte(input[0])
			input = input[1:]
			continue
		}
		text, rest := quoted(input)
		switch {
		case bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(":")):
			name = strings.ToLower(strings.Trim(string(text), `"`))
			out.Write(text)
		case slices.Contains(telling, name):
			out.Write(text)
		default:
			out.WriteString(`"…"`)
		}
		input = rest
	}
	return strings.ToValidUTF8(out.String()[:min(out.Len(), most)], "")
}

// quoted cuts off the text that input begins with, quotes included, or all if it
// doesn't end.
func quoted(input []byte) (text, rest []byte) {
	for i := 1; i < len(input); i++ {
		switch input[i] {
		case '\\':
			i++
		case '"':
			return input[:i+1], input[i+1:]
		}
	}
	return input, nil
}
