package cloudwatch

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWatch(t *testing.T) {
	t.Parallel()
	watchLifecycle(t, remedytest.NewAccount(t))
}

func TestWatchUnderAnIAMThatIsEnforced(t *testing.T) {
	t.Parallel()
	watchLifecycle(t, remedytest.NewEnforcedAccount(t))
}

func watchLifecycle(t *testing.T, acct *remedytest.Account) {
	here := in(t, acct, acct.Region)
	here.trail(acct.Region, "main", "trail/main")
	root := events["CloudWatch.1"].Pattern
	here.filter("trail/main", "theirs", root, "Theirs", "Root") // its alarm tells a topic that is gone
	here.alarm("theirs", "Theirs", "Root", true, acct.Expand("arn:aws:sns:{region}:{account}:gone", ""), "arn:aws:automate:eu-west-1:ec2:stop")
	arn := func(pattern, control string) string {
		on := remedy.On[event]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region}, Params: events[control]}
		return on.Expand(pattern)
	}
	want := func(control string) []string {
		e, topic := events[control], arn(ourTopic, control)
		return []string{
			`alarm: none → {"metric":"ASR/` + e.Name + `","topic":"` + topic + `"}`,
			`filter: none → {"metric":"ASR/` + e.Name + `","pattern":` + strconv.Quote(e.Pattern) + `}`,
		}
	}
	seen := func(control string) []string {
		return []string{
			`describe_metric_filters[]: none → {"filterName":"asr-` + events[control].Name + `",`, `describe_alarms[]: none → {"ActionsEnabled":true,"AlarmActions":["` + arn(ourTopic, control) + `"],"AlarmArn":"` + arn(ourAlarm, control) + `",`,
		}
	}
	remedytest.Lifecycle(t, acct, Watch, remedytest.Case{
		Name: "nothing of ours is there", Control: "CloudWatch.1", Seed: here.forget(arn(ourTopic, "CloudWatch.1")),
		View: here.view(), Seen: append(seen("CloudWatch.1"), `list_topics[]: none → {"TopicArn":"`+arn(ourTopic, "CloudWatch.1")+`"}`),
		Want: append(want("CloudWatch.1"), `topic: "" → "`+arn(ourTopic, "CloudWatch.1")+`"`),
		Made: []string{arn(ourTopic, "CloudWatch.1"), arn(ourAlarm, "CloudWatch.1")}, Left: []string{"topic: other alarms may tell it"},
		Foreign: func() { here.alarm("asr-root-usage", "ASR", "root-usage", true, here.topic("elsewhere", false)) },
	}, remedytest.Case{
		Name: "the topic is there, and others watch for something else meanwhile", Control: "CloudWatch.4", Want: want("CloudWatch.4"), Seed: func() { here.topic(alarms, false) }, View: here.view(), Seen: seen("CloudWatch.4"), Made: []string{arn(ourAlarm, "CloudWatch.4")},
		Meanwhile: func() { here.filter("trail/main", "more", "ERROR", "Theirs", "Errors") },
	})
}

func TestItWatchesWhereTheTrailLives(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	far := in(t, acct, "us-west-2")
	far.trail("us-west-2", "far", "trail/far")
	r := far.ended("")
	filters, err := far.logs.DescribeMetricFilters(t.Context(), &cloudwatchlogs.DescribeMetricFiltersInput{LogGroupName: aws.String("trail/far")})
	if n := len(remedytest.Must(t, filters, err).MetricFilters); r.State != asr.StateVerified || r.Target.Region != "us-west-2" || r.Target.Name != "trail/far" || n != 1 {
		t.Errorf("the run ended %s %+v on %+v; there are %d filters", r.State, r.Error, r.Target, n)
	}
	in(t, acct, acct.Region).trail(acct.Region, "near", "trail/near")
	if r := far.ended(""); r.Target.Region != acct.Region || r.Target.Name != "trail/near" {
		t.Errorf("with a trail in the finding's Region it works on %+v", r.Target)
	}
}

func TestWhatIsMade(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	here := in(t, acct, acct.Region)
	here.trail(acct.Region, "main", "trail/main")
	r := here.ended("")
	alarms, err := here.alarms.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{})
	a := remedytest.Must(t, alarms, err).MetricAlarms[0]
	filters, err := here.logs.DescribeMetricFilters(t.Context(), &cloudwatchlogs.DescribeMetricFiltersInput{})
	f := remedytest.Must(t, filters, err).MetricFilters[0]
	alarmTags, err := here.alarms.ListTagsForResource(t.Context(), &cloudwatch.ListTagsForResourceInput{ResourceARN: a.AlarmArn})
	topicTags, err2 := here.topics.ListTagsForResource(t.Context(), &sns.ListTagsForResourceInput{ResourceArn: &a.AlarmActions[0]})
	got := []any{
		*a.Namespace + *a.MetricName, *f.MetricTransformations[0].MetricNamespace + *f.MetricTransformations[0].MetricName, *f.MetricTransformations[0].MetricValue,
		*a.TreatMissingData, *a.Threshold, string(a.ComparisonOperator), string(a.Statistic), *a.Period, *a.EvaluationPeriods, *a.AlarmDescription,
		*remedytest.Must(t, alarmTags, err).Tags[0].Value, *remedytest.Must(t, topicTags, err2).Tags[0].Value,
	}
	want := []any{"ASRroot-usage", "ASRroot-usage", "1", "notBreaching", 1.0, "GreaterThanOrEqualToThreshold", "Sum", int32(300), int32(1), "The account's trail recorded root usage", r.ID, r.ID}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The topic's policy and its encryption are the owner's business.
func TestATopicThatIsThereStaysAsItIs(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	here := in(t, acct, acct.Region)
	here.trail(acct.Region, "main", "trail/main")
	topic := here.topic("pager", true)
	attributes := func() map[string]string {
		out, err := here.topics.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: &topic})
		return remedytest.Must(t, out, err).Attributes
	}
	before := attributes()
	r := here.ended(`{"topic":"pager"}`)
	if diff := cmp.Diff(before, attributes()); r.State != asr.StateVerified || slices.Contains(r.Made, topic) || diff != "" {
		t.Errorf("the run ended %s %+v and made %v; the topic (-before +after)\n%s", r.State, r.Error, r.Made, diff)
	}
}

func TestOthersThatWatchForTheSame(t *testing.T) {
	t.Parallel()
	root := events["CloudWatch.1"].Pattern
	for _, c := range []struct {
		name    string
		pattern string
		alarm   string // the metric that their alarm watches
		heard   bool
		mute    bool // the alarm's actions are off
		want    asr.State
		advice  string
	}{
		{name: "and are heard", pattern: root, alarm: "Root", heard: true, want: asr.StateNothingToDo},
		{name: "but nobody subscribes", pattern: root, alarm: "Root", want: asr.StateCannotPlan, advice: "let somebody subscribe to that topic"},
		{name: "without telling", pattern: root, alarm: "Root", heard: true, mute: true, want: asr.StateVerified},
		{name: "with an alarm on another metric", pattern: root, alarm: "Other", heard: true, want: asr.StateVerified},
		{name: "in other words, which Security Hub doesn't take", pattern: strings.ReplaceAll(root, `"`, ""), alarm: "Root", heard: true, want: asr.StateVerified},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			acct := remedytest.NewAccount(t)
			here := in(t, acct, acct.Region)
			here.trail(acct.Region, "main", "trail/main")
			here.filter("trail/main", "theirs", c.pattern, "Theirs", "Root")
			here.alarm("theirs", "Theirs", c.alarm, !c.mute, here.topic("theirs", c.heard))
			r := here.ended("")
			if r.State != c.want || c.advice != "" && (r.Error == nil || r.Error.Code != asr.CodeRefused || r.Error.Do != c.advice) {
				t.Errorf("the run ended %s %+v, want %s, %q", r.State, r.Error, c.want, c.advice)
			}
		})
	}
}

func TestOurNamesTakenByOthersAreRefused(t *testing.T) {
	t.Parallel()
	root := events["CloudWatch.1"]
	right := &filter{root.Pattern, "ASR/root-usage"}
	on := remedy.On[event]{Target: asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1"}, Params: root}
	for _, c := range []struct {
		name string
		now  watch
		want asr.Code
	}{
		{"a filter for another event", watch{Filter: &filter{"ERROR", "ASR/root-usage"}}, asr.CodeRefused},
		{"a filter that feeds another metric", watch{Filter: &filter{root.Pattern, "Theirs/Root"}}, asr.CodeRefused},
		{"an alarm on another metric", watch{Filter: right, Alarm: &alarm{"AWS/EC2/CPU", "arn:t"}}, asr.CodeRefused},
		{"an alarm that tells nobody", watch{Filter: right, Alarm: &alarm{"ASR/root-usage", ""}}, asr.CodeRefused},
		{"an alarm that somebody let tell another topic", watch{Filter: right, Alarm: &alarm{"ASR/root-usage", "arn:t"}}, ""},
		{"ours, and others that nobody hears", watch{Filter: right, Alarm: &alarm{"ASR/root-usage", on.Expand(ourTopic)}, Topic: on.Expand(ourTopic), Theirs: "arn:t"}, ""},
	} {
		to, err := Watch.Want(on, c.now)
		if c.want != "" && asr.Classify(err) != c.want || c.want == "" && (err != nil || !cmp.Equal(to, c.now)) {
			t.Errorf("%s: got %+v, %v; want %q", c.name, to, err, c.want)
		}
	}
}

func TestATrailThatCanNotBeWatchedIsNamedWithTheReason(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	here := in(t, acct, acct.Region)
	here.trail(acct.Region, "deaf", "")
	here.trail(acct.Region, "stopped", "trail/stopped")
	_, err := here.trails.StopLogging(t.Context(), &cloudtrail.StopLoggingInput{Name: aws.String("stopped")})
	remedytest.Must(t, 0, err)
	here.trail(acct.Region, "writes", "trail/writes")
	_, err = here.trails.PutEventSelectors(t.Context(), &cloudtrail.PutEventSelectorsInput{TrailName: aws.String("writes"), EventSelectors: []types.EventSelector{{IncludeManagementEvents: aws.Bool(true), ReadWriteType: types.ReadWriteTypeWriteOnly}}})
	remedytest.Must(t, 0, err)
	r := here.ended("")
	if r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || r.Error.Do == "" {
		t.Fatalf("the run ended %s %+v", r.State, r.Error)
	}
	for _, want := range []string{":trail/deaf: it delivers to no log group", ":trail/stopped: it is stopped", ":trail/writes: it leaves out some of the management events"} {
		if !strings.Contains(r.Error.Message, want) {
			t.Errorf("%q doesn't say %q", r.Error.Message, want)
		}
	}
}

func TestTheLogGroupMustBeTheAccountsOwnAndAtHome(t *testing.T) {
	target := asr.Target{Account: "111111111111"}
	for group, want := range map[string]string{
		"arn:aws:logs:eu-west-1:111111111111:log-group:trail/main:*": "",
		"arn:aws:logs:eu-west-1:999999999999:log-group:trail/main:*": "its log group is in account 999999999999",
		"arn:aws:logs:us-east-1:111111111111:log-group:trail/main:*": "its log group is in us-east-1",
		"": "it delivers to no log group",
	} {
		name, gap := logGroup(target, types.Trail{TrailARN: aws.String("arn:aws:cloudtrail:eu-west-1:111111111111:trail/a"), HomeRegion: aws.String("eu-west-1"), CloudWatchLogsLogGroupArn: &group})
		if gap != want || (name == "trail/main") != (gap == "") {
			t.Errorf("%s: got %q, %q, want %q", group, name, gap, want)
		}
	}
	if _, gap := logGroup(target, types.Trail{TrailARN: aws.String("arn:aws:cloudtrail:eu-west-1:999999999999:trail/org")}); gap != "account 999999999999 owns it" {
		t.Errorf("the organization's trail: %q", gap)
	}
}

func TestALogGroupThatIsNotThereIsNotMade(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	here := in(t, acct, acct.Region)
	here.trail(acct.Region, "main", "trail/main")
	t.Cleanup(acct.Sandbox.Fault(sandbox.Fault{Service: "logs", Operation: "DescribeMetricFilters", Account: acct.ID, Code: "ResourceNotFoundException"}))
	if r := here.ended(""); r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || r.Error.Do == "" {
		t.Errorf("the run ended %s %+v", r.State, r.Error)
	}
}

func TestEachControlWatchesForAnEventOfItsOwn(t *testing.T) {
	names, patterns := map[string]bool{}, map[string]bool{}
	for n := 1; n <= 14; n++ {
		e, ok := events["CloudWatch."+strconv.Itoa(n)]
		err := Watch.Validate(remedy.On[event]{Params: e})
		if !ok || err != nil || names[e.Name] || patterns[e.Pattern] || strings.Count(e.Pattern, "(") != strings.Count(e.Pattern, ")") {
			t.Errorf("CloudWatch.%d: %+v, %v", n, e, err)
		}
		names[e.Name], patterns[e.Pattern] = true, true
	}
	if len(events) != 14 {
		t.Errorf("there are %d controls, want 14", len(events))
	}
}

// What Security Hub asks for besides the names of the events: without it, the
// finding stays.
func TestThePatternsHoldWhatSecurityHubAsksFor(t *testing.T) {
	for control, want := range map[string][]string{
		"CloudWatch.3":  {`$.userIdentity.type = "IAMUser"`, `$.responseElements.ConsoleLogin = "Success"`, `$.additionalEventData.MFAUsed != "Yes"`},
		"CloudWatch.4":  {"$.eventSource=iam.amazonaws.com"},
		"CloudWatch.13": {"$.eventSource=ec2.amazonaws.com"},
	} {
		for _, w := range want {
			if !strings.Contains(events[control].Pattern, w) {
				t.Errorf("%s lacks %s", control, w)
			}
		}
	}
	count := map[string]int{"CloudWatch.4": 16, "CloudWatch.5": 5, "CloudWatch.6": 1, "CloudWatch.7": 2, "CloudWatch.8": 9, "CloudWatch.9": 4, "CloudWatch.10": 6, "CloudWatch.11": 6, "CloudWatch.12": 6, "CloudWatch.13": 7, "CloudWatch.14": 11}
	for control, n := range count {
		seen := map[string]bool{}
		for _, m := range regexp.MustCompile(`\$\.eventName=(\w+)`).FindAllStringSubmatch(events[control].Pattern, -1) {
			seen[m[1]] = true
		}
		if len(seen) != n {
			t.Errorf("%s names %d events, want %d", control, len(seen), n)
		}
	}
}

// Security Hub isn't content with a topic that nobody hears: the owner is told.
func TestTheOwnerIsToldToSubscribe(t *testing.T) {
	if !strings.Contains(Watch.Spec.Impact, "until somebody subscribes to the topic") {
		t.Errorf("the impact is %q", Watch.Spec.Impact)
	}
}

// A new topic keeps AWS's default policy, which lets the account's own alarms
// tell it and nobody else, and one that is there keeps its own.
func TestTheTopicsPolicyIsNotWritten(t *testing.T) {
	t.Parallel()
	for _, g := range Watch.Spec.WriteGrants() {
		if slices.Contains(g.Actions, "sns:SetTopicAttributes") {
			t.Errorf("%+v is granted", g)
		}
	}
	acct := remedytest.NewAccount(t)
	here := in(t, acct, acct.Region)
	here.trail(acct.Region, "main", "trail/main")
	other, err := here.topics.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: aws.String(here.topic("other", false))})
	policy := strings.ReplaceAll(remedytest.Must(t, other, err).Attributes["Policy"], ":other", ":"+alarms)
	here.ended("")
	ours, err := here.topics.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: aws.String(acct.Expand("arn:aws:sns:{region}:{account}:"+alarms, ""))})
	if diff := cmp.Diff(policy, remedytest.Must(t, ours, err).Attributes["Policy"]); diff != "" {
		t.Errorf("the topic's policy (-AWS's +ours)\n%s", diff)
	}
}

// All fourteen controls tell one topic, each by a filter and an alarm of its own.
func TestControlsDoNotStandInEachOthersWay(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	here := in(t, acct, acct.Region)
	here.trail(acct.Region, "main", "trail/main")
	for _, control := range []string{"CloudWatch.1", "CloudWatch.13", "CloudWatch.1"} {
		h := remedytest.NewHarness(acct, Watch)
		r, err := h.Request(t.Context(), remedytest.Case{Control: control}, false)
		r, err2 := h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
		if remedytest.Must(t, r, err2); r.State != asr.StateVerified && r.State != asr.StateNothingToDo {
			t.Errorf("%s ended %s %+v", control, r.State, r.Error)
		}
	}
	out, err := here.alarms.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{})
	topics, err2 := here.topics.ListTopics(t.Context(), &sns.ListTopicsInput{})
	if n, m := len(remedytest.Must(t, out, err).MetricAlarms), len(remedytest.Must(t, topics, err2).Topics); n != 2 || m != 1 {
		t.Errorf("there are %d alarms and %d topics, want 2 and 1", n, m)
	}
}

// Whatever step AWS refuses, the run says so.
func TestAStepThatAWSRefusesIsNoSuccess(t *testing.T) {
	t.Parallel()
	for service, operation := range map[string]string{"sns": "CreateTopic", "logs": "PutMetricFilter", "monitoring": "PutMetricAlarm"} {
		acct := remedytest.NewAccount(t)
		here := in(t, acct, acct.Region)
		here.trail(acct.Region, "main", "trail/main")
		t.Cleanup(acct.Sandbox.Fault(sandbox.Fault{Service: service, Operation: operation, Account: acct.ID, Code: "LimitExceeded"}))
		if r := here.ended(""); r.State != asr.StateFailed && r.State != asr.StatePartly || r.Error == nil {
			t.Errorf("%s: the run ended %s %+v", operation, r.State, r.Error)
		}
	}
}

func TestParametersThatAWSWouldRefuse(t *testing.T) {
	good := events["CloudWatch.1"]
	for name, change := range map[string]func(e *event){
		"no name": func(e *event) { e.Name = "" }, "a wildcard": func(e *event) { e.Name = "*" }, "a topic's ARN": func(e *event) { e.Topic = "arn:aws:sns:eu-west-1:111111111111:t" },
		"no pattern": func(e *event) { e.Pattern = "" }, "a long pattern": func(e *event) { e.Pattern = strings.Repeat("x", 1025) },
	} {
		e := good
		change(&e)
		if err := Watch.Validate(remedy.On[event]{Params: e}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestWatchingIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		on := remedy.On[event]{Target: asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", Name: "trail/main"}, Params: events["CloudWatch.1"]}
		topic := on.Expand(ourTopic)
		filters := []*filter{nil, {on.Params.Pattern, "ASR/root-usage"}, {"ERROR", "ASR/root-usage"}}
		alarms := []*alarm{nil, {"ASR/root-usage", topic}, {"ASR/root-usage", "arn:t"}, {"ASR/root-usage", ""}, {"Other/x", topic}}
		now := watch{
			rapid.SampledFrom(filters).Draw(t, "filter"), rapid.SampledFrom([]string{"", topic}).Draw(t, "topic"), rapid.SampledFrom(alarms).Draw(t, "alarm"),
			rapid.SampledFrom([]string{"", "arn:t"}).Draw(t, "theirs"), rapid.Bool().Draw(t, "heard"),
		}
		remedytest.Stable(t, Watch, on, now, "filter", "topic", "alarm")
	})
}
