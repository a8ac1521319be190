package cloudformation

import (
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"pgregory.net/rapid"
)

// Template, parameters without their defaults, capabilities, tags and resources stay: View shows all of them.
func TestNotifications(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	first, second := newStack(t, acct, "shop"), newStack(t, acct, "chat")
	ours := "arn:aws:sns:eu-west-1:" + acct.ID + ":asr-cloudformation-notifications"
	their := newTopic(t, acct, "theirs")
	seen := []string{`describe_stacks.NotificationARNs[]: none → "` + ours + `"`}
	remedytest.Lifecycle(t, acct, Notifications, remedytest.Case{
		Name: "makes the topic", Control: "CloudFormation.1", Resource: acct.Expand(stack, first), View: see(acct, first), Seen: seen,
		Want: []string{`topic: "" → "` + ours + `"`, `topics[` + ours + `]: none → true`},
		Seed: func() {
			out, err := sns.NewFromConfig(acct.Config).DeleteTopic(t.Context(), &sns.DeleteTopicInput{TopicArn: &ours})
			remedytest.Must(t, out, err)
		},
		Made: []string{ours}, Left: []string{"topic: other stacks may use it"},
	}, remedytest.Case{
		Name: "finds the topic", Seed: func() { newTopic(t, acct, "asr-cloudformation-notifications") }, Control: "CloudFormation.1", Resource: acct.Expand(stack, second), View: see(acct, second), Seen: seen,
		Want: []string{`topics[` + ours + `]: none → true`},
	}, remedytest.Case{
		Name: "others tag the stack, then take our topic away", Control: "CloudFormation.1", Resource: acct.Expand(stack, second), Want: []string{`topics[` + ours + `]: none → true`},
		Meanwhile: func() { update(t, acct, second, nil, "new") },
		Gone:      deleteStack(t, acct, second),
	}, remedytest.Case{
		Name: "another topic", Control: "CloudFormation.1", Resource: acct.Expand(stack, first), Params: `{"topic":"theirs"}`, View: see(acct, first), Seen: []string{`describe_stacks.NotificationARNs[]: none → "` + their + `"`},
		Want: []string{`topics[` + their + `]: none → true`},
	})
}

func TestOurTopicIsEncryptedAndCarriesTheRunsTag(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	r := remedytest.End(t, acct, Notifications, remedytest.Case{Control: "CloudFormation.1", Resource: acct.Expand(stack, newStack(t, acct, "shop"))})
	if r.State != asr.StateVerified || len(r.Made) != 1 {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	api := sns.NewFromConfig(acct.Config)
	out, err := api.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: &r.Made[0]})
	tags, err2 := api.ListTagsForResource(t.Context(), &sns.ListTagsForResourceInput{ResourceArn: &r.Made[0]})
	if key := remedytest.Must(t, out, err).Attributes["KmsMasterKeyId"]; key != "alias/aws/sns" {
		t.Errorf("the key is %q", key)
	}
	if all := remedytest.Must(t, tags, err2).Tags; len(all) != 1 || *all[0].Key != asr.OwnerTag || *all[0].Value != r.ID {
		t.Errorf("the tags are %v", all)
	}
}

func TestTopicsOfOthersAreKept(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, other := newStack(t, acct, "shop"), newTopic(t, acct, "other")
	h := remedytest.NewHarness(acct, Notifications)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "CloudFormation.1", Resource: acct.Expand(stack, id)}, false)
	r, err2 := h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	if remedytest.Must(t, r, err2).State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	update(t, acct, id, []string{other, r.Made[0]}, "shop")
	asked, err := h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	remedytest.Must(t, asked, err)
	r, err = h.Drive(t.Context(), r.ID)
	s, err2 := describe(t.Context(), acct.Config, r.Target)
	if got := remedytest.Must(t, s, err2).NotificationARNs; err != nil || r.State != asr.StateReverted || !slices.Equal(got, []string{other}) {
		t.Errorf("undo ended %s: %+v %v; the topics are %v", r.State, r.Undo, err, got)
	}
}

func TestAStackWithATopicIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newStack(t, acct, "shop", newTopic(t, acct, "theirs"))
	if r := remedytest.End(t, acct, Notifications, remedytest.Case{Control: "CloudFormation.1", Resource: acct.Expand(stack, id)}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAnUpdateThatIsRolledBackIsRecognizedAtOnce(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newStack(t, acct, "shop")
	acct.Sandbox.Fault(sandbox.Fault{Service: "cloudformation", Operation: "UpdateStack", Account: acct.ID, Times: 1, Code: "TokenAlreadyExistsException"})
	r := remedytest.End(t, acct, Notifications, remedytest.Case{Control: "CloudFormation.1", Resource: acct.Expand(stack, id)})
	if r.State != asr.StatePartly || r.Error == nil || r.Error.Code != asr.CodeAWS || !strings.Contains(r.Error.Message, "took the update back") || r.Error.Do == "" {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

// Two tries of one step carry one token, and a repeated one is refused, so that no update is made twice.
func TestATryOfAnUpdateIsKnownByItsToken(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	on := remedy.On[notify]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: newStack(t, acct, "shop")}, Call: asr.Call{Token: "0123abcd"}}
	var errs []error
	for _, topic := range []string{"a", "a", "a", "b"} {
		errs = append(errs, setTopics(t.Context(), acct.Config, on, []string{"arn:aws:sns:eu-west-1:" + acct.ID + ":" + topic}))
	}
	if errs[0] != nil || errs[1] != asr.ErrSettling || asr.Classify(errs[3]) != asr.CodeAWS {
		t.Errorf("got %v", errs)
	}
}

func TestAStackBetweenTwoStatesIsWaitedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for status, want := range map[string]error{
		"UPDATE_IN_PROGRESS": asr.ErrSettling, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": asr.ErrSettling, "UPDATE_ROLLBACK_IN_PROGRESS": asr.ErrSettling, "DELETE_IN_PROGRESS": asr.ErrSettling,
		"DELETE_COMPLETE": asr.ErrGone, "CREATE_COMPLETE": nil, "REVIEW_IN_PROGRESS": nil,
	} {
		s, err := described(t, acct, "<StackStatus>"+status+"</StackStatus>")
		if err == nil {
			err = settled(s)
		}
		if err != want {
			t.Errorf("%s: %v, want %v", status, err, want)
		}
	}
}

func TestWhatAnUpdateCouldBreakOrCannotReachIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for name, test := range map[string]struct{ xml, want string }{
		"a nested stack": {"<StackStatus>CREATE_COMPLETE</StackStatus><ParentId>arn:parent</ParentId><RootId>arn:root</RootId>", "arn:root"},
		"failed":         {"<StackStatus>ROLLBACK_COMPLETE</StackStatus>", "ROLLBACK_COMPLETE"},
		"under review":   {"<StackStatus>REVIEW_IN_PROGRESS</StackStatus>", "REVIEW_IN_PROGRESS"},
		"stuck":          {"<StackStatus>UPDATE_ROLLBACK_FAILED</StackStatus>", "UPDATE_ROLLBACK_FAILED"},
		"Parameter Store": {"<StackStatus>UPDATE_COMPLETE</StackStatus><Parameters><member><ParameterKey>Image</ParameterKey><ParameterValue>/ami</ParameterValue><ResolvedValue>ami-1</ResolvedValue></member></Parameters>",
			"Image"},
	} {
		s, err := described(t, acct, test.xml)
		now := notifications{Unfit: unfit(remedytest.Must(t, s, err))}
		if _, err := Notifications.Want(remedy.On[notify]{}, now); asr.Classify(err) != asr.CodeRefused || !strings.Contains(err.Error(), test.want) || asr.Advice(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
		now.Topics = map[string]bool{"arn:any": true}
		if got, err := Notifications.Want(remedy.On[notify]{}, now); err != nil || len(got.Topics) != 1 {
			t.Errorf("%s: with a topic already: %v, %v", name, got, err)
		}
	}
	s, err := described(t, acct, "<StackStatus>CREATE_COMPLETE</StackStatus><Parameters><member><ParameterKey>Size</ParameterKey><ParameterValue>1</ParameterValue></member></Parameters>")
	if why := unfit(remedytest.Must(t, s, err)); why != "" {
		t.Errorf("a plain stack: %s", why)
	}
}

func TestATemplateThatMayGiveOtherResourcesIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	on := remedy.On[notify]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: "s/1"}, Params: notify{"ours"}}
	for template, want := range map[string]string{
		`{"Resources":{"A":{"Type":"AWS::CloudFormation::Stack"}}}`: "nested stacks", "Resources:\n  A:\n    Type: AWS::CloudFormation::Stack\n": "nested stacks",
		`{"Resources":{"A":{"Type":"AWS::CloudFormation::StackSet"}}}`: "", "Resources:\n  A:\n    Type: AWS::CloudFormation::WaitConditionHandle\n": "",
		"Transform: AWS::Serverless-2016-10-31\nResources: {}\n": "macros", `{"Transform":["AWS::LanguageExtensions"],"Resources":{}}`: "macros",
		"Resources:\n  A:\n    Fn::Transform: {Name: AWS::Include}\n": "macros", "A: !Transform {Name: AWS::Include}": "macros", "Resources:\n  A:\n    TextTransformation: NONE\n": "",
		`{"Resources":{"A":{"Properties":{"P":"{{resolve:ssm:/a}}"}}}}`: "Parameter Store", "P: !Sub '{{resolve:ssm-secure:/${A}}}'": "Parameter Store", `P: "{{resolve:secretsmanager:a}}"`: "",
		"Outputs:\n  O:\n    Value: !Select [0, !Ref AWS::NotificationARNs]\n": "topics",
	} {
		cfg := acct.Config.Copy()
		cfg.HTTPClient = answering{"<StackStatus>CREATE_COMPLETE</StackStatus><Capabilities><member>CAPABILITY_AUTO_EXPAND</member></Capabilities>", template}
		now, err := Notifications.Read(t.Context(), cfg, on)
		_, werr := Notifications.Want(on, remedytest.Must(t, now, err))
		if !strings.Contains(now.Unfit, want) || (asr.Classify(werr) == asr.CodeRefused) != (want != "") {
			t.Errorf("%s: %+v: %v", template, now, werr)
		}
	}
}

func TestUndoDoesntUpdateAStackThatMayChangeByItSince(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newStack(t, acct, "shop")
	h := remedytest.NewHarness(acct, Notifications)
	r := h.End(t, remedytest.Case{Control: "CloudFormation.1", Resource: acct.Expand(stack, id)})
	updateBody(t, acct, id, strings.Replace(template, "{", `{"Metadata":{"Note":"{{resolve:ssm:/image}}"},`, 1), nil, "shop")
	asked, err := h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	remedytest.Must(t, asked, err)
	r, err = h.Drive(t.Context(), r.ID)
	s, err2 := describe(t.Context(), acct.Config, r.Target)
	if got := remedytest.Must(t, s, err2).NotificationARNs; err != nil || r.State != asr.StateVerified || r.Undo.Refused == nil || r.Undo.Refused.Code != asr.CodeRefused || len(got) != 1 {
		t.Errorf("undo ended %s: %+v %v; the topics are %v", r.State, r.Undo, err, got)
	}
}

func TestTheTopicIsInTheStacksRegionAndNamedByTheParameter(t *testing.T) {
	t.Parallel()
	target, err := Notifications.Spec.Locate("111111111111", "us-east-1", asr.Resource{ID: "arn:aws-cn:cloudformation:cn-north-1:111111111111:stack/shop/1a-2b"})
	on := remedy.On[notify]{Target: target, Params: notify{"mine"}}
	want := "arn:aws-cn:sns:cn-north-1:111111111111:mine"
	if got, werr := Notifications.Want(on, notifications{}); err != nil || werr != nil || got.Topic != want || !got.Topics[want] || target.Name != "shop/1a-2b" {
		t.Errorf("got %+v, %v, %v", got, err, werr)
	}
	for name, ok := range map[string]bool{"mine": true, "A_b-3": true, "": false, "a.fifo": false, "arn:aws:sns:x": false, "a*": false, strings.Repeat("x", 257): false} {
		if err := Notifications.Validate(remedy.On[notify]{Params: notify{name}}); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestNoTopicIsEverTakenFromAStack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		on := remedy.On[notify]{Target: asr.Target{Partition: "aws"}, Params: notify{"ours"}}
		now := notifications{
			Topic: rapid.SampledFrom([]string{"", on.Expand(topic)}).Draw(t, "topic"), Unfit: rapid.SampledFrom([]string{"", "so"}).Draw(t, "unfit"),
			Topics: rapid.MapOf(rapid.SampledFrom([]string{"arn:a", "arn:b"}), rapid.Just(true)).Draw(t, "topics"),
		}
		remedytest.Stable(t, Notifications, on, now, "topic", "topics")
		got, err := Notifications.Want(on, now)
		if err != nil {
			return
		}
		for arn := range now.Topics {
			if !got.Topics[arn] {
				t.Fatalf("%v becomes %v", now, got)
			}
		}
		if len(got.Topics) == 0 {
			t.Fatalf("%v has no topic afterwards", now)
		}
	})
}
