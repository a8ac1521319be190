package remedy

import (
	"time"

	"example.com/asr"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// AnsweredAt is when AWS answered, by its own clock: the only one that a unit
// may read, to tell the age of what it finds.
func AnsweredAt(meta middleware.Metadata) (time.Time, error) {
	at, ok := awsmiddleware.GetServerTime(meta)
	if !ok {
		return at, &asr.Error{Code: asr.CodeAWS, Message: "AWS's answer has no date, so nothing can be said of ages", Do: "see what stands between asr and AWS: a proxy that takes headers away?"}
	}
	return at, nil
}
