package ecs

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// revisionARN is how findings name a revision: family and number.
var revisionARN = regexp.MustCompile(`^arn:(aws[a-z-]*):ecs:([a-z0-9-]+):(\d{12}):task-definition/([A-Za-z0-9_-]+):(\d+)$`)

// mostLater is how many later revisions are looked at for a copy: it was
// registered when there were none, or few that came at the same time.
const mostLater = 10

// resolve tells the family, which is what rights are for, from the revision. A
// target without a number is the latest.
func resolve(ctx context.Context, cfg aws.Config, on remedy.On[none]) (asr.Target, error) {
	t := on.Target
	m := revisionARN.FindStringSubmatch(t.ID)
	if m == nil {
		d, err := describe(ctx, ecs.NewFromConfig(cfg), t.Name)
		t.ID = aws.ToString(d.TaskDefinitionArn)
		return t, remedy.Gone(err, "ClientException")
	}
	if m[3] != t.Account {
		return t, &asr.Error{Code: asr.CodeBadTarget, Message: "the finding is of account " + t.Account + " but its resource of " + m[3], Do: "see where the finding comes from: its parts contradict each other"}
	}
	t.Partition, t.Region, t.Name = m[1], m[2], m[4]
	return t, nil
}

// number is a revision's, by its ARN.
func number(arn string) int {
	n, _ := strconv.Atoi(arn[strings.LastIndex(arn, ":")+1:]) // ARNs of revisions end in digits
	return n
}

func readRevision(ctx context.Context, cfg aws.Config, on remedy.On[none]) (r revision, err error) {
	api := ecs.NewFromConfig(cfg)
	d, err := active(ctx, api, on)
	if err != nil {
		return r, err
	}
	r.ReadOnly, r.Full = d.readOnly(), len(d.tags) >= mostTags
	r.Windows = d.RuntimePlatform != nil && strings.HasPrefix(string(d.RuntimePlatform.OperatingSystemFamily), "WINDOWS")
	later, err := laterThan(ctx, api, on)
	if err != nil {
		return r, err
	}
	copies, err := copiesOf(ctx, api, d, later)
	if err != nil {
		return r, err
	}
	latest := number(on.ID)
	if len(copies) > 0 {
		r.Copy, latest = copies[0].readOnly(), int(copies[0].Revision)
	}
	r.Latest = len(later) == 0 || later[len(later)-1] == latest
	return r, nil
}

// active is the target's revision, unless it was deregistered.
func active(ctx context.Context, api *ecs.Client, on remedy.On[none]) (definition, error) {
	d, err := describe(ctx, api, on.Name+":"+strconv.Itoa(number(on.ID)))
	if err != nil {
		return d, remedy.Gone(err, "ClientException")
	}
	if d.Status != types.TaskDefinitionStatusActive {
		return d, asr.ErrGone
	}
	return d, nil
}

// laterThan are the numbers of the family's active revisions that came after
// the target's, in order.
func laterThan(ctx context.Context, api *ecs.Client, on remedy.On[none]) (later []int, err error) {
	first := number(on.ID)
	pages := ecs.NewListTaskDefinitionsPaginator(api, &ecs.ListTaskDefinitionsInput{FamilyPrefix: &on.Name, Status: types.TaskDefinitionStatusActive, Sort: types.SortOrderDesc})
	for reached := false; pages.HasMorePages() && !reached; {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, arn := range page.TaskDefinitionArns {
			if n := number(arn); n > first {
				later = append(later, n)
			} else {
				reached = true
			}
		}
	}
	latest, err := describe(ctx, api, on.Name) // a list may be older than the last registration
	if err != nil {
		return nil, remedy.Gone(err, "ClientException")
	}
	if n := int(latest.Revision); n > first {
		later = append(later, n)
	}
	slices.Sort(later)
	return slices.Compact(later), nil
}

// copiesOf finds the copies of a revision that runs have made.
func copiesOf(ctx context.Context, api *ecs.Client, first definition, later []int) (copies []definition, err error) {
	for _, n := range later[:min(len(later), mostLater)] {
		d, err := describe(ctx, api, aws.ToString(first.Family)+":"+strconv.Itoa(n))
		if remedy.Is(err, "ClientException") {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		if d.Status == types.TaskDefinitionStatusActive && d.isCopyOf(first) {
			copies = append(copies, d)
		}
	}
	return copies, nil
}

func registerCopy(ctx context.Context, api *ecs.Client, on remedy.On[none]) error {
	d, err := active(ctx, api, on)
	if err != nil {
		return err
	}
	text, err := d.copied(on.Call.Tags())
	if err != nil {
		return err
	}
	_, err = api.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{Family: d.Family, ContainerDefinitions: d.ContainerDefinitions}, func(o *ecs.Options) {
		o.APIOptions = append(slices.Clone(o.APIOptions), say(text))
	})
	if remedy.Is(err, "ClientException") && strings.Contains(err.Error(), "Too many concurrent attempts") {
		return asr.ErrSettling // others register a revision
	}
	return err
}

// deregisterCopy takes back the one revision that this run registered, and no
// other that looks like it.
func deregisterCopy(ctx context.Context, api *ecs.Client, on remedy.On[none]) error {
	d, err := active(ctx, api, on)
	if err != nil {
		return err
	}
	later, err := laterThan(ctx, api, on)
	if err != nil {
		return err
	}
	copies, err := copiesOf(ctx, api, d, later)
	if err != nil {
		return err
	}
	copies = slices.DeleteFunc(copies, func(c definition) bool { return c.run() != on.Call.Run })
	if len(copies) != 1 {
		return asr.Refuse(strconv.Itoa(len(copies))+" revisions of "+on.Name+" carry this run's tag, so which one it registered can't be told", "deregister by hand the one that shall go")
	}
	_, err = api.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: copies[0].TaskDefinitionArn})
	return err
}
