package s3

import (
	"example.com/asr/remedy"
	"example.com/asr/remedy/logbucket"
)

// logBucketOf names the bucket that access logs go to.
func logBucketOf(on remedy.On[logTo]) string { return on.Expand("{params.bucket}") }

// ourBucket is the bucket that lets S3 put this account's access logs:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
func ourBucket(on remedy.On[logTo]) logbucket.Bucket {
	arn := on.Expand(logBucket)
	return logbucket.Bucket{Target: on.Target, Name: logBucketOf(on), Besides: []map[string]any{logbucket.RequireTLS(arn)}, Policy: []map[string]any{{
		"Sid": "AccessLogDelivery", "Effect": "Allow", "Principal": map[string]any{"Service": "logging.s3.amazonaws.com"},
		"Action": "s3:PutObject", "Resource": arn + "/*",
		"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": on.Account}},
	}}}
}
