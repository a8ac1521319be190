package lambda

import (
	"context"
	"reflect"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// writePolicy adds before it removes, so that what goes on never stops.
func writePolicy(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to policy) error {
	api := lambda.NewFromConfig(cfg)
	name, qualifier := split(on.Target)
	remove := func(sid string) error {
		_, err := api.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: name, Qualifier: qualifier, StatementId: &sid})
		return remedy.Unless(err, "ResourceNotFoundException")
	}
	for sid, s := range to.Statements {
		was, there := from.Statements[sid]
		if there && reflect.DeepEqual(was, s) {
			continue
		}
		in, ok := permission(on, sid, s)
		if !ok {
			return asr.Refuse("Lambda's AddPermission has no words for the statement "+sid, "add it by hand")
		}
		if there { // it can't be changed, only be made anew
			if err := remove(sid); err != nil {
				return err
			}
		}
		if _, err := api.AddPermission(ctx, in); err != nil {
			return err
		}
	}
	for sid := range from.Statements {
		if _, stays := to.Statements[sid]; !stays {
			if err := remove(sid); err != nil {
				return err
			}
		}
	}
	return nil
}

// permission says in AddPermission's words what a statement says, if it can.
func permission(on remedy.On[none], sid string, s remedy.Document) (in *lambda.AddPermissionInput, ok bool) {
	in = &lambda.AddPermissionInput{StatementId: &sid}
	in.FunctionName, in.Qualifier = split(on.Target)
	for k, v := range s {
		said := false
		switch text, single := v.(string); k {
		case "Sid":
			said = v == sid
		case "Effect":
			said = v == "Allow"
		case "Resource":
			said = v == on.Expand(function)
		case "Action":
			in.Action, said = &text, single
		case "Principal":
			in.Principal, said = principal(v)
		case "Condition":
			said = sayCondition(in, v)
		}
		if !said {
			return nil, false
		}
	}
	return in, in.Action != nil && in.Principal != nil
}

func principal(v any) (who *string, ok bool) {
	if text, single := v.(string); single {
		return &text, text == "*"
	}
	p, _ := v.(map[string]any)
	for kind, one := range p {
		text, single := one.(string)
		return &text, single && len(p) == 1 && (kind == "AWS" || kind == "Service")
	}
	return nil, false
}

func sayCondition(in *lambda.AddPermissionInput, v any) bool {
	condition, ok := v.(map[string]any)
	for operator, block := range condition {
		tests, _ := block.(map[string]any)
		for key, v := range tests {
			text, single := v.(string)
			switch operator + " " + key {
			case "ArnLike AWS:SourceArn":
				in.SourceArn = &text
			case "StringEquals " + ofAccount:
				in.SourceAccount = &text
			case "StringEquals aws:PrincipalOrgID":
				in.PrincipalOrgID = &text
			case "StringEquals lambda:EventSourceToken":
				in.EventSourceToken = &text
			case "StringEquals lambda:FunctionUrlAuthType":
				in.FunctionUrlAuthType = types.FunctionUrlAuthType(text)
			case "Bool lambda:InvokedViaFunctionUrl":
				in.InvokedViaFunctionUrl = aws.Bool(text == "true")
			default:
				return false
			}
			ok = ok && single
		}
	}
	return ok
}
