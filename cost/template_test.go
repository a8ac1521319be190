package cost

import (
	"os"
	"testing"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

func fixture(t *testing.T) Stack {
	t.Helper()
	text, err := os.ReadFile("testdata/hub.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ReadTemplate("hub.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOnlyWhatTheDefaultsMakeIsCounted(t *testing.T) {
	t.Parallel()
	want := map[string]int{
		"AWS::SecretsManager::Secret": 1, "AWS::Lambda::Function": 3, "AWS::Lambda::EventSourceMapping": 1, "AWS::Events::Rule": 1,
		"AWS::CloudWatch::Alarm": 3, "AWS::CloudWatch::Dashboard": 1,
		"AWS::SNS::Subscription": 1, // nobody knows before a deployment: it counts
	}
	if diff := cmp.Diff(want, fixture(t).Counts); diff != "" {
		t.Error(diff)
	}
}

func TestAnAlarmCostsByTheMetricsThatItLooksAt(t *testing.T) {
	t.Parallel()
	if got := fixture(t).AlarmMetrics; got != 4 {
		t.Errorf("%d metrics in alarms, want 4: two alarms of one, one of two", got)
	}
}

func TestMetricsOfOursAreCountedOnceAndAWSsOwnNot(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"asr KillSwitch", "asr Outcomes Outcome verified"}, fixture(t).CustomMetrics); diff != "" {
		t.Error(diff)
	}
}

func TestAFunctionsMemoryIsReadInGB(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(map[string]float64{"plan": 0.5, "apply": 1, "ingest": 0.125}, fixture(t).Memory); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNoTemplateIsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"no YAML": "a: [", "empty": "", "a resource without a type": "Resources: {A: {Properties: {}}}"} {
		if _, err := ReadTemplate("x.yaml", []byte(text)); asr.Classify(err) != asr.CodeBadInput {
			t.Errorf("%s: %v, want %s", name, err, asr.CodeBadInput)
		}
	}
}

func FuzzReadTemplate(f *testing.F) {
	f.Add([]byte("Resources: {A: {Type: X, Condition: B}}\nConditions: {B: !Not [!Ref C]}"))
	f.Add([]byte(`{"Resources":{"A":{"Type":"AWS::CloudWatch::Alarm","Properties":{"Metrics":[1]}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ReadTemplate("x.yaml", text); err == nil && s.AlarmMetrics < s.Counts["AWS::CloudWatch::Alarm"] {
			t.Errorf("%d metrics in %d alarms", s.AlarmMetrics, s.Counts["AWS::CloudWatch::Alarm"])
		}
	})
}

func TestRulesWithARateAreCalledSoOften(t *testing.T) {
	t.Parallel()
	for schedule, want := range map[string]float64{"rate(5 minutes)": 8640, "rate(1 hour)": 720, "rate(1 day)": 30, "cron(0 2 ? * SAT *)": 0, "rate(0 minutes)": 0, "rate(x)": 0} {
		if got := scheduled([]string{schedule}); got != want {
			t.Errorf("%s: %v calls a month, want %v", schedule, got, want)
		}
	}
}
