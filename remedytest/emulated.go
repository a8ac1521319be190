package remedytest

// SelfEmulated says of units what of their proof rests on answers of our own
// rather than moto's: the sandbox's gateway, or a patch of moto. The lifecycle
// test fails for a unit that the gateway marks and that isn't listed.
var SelfEmulated = map[string]string{
	"ec2-snapshots-private":          "the filter RestorableByUserIds",
	"ecr-scan-on-push":               "switching the setting off",
	"iam-disable-unused-credentials": "dates of keys and passwords, set back",
	"iam-rotate-keys":                "dates of keys, set back",
	"rds-multi-az":                   "the status modifying, for a while",
	"rds-not-public":                 "the status modifying, for a while",
	"kms-rotation":                   "the period of rotation",
	"secretsmanager-delete-unused":   "the date of the last access",
}
