package secretsmanager

import (
	"cmp"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
)

// RotationPeriod makes a secret rotate often enough.
var RotationPeriod = remedy.Unit[period, rotation]{
	Spec: asr.Spec{
		ID: "secretsmanager-rotation-period", Version: 1,
		Title: "Rotate secrets often enough",
		Impact: "The secret is rotated at least once in the number of days that is asked for; rotation that is off is turned on. It is not rotated now: the next rotation comes with the schedule, which may be soon if the last one is long ago, and the finding passes after it. Secrets Manager runs the test step of the rotation function at once. " +
			"Clients must read the secret anew; one that keeps an old value is refused after a rotation. Undo brings the old schedule back, and can't bring back a value that was replaced meanwhile.",
		Risk: asr.RiskMedium, RiskWhy: "clients that keep the value fail after the next rotation, which comes sooner than before",
		Scope: asr.ScopeResource, Resources: []string{secret},
		Reads:       []asr.Grant{asr.Allow(secret, "secretsmanager:DescribeSecret")},
		Writes:      []asr.Grant{asr.Allow(secret, "secretsmanager:RotateSecret", "secretsmanager:CancelRotateSecret")},
		Implied:     rotationImplied,
		Settle:      5 * time.Second,
		Reevaluates: 90 * day,
	},
	Controls: map[string]period{"SecretsManager.4": {90}},
	Validate: validatePeriod,
	Read:     readRotation,
	Want: func(on remedy.On[period], now rotation) (rotation, error) {
		if now.Overdue {
			return now, asr.Refuse("the secret should have been rotated already: its rotation fails", "find out why from "+cmp.Or(now.Function, "the service that owns it")+", mend that and rotate the secret once")
		}
		return wantRotation(on, now)
	},
	Write: writeRotation,
	Keep:  keepSchedule,
}
