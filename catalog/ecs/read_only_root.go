// Package ecs fixes Elastic Container Service.
package ecs

import (
	"context"
	"maps"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

const (
	family  = "arn:{partition}:ecs:{region}:{account}:task-definition/{name}:*"
	anyRole = "arn:{partition}:iam::{account}:role/*"
)

type none struct{}

// revision is one of a task definition, which nobody can change, and its copy.
// What doesn't exist is empty.
type revision struct {
	ReadOnly map[string]bool `json:"readOnly"` // by the containers' names
	Latest   bool            `json:"latest"`   // it, or the copy, is the family's latest active revision
	Windows  bool            `json:"windows"`  // whose containers have no such setting
	Full     bool            `json:"full"`     // it has as many tags as there can be
	Copy     map[string]bool `json:"copy"`     // the containers of a later revision that differs in nothing else, all of them read-only
}

// ReadOnlyRoot registers a revision whose containers can't write to their root
// filesystems.
var ReadOnlyRoot = remedy.Unit[none, revision]{
	Spec: asr.Spec{
		ID: "ecs-read-only-root", Version: 1,
		Title:  "Give ECS containers read-only root filesystems",
		Impact: "A new revision of the task definition is registered, in which no container can write to its root filesystem. Services and tasks that run are not touched: they keep the revision that they have until somebody moves them. Whoever names the family without a revision gets the new one from now on, and containers that write outside of their volumes fail there; ECS Exec doesn't work in them. A deployment that registers a revision of its own makes the new one obsolete. Undo deregisters the new revision; services that were moved to it meanwhile stay on it.",
		Risk:   asr.RiskMedium, RiskWhy: "nothing changes until something starts the new revision; then containers that write to their root filesystem fail",
		Scope: asr.ScopeResource, Resources: []string{family}, Internal: revisionARN,
		Reads: []asr.Grant{asr.Allow("*", "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions")},
		Writes: []asr.Grant{
			asr.Allow(family, "ecs:RegisterTaskDefinition"),
			asr.Allow("*", "ecs:DeregisterTaskDefinition"),
		},
		Implied: []asr.Grant{ // tasks keep the roles that they have: which those are, only the task definition says
			asr.Pass(anyRole, "ecs-tasks.amazonaws.com"),
			{On: family, Actions: []string{"ecs:TagResource"}, When: map[string]map[string]string{"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}}},
		},
		Settle: 2 * time.Second,
	},
	Controls: map[string]none{"ECS.5": {}},
	Resolve:  resolve,
	Read:     readRevision,
	Want:     wantReadOnly,
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to revision) error {
		api := ecs.NewFromConfig(cfg)
		switch {
		case len(to.Copy) > 0 && len(from.Copy) == 0 && !from.Latest:
			return asr.Refuse("a later revision was registered meanwhile, which a copy of this one would take the place of", "plan again for that one")
		case len(to.Copy) > 0 && len(from.Copy) == 0:
			return registerCopy(ctx, api, on)
		case len(to.Copy) == 0 && len(from.Copy) > 0:
			return deregisterCopy(ctx, api, on)
		}
		return nil
	},
	Makes: func(on remedy.On[none], c asr.Change) string {
		if c.Path[0] == "copy" {
			return on.Expand(family) // which revision it will be, nobody knows beforehand
		}
		return ""
	},
}

// wantReadOnly asks of the latest active revision what the control asks of it
// alone: https://docs.aws.amazon.com/config/latest/developerguide/ecs-containers-readonly-access.html
func wantReadOnly(_ remedy.On[none], now revision) (revision, error) {
	writes := slices.Contains(slices.Collect(maps.Values(now.ReadOnly)), false)
	switch {
	case !writes, !now.Latest, len(now.Copy) > 0:
		return now, nil
	case now.Windows:
		return now, asr.Refuse("Windows containers have no read-only root filesystem", "suppress the finding")
	case now.Full:
		return now, asr.Refuse("the task definition has 50 tags, so a copy of it can't carry one more", "take a tag away that nobody needs, then plan again")
	}
	to := now
	to.Copy = map[string]bool{}
	for name := range now.ReadOnly {
		to.Copy[name] = true
	}
	return to, nil
}
