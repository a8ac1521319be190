package secretsmanager

import (
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
)

// Rotation turns the automatic rotation of a secret on.
var Rotation = remedy.Unit[period, rotation]{
	Spec: asr.Spec{
		ID: "secretsmanager-rotation", Version: 1,
		Title: "Rotate secrets automatically",
		Impact: "The secret gets a new value again and again, at least once in the number of days that is asked for. It is not rotated now: the first rotation comes with the schedule, which may be soon if the last one is long ago. Secrets Manager runs the test step of the rotation function at once. " +
			"Clients must read the secret anew; one that keeps an old value is refused after a rotation. A schedule that is often enough stays as it is. Undo turns rotation off again and can't bring back a value that was replaced meanwhile.",
		Risk: asr.RiskMedium, RiskWhy: "clients that keep the value fail after the first rotation, and a rotation function that was off may not work any more",
		Scope: asr.ScopeResource, Resources: []string{secret},
		Reads:   []asr.Grant{asr.Allow(secret, "secretsmanager:DescribeSecret")},
		Writes:  []asr.Grant{asr.Allow(secret, "secretsmanager:RotateSecret", "secretsmanager:CancelRotateSecret")},
		Implied: rotationImplied,
		Settle:  5 * time.Second,
	},
	Controls: map[string]period{"SecretsManager.1": {90}},
	Validate: validatePeriod,
	Read:     readRotation,
	Want:     wantRotation,
	Write:    writeRotation,
	Keep:     keepSchedule,
}
