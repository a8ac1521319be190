#!/usr/bin/env bash
# Launches asr in an AWS organization, or updates it: the hub's stack, the member
# role for all accounts (a StackSet that also reaches new ones), and if asked for
# the runbooks (another StackSet). It says what it does, and asks before it
# changes something.
#
# Run it with credentials of the hub account, in the Region in which Security Hub
# aggregates findings.
#
#   ARTIFACT_BUCKET  bucket in this Region for the code and the templates (required)
#   ORGANIZATION     o-…; empty: what the stack has, at first the hub's own account alone
#   OUS              organizational units, or the root, separated by commas, whose accounts get the member role
#   MEMBER_HERE      1: the hub account gets the member role by a stack of its own. Needed if it is in none of
#                    OUS, or is the management account, which StackSets leave out
#   EXTERNAL_ID      what member roles ask for; empty: what the stack has, at first none
#   RUNBOOK_REGIONS  Regions, separated by commas, that get the runbooks in the accounts of OUS; empty: none
#   HUB_PARAMETERS   more parameters of asr-hub: "NotificationEmail=ops@example.com RetentionDays=731"
#   CALL_AS          SELF in the management account; DELEGATED_ADMIN (default) where StackSets are delegated to
#   ZIP              the code's zip file; empty: it is built here
#   PLAN             1: says what it would do, and does nothing
#   YES              1: doesn't ask
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
fail() {
	say "launch.sh: $*"
	exit 1
}

# change runs a command that changes something, after it has said so.
change() {
	say "+ $*"
	if [ -n "${PLAN:-}" ]; then return 0; fi
	if [ -z "${YES:-}" ]; then
		read -r -p "go on? [y/N] " answer || fail "nobody answers: set YES=1 to go on without asking"
		[ "$answer" = y ] || fail "stopped; what was done before stays"
	fi
	"$@" >&2
}

# build makes the code's zip file: the same code gives the same file.
build() {
	say "+ make lambda"
	make -s lambda VERSION="$version" >&2
	ZIP=bin/asr-lambda.zip
}

# parameter is what the hub's stack has for a parameter, or what it will have.
parameter() {
	local value
	value="$(aws cloudformation describe-stacks --stack-name asr-hub --output text \
		--query "Stacks[0].Parameters[?ParameterKey=='$1'].ParameterValue" 2>/dev/null || true)"
	if [ "$value" = None ]; then value=""; fi
	printf '%s' "${2:-$value}"
}

# settled waits until a StackSet does nothing: it does one thing at a time.
settled() {
	while [ -z "${PLAN:-}" ] && [ -n "$(aws cloudformation list-stack-set-operations "$@" --output text \
		--query "Summaries[?Status=='RUNNING' || Status=='QUEUED' || Status=='STOPPING'].OperationId")" ]; do
		say "  waiting for the StackSet"
		sleep "${EVERY:-15}"
	done
}

# stack_set makes or updates a StackSet of the organization, and puts it into OUS.
stack_set() { # name, Regions, then parameters
	local name="$1" regions="$2" verb=update
	shift 2
	local where=(--stack-set-name "$name" --call-as "$CALL_AS")
	aws cloudformation describe-stack-set "${where[@]}" >/dev/null 2>&1 || verb=create
	local settings=(--template-url "$templates/$name.yaml" --capabilities CAPABILITY_NAMED_IAM --tags Key=app,Value=asr
		--permission-model SERVICE_MANAGED --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false --parameters "$@")
	if [ "$verb" = update ]; then
		settings+=(--operation-preferences MaxConcurrentPercentage=100,FailureTolerancePercentage=10)
	fi
	change aws cloudformation "$verb-stack-set" "${where[@]}" "${settings[@]}"
	settled "${where[@]}"
	# Where instances are already, nothing happens; new units and Regions get theirs.
	IFS=, read -r -a in_regions <<<"$regions"
	change aws cloudformation create-stack-instances "${where[@]}" --deployment-targets "OrganizationalUnitIds=$OUS" \
		--regions "${in_regions[@]}" --operation-preferences MaxConcurrentPercentage=100,FailureTolerancePercentage=10
}

main() {
	: "${ARTIFACT_BUCKET:?name an S3 bucket in this Region for the code}"
	OUS="${OUS:-}" CALL_AS="${CALL_AS:-DELEGATED_ADMIN}" ZIP="${ZIP:-}"
	local account partition organization external more=()
	read -r account partition <<<"$(aws sts get-caller-identity --output text --query '[Account,Arn]' | sed 's/arn:\([^:]*\):.*/\1/')"
	export AWS_REGION="${AWS_REGION:-$(aws configure get region || true)}"
	[ -n "$AWS_REGION" ] || fail "no Region: set AWS_REGION"
	version="$(git describe --tags --always --dirty 2>/dev/null || echo dev)"
	read -r -a more <<<"${HUB_PARAMETERS:-}"
	say "asr $version: hub account $account, Region $AWS_REGION"

	organization="$(parameter OrganizationId "${ORGANIZATION:-}")"
	external="$(parameter ExternalId "${EXTERNAL_ID:-}")"
	if [ -n "$OUS" ] && [ -z "$organization" ]; then
		fail "OUS without ORGANIZATION: member roles would trust the hub account whatever organization it is in"
	fi

	# The key has the code's hash in it: CloudFormation sees new code by a new key only.
	[ -n "$ZIP" ] || build
	local sum prefix suffix=amazonaws.com
	sum="$( (sha256sum "$ZIP" 2>/dev/null || shasum -a 256 "$ZIP") | cut -c1-16)"
	prefix="asr/$version-$sum"
	if [ "$partition" = aws-cn ]; then suffix=amazonaws.com.cn; fi
	templates="https://$ARTIFACT_BUCKET.s3.$AWS_REGION.$suffix/$prefix"
	change aws s3 cp --only-show-errors "$ZIP" "s3://$ARTIFACT_BUCKET/$prefix/asr-lambda.zip"
	change aws s3 cp --only-show-errors --recursive --exclude '*' --include '*.yaml' templates "s3://$ARTIFACT_BUCKET/$prefix"

	# Parameters that aren't given keep what they have.
	local deploy=(aws cloudformation deploy --capabilities CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset --tags app=asr --s3-bucket "$ARTIFACT_BUCKET" --s3-prefix "$prefix")
	change "${deploy[@]}" --stack-name asr-hub --template-file templates/asr-hub.yaml --parameter-overrides \
		"ArtifactBucket=$ARTIFACT_BUCKET" "ArtifactKey=$prefix/asr-lambda.zip" "AsrVersion=$version" "OrganizationId=$organization" "ExternalId=$external" ${more[@]+"${more[@]}"}
	change aws cloudformation update-termination-protection --stack-name asr-hub --enable-termination-protection

	if [ -n "${MEMBER_HERE:-}" ] || [ -z "$OUS" ]; then
		change "${deploy[@]}" --stack-name asr-member --template-file templates/asr-member.yaml --parameter-overrides \
			"HubAccount=$account" "OrganizationId=$organization" "ExternalId=$external"
	fi
	if [ -n "$OUS" ]; then
		stack_set asr-member "$AWS_REGION" "ParameterKey=HubAccount,ParameterValue=$account" \
			"ParameterKey=OrganizationId,ParameterValue=$organization" "ParameterKey=ExternalId,ParameterValue=$external"
	fi
	if [ -n "$OUS" ] && [ -n "${RUNBOOK_REGIONS:-}" ]; then
		stack_set asr-runbooks "$RUNBOOK_REGIONS" "ParameterKey=HubBusArn,ParameterValue=arn:$partition:events:$AWS_REGION:$account:event-bus/asr-hub"
	fi
	say "done. Put a policy file at the place that the output PolicyLocation names; until then nothing is fixed by itself."
}

main
