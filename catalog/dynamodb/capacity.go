package dynamodb

import (
	"cmp"
	"fmt"
	"math"
)

// usualTarget is the percentage of capacity in use that AWS proposes.
const usualTarget = 70

// capacity is what a scalable target may have, in capacity units.
type capacity struct {
	Min int32 `json:"min"`
	Max int32 `json:"max"`
}

// asked is what the parameters say of one dimension.
type asked struct{ min, max, target int32 }

// widened is a range that has what was asked for; one that is there is never
// made narrower, and a new one holds what is provisioned.
func (a asked) widened(now capacity, units int32) capacity {
	if now != (capacity{}) {
		now.Min = max(now.Min, a.min)
		now.Max = max(now.Max, now.Min)
		return now
	}
	now.Min = max(units, a.min, 1)
	now.Max = max(cmp.Or(a.max, int32(min(2*int64(now.Min), math.MaxInt32))), now.Min)
	return now
}

// lowered leaves more capacity free where policies leave less than was asked for.
func (a asked) lowered(now map[string]float64) map[string]float64 {
	if len(now) == 0 {
		return map[string]float64{policyName: float64(cmp.Or(a.target, usualTarget))}
	}
	to := map[string]float64{}
	for name, percent := range now {
		if to[name] = percent; a.target != 0 {
			to[name] = min(percent, float64(a.target))
		}
	}
	return to
}

func (a asked) valid(of string) error {
	switch {
	case a.min < 0, a.max < 0:
		return fmt.Errorf("min%s is %d and max%s %d: neither can be negative", of, a.min, of, a.max)
	case a.max != 0 && a.max < a.min:
		return fmt.Errorf("max%s is %d, which is less than min%s, %d", of, a.max, of, a.min)
	case a.target != 0 && (a.target < 20 || a.target > 90):
		return fmt.Errorf("target%s is %d percent, and can be 20 to 90", of, a.target)
	}
	return nil
}
