package rds

import "example.com/asr"

// setting is on or off. None of those that use it is ever kept for the
// maintenance window: RDS's pending modifications have no place for them, and
// the tables of "when the change occurs" say at once. So ApplyImmediately, which
// applies all that others have left for the window, isn't asked for.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html
type setting struct {
	On      bool   `json:"on"`
	Refusal string `json:"refusal,omitempty"` // why RDS wouldn't switch it on
}

// switched wants a setting on; do is what is left where RDS wouldn't.
func (now setting) switched(do string) (setting, error) {
	if !now.On && now.Refusal != "" {
		return now, asr.Refuse(now.Refusal, do)
	}
	return setting{true, now.Refusal}, nil
}
