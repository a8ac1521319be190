package codebuild

import (
	"context"
	"regexp"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

type privileges struct {
	Privileged bool   `json:"privileged"`
	Refusal    string `json:"refusal,omitempty"` // what the project needs them for
}

// NoPrivilegedMode takes a build container's access to all devices of its host,
// without which it can't run a Docker daemon.
// https://docs.aws.amazon.com/codebuild/latest/APIReference/API_ProjectEnvironment.html
var NoPrivilegedMode = remedy.Unit[none, privileges]{
	Spec: asr.Spec{
		ID: "codebuild-no-privileged-mode", Version: 1,
		Title:  "Turn privileged mode of CodeBuild projects off",
		Impact: "Builds that begin from now on have no privileges on their host: those that build or run Docker images fail. A project whose settings show that it needs them is refused; a buildspec that lies in the source can't be looked at, so ask the project's owner.",
		Risk:   asr.RiskHigh, RiskWhy: "builds that use Docker fail, and what they do may stand in the source only",
		Interrupts: "builds that use Docker, until undone; others and those under way not",
		Scope:      asr.ScopeResource, Resources: []string{project},
		Reads:  []asr.Grant{asr.Allow(project, "codebuild:BatchGetProjects")},
		Writes: []asr.Grant{asr.Allow(project, "codebuild:UpdateProject")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]none{"CodeBuild.5": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (privileges, error) {
		p, _, err := find(ctx, cfg, on.Target)
		if err != nil {
			return privileges{}, err
		}
		return privileges{aws.ToBool(p.Environment.PrivilegedMode), needs(p)}, nil
	},
	Want: func(_ remedy.On[none], now privileges) (privileges, error) {
		if now.Privileged && now.Refusal != "" {
			return now, asr.Refuse(now.Refusal, "build images in another way, or suppress the finding")
		}
		return privileges{Refusal: now.Refusal}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to privileges) error {
		_, environment, err := find(ctx, cfg, on.Target)
		if err != nil {
			return err
		}
		environment["privilegedMode"] = to.Privileged
		return update(ctx, cfg, on.Target, environment)
	},
}

var container = regexp.MustCompile(`(?i)\b(docker|dockerd|buildx|podman|buildah)\b`)

// needs says what a project shows to need privileged mode for:
// https://docs.aws.amazon.com/codebuild/latest/userguide/build-caching.html
func needs(p types.Project) string {
	switch {
	case p.Source != nil && container.MatchString(aws.ToString(p.Source.Buildspec)):
		return "the project builds or runs images: its buildspec names " + container.FindString(aws.ToString(p.Source.Buildspec))
	case p.Cache != nil && slices.Contains(p.Cache.Modes, types.CacheModeLocalDockerLayerCache):
		return "the project builds images: it caches Docker layers"
	case len(p.FileSystemLocations) > 0:
		return "the project mounts file systems, which takes privileged mode"
	}
	return ""
}
