package deployed

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestADefaultIsAllThatChanges(t *testing.T) {
	t.Parallel()
	hub, err := Template("asr-hub.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for parameter, value := range map[string]string{"ArtifactBucket": "my-bucket", "AsrVersion": "1.10", "ArtifactKey": "asr/no: 'x' #1.zip"} {
		got, err := WithDefault(hub, parameter, value)
		if err != nil {
			t.Fatal(err)
		}
		was, is := parsed(t, hub), parsed(t, got)
		changed := is["Parameters"].(map[string]any)[parameter].(map[string]any)
		if changed["Default"] != value {
			t.Errorf("%s has the default %v, want %s", parameter, changed["Default"], value)
		}
		delete(changed, "Default")
		delete(was["Parameters"].(map[string]any)[parameter].(map[string]any), "Default")
		if diff := cmp.Diff(was, is); diff != "" {
			t.Error(diff)
		}
		if lines := strings.Count(string(got), "\n") - strings.Count(string(hub), "\n"); lines < 0 || lines > 1 {
			t.Errorf("%s: %d lines more", parameter, lines)
		}
	}
}

func parsed(t *testing.T, template []byte) (doc map[string]any) {
	t.Helper()
	if err := yaml.Unmarshal(template, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestAParameterThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := WithDefault([]byte("Parameters: {A: {Type: String}}\n"), "B", "x"); err == nil {
		t.Error("a parameter was made")
	}
}
