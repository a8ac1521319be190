package rds

import (
	"example.com/asr"
	"example.com/asr/remedy"
)

// none is for units that have no parameters.
type none struct{}

// setting is on or off. None of those that use it is ever kept for the
// maintenance window: RDS's pending modifications have no place for them, and
// the tables of "when the change occurs" say at once. So ApplyImmediately, which
// applies all that others have left for the window, isn't asked for.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html
type setting struct {
	On      bool   `json:"on"`
	Refusal string `json:"refusal,omitempty"` // why RDS wouldn't switch it on
}

// switchOn wants a setting on; do is what is left where RDS wouldn't.
func switchOn(do string) func(remedy.On[none], setting) (setting, error) {
	return func(_ remedy.On[none], now setting) (setting, error) {
		if !now.On && now.Refusal != "" {
			return now, asr.Refuse(now.Refusal, do)
		}
		return setting{true, now.Refusal}, nil
	}
}

// openness is whether everybody gets at something.
type openness struct {
	Public  bool   `json:"public"`
	Refusal string `json:"refusal,omitempty"` // why RDS wouldn't change it
}

// keepPrivate wants nothing public; do is what is left where RDS wouldn't.
func keepPrivate(do string) func(remedy.On[none], openness) (openness, error) {
	return func(_ remedy.On[none], now openness) (openness, error) {
		if now.Public && now.Refusal != "" {
			return now, asr.Refuse(now.Refusal, do)
		}
		return openness{Refusal: now.Refusal}, nil
	}
}
