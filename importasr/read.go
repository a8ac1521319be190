package importasr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// DefaultPath is where the solution keeps its filters in Parameter Store.
const DefaultPath = "/ASR/Filters"

// Tables is what Read needs of DynamoDB.
type Tables interface {
	Scan(ctx context.Context, in *dynamodb.ScanInput, options ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

// Parameters is what Read needs of Systems Manager.
type Parameters interface {
	GetParametersByPath(ctx context.Context, in *ssm.GetParametersByPathInput, options ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error)
}

// Mode is how a filter's list is meant.
type Mode string

const (
	Disabled Mode = "Disabled"
	Include  Mode = "Include" // one of the list must be there
	Exclude  Mode = "Exclude" // none of the list may be there
)

// Filter narrows what is automatic.
type Filter struct {
	Mode   Mode
	Values []string
}

// Active reports whether the filter filters: an empty list doesn't.
func (f Filter) Active() bool { return f.Mode != Disabled && len(f.Values) > 0 }

// Control is a row of the solution's table.
type Control struct {
	ID        string
	Automatic bool
}

// Settings are what the solution was told to do.
type Settings struct {
	Table               string
	Controls            []Control
	Accounts, OUs, Tags Filter
	Odd                 []string // what was there and can't be meant
}

// Read reads the solution's settings: the table of controls, and the filters
// below a path of Parameter Store.
func Read(ctx context.Context, tables Tables, parameters Parameters, table, path string) (Settings, error) {
	s := Settings{Table: table}
	if err := s.controls(ctx, tables, table); err != nil {
		return s, err
	}
	values, err := under(ctx, parameters, path)
	if err != nil {
		return s, err
	}
	s.Accounts = s.filter(values, "Account")
	s.OUs = s.filter(values, "OU")
	s.Tags = s.filter(values, "Tag")
	return s, nil
}

func (s *Settings) controls(ctx context.Context, tables Tables, table string) error {
	pages := dynamodb.NewScanPaginator(tables, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		var missing *types.ResourceNotFoundException
		if errors.As(err, &missing) {
			return &asr.Error{Code: asr.CodeNotFound, Message: "there is no table " + table + " here", Do: "name the table that the output RemediationConfigurationDynamoDBTable of the solution's admin stack names, and its Region with --region", Err: err}
		}
		if err != nil {
			return &asr.Error{Code: asr.CodeAWS, Message: "the table " + table + " can't be read", Do: "sign in to the solution's admin account with dynamodb:Scan on the table", Err: err}
		}
		for _, item := range page.Items {
			s.control(item)
		}
	}
	slices.SortFunc(s.Controls, func(a, b Control) int { return strings.Compare(a.ID, b.ID) })
	return nil
}

// control takes a row. Only the truth value true makes one automatic, as the
// solution has it.
func (s *Settings) control(item map[string]types.AttributeValue) {
	id, ok := item["controlId"].(*types.AttributeValueMemberS)
	if !ok || id.Value == "" {
		s.Odd = append(s.Odd, "a row of the table has no controlId: it is left out")
		return
	}
	automatic, ok := item["automatedRemediationEnabled"].(*types.AttributeValueMemberBOOL)
	if !ok {
		s.Odd = append(s.Odd, fmt.Sprintf("automatedRemediationEnabled of %s is neither true nor false: the solution takes it for false, and so does this", quoted(id.Value)))
	}
	s.Controls = append(s.Controls, Control{id.Value, ok && automatic.Value})
}

// under are the parameters below a path, by the last part of their names.
func under(ctx context.Context, parameters Parameters, path string) (map[string]string, error) {
	values := map[string]string{}
	pages := ssm.NewGetParametersByPathPaginator(parameters, &ssm.GetParametersByPathInput{Path: &path, Recursive: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, &asr.Error{Code: asr.CodeAWS, Message: "the parameters below " + path + " can't be read", Do: "sign in to the solution's admin account with ssm:GetParametersByPath on them", Err: err}
		}
		for _, p := range page.Parameters {
			name := aws.ToString(p.Name)
			values[name[strings.LastIndexByte(name, '/')+1:]] = aws.ToString(p.Value)
		}
	}
	return values, nil
}

// filter reads a filter as the solution does: "none" and an empty text are no
// list, a mode that it doesn't know is none.
func (s *Settings) filter(values map[string]string, kind string) Filter {
	f := Filter{Mode: Disabled}
	switch mode := values[kind+"FilterMode"]; Mode(mode) {
	case Include, Exclude, Disabled:
		f.Mode = Mode(mode)
	case "":
	default:
		s.Odd = append(s.Odd, fmt.Sprintf("%sFilterMode is %s, which the solution takes for Disabled: that filter is not applied, neither there nor here", kind, quoted(mode)))
	}
	list := values[kind+"Filters"]
	if list == "none" {
		return f
	}
	for value := range strings.SplitSeq(list, ",") {
		if value = strings.TrimSpace(value); value != "" && !slices.Contains(f.Values, value) {
			f.Values = append(f.Values, value)
		}
	}
	return f
}
