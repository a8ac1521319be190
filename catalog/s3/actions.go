package s3

import (
	"maps"
	"slices"
	"strings"

	"example.com/asr/remedy"
)

// The actions that a bucket's policy can allow, on the bucket and on what is in
// it. S3 refuses a statement with an action that none of its resources takes.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
const (
	onBuckets = `CreateBucketMetadataTableConfiguration DeleteBucket DeleteBucketMetadataTableConfiguration DeleteBucketPolicy DeleteBucketWebsite
		GetAccelerateConfiguration GetAnalyticsConfiguration GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging GetBucketMetadataTableConfiguration
		GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus GetBucketPublicAccessBlock
		GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration GetIntelligentTieringConfiguration
		GetInventoryConfiguration GetLifecycleConfiguration GetMetricsConfiguration GetReplicationConfiguration ListBucket ListBucketMultipartUploads
		ListBucketVersions PutAccelerateConfiguration PutAnalyticsConfiguration PutBucketAcl PutBucketCORS PutBucketLogging PutBucketNotification
		PutBucketObjectLockConfiguration PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock PutBucketRequestPayment PutBucketTagging
		PutBucketVersioning PutBucketWebsite PutEncryptionConfiguration PutIntelligentTieringConfiguration PutInventoryConfiguration PutLifecycleConfiguration
		PutMetricsConfiguration PutReplicationConfiguration`
	onObjects = `AbortMultipartUpload BypassGovernanceRetention DeleteObject DeleteObjectTagging DeleteObjectVersion DeleteObjectVersionTagging GetObject
		GetObjectAcl GetObjectAttributes GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectTorrent GetObjectVersion GetObjectVersionAcl
		GetObjectVersionAttributes GetObjectVersionForReplication GetObjectVersionTagging GetObjectVersionTorrent InitiateReplication
		ListMultipartUploadParts ObjectOwnerOverrideToBucketOwner PutObject PutObjectAcl PutObjectLegalHold PutObjectRetention PutObjectTagging
		PutObjectVersionAcl PutObjectVersionTagging ReplicateDelete ReplicateObject ReplicateTags RestoreObject`
)

// without returns a statement without the forbidden actions, nil if none are
// left, and whether it had any. "All of S3" becomes all but them; a narrower
// wildcard becomes the actions that it stands for.
func without(s remedy.Document, patterns []string) (reduced remedy.Document, offends bool) {
	var no []string
	for _, p := range patterns {
		no = append(no, strings.TrimSpace(p))
	}
	reduced = maps.Clone(s)
	if spared := remedy.Texts(s["NotAction"]); spared != nil {
		missing := slices.DeleteFunc(no, func(f string) bool { return matches(spared, f) })
		reduced["NotAction"] = one(slices.Concat(spared, missing))
		return reduced, len(missing) > 0
	}
	var left []string
	for _, a := range remedy.Texts(s["Action"]) {
		if matchesAll(a) {
			delete(reduced, "Action")
			reduced["NotAction"] = one(no)
			return reduced, true
		}
		stay, hit := spare(s, a, no)
		offends = offends || hit
		for _, action := range stay {
			if !matches(left, action) {
				left = append(left, action)
			}
		}
	}
	if len(left) == 0 {
		return nil, offends
	}
	reduced["Action"] = one(left)
	return reduced, offends
}

// spare returns what stays of an action of a statement, and whether some of it
// is forbidden.
func spare(s remedy.Document, action string, no []string) (stay []string, hit bool) {
	if matches(no, action) {
		return nil, true
	}
	means := slices.DeleteFunc(actionsOn(remedy.Texts(s["Resource"])), func(known string) bool { return !like(action, known) })
	stay = slices.DeleteFunc(slices.Clone(means), func(known string) bool { return matches(no, known) })
	if len(stay) == len(means) && !slices.ContainsFunc(no, func(f string) bool { return like(action, f) }) {
		return []string{action}, false
	}
	return stay, true
}

// actionsOn are the actions that any of the resources takes; no resources stand
// for NotResource, and may be any.
func actionsOn(resources []string) (all []string) {
	buckets, objects := len(resources) == 0, len(resources) == 0
	for _, r := range resources {
		_, _, inBucket := strings.Cut(r, "/")
		buckets = buckets || !inBucket
		objects = objects || inBucket || strings.HasSuffix(r, "*")
	}
	var names []string
	if buckets {
		names = append(names, strings.Fields(onBuckets)...)
	}
	if objects {
		names = append(names, strings.Fields(onObjects)...)
	}
	for _, n := range names {
		all = append(all, "s3:"+n)
	}
	return all
}

func matches(patterns []string, action string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return like(p, action) })
}

func matchesAll(pattern string) bool {
	return !slices.ContainsFunc(actionsOn(nil), func(known string) bool { return !like(pattern, known) })
}

// like matches IAM's wildcards, in whatever case; a pattern matches itself too.
func like(pattern, action string) bool {
	p, a, star, mark := strings.ToLower(pattern), strings.ToLower(action), -1, 0
	i, j := 0, 0
	for j < len(a) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == a[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(p[i:], "*") == ""
}
