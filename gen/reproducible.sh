#!/usr/bin/env bash
# Builds what is delivered twice, from two checkouts in folders of different names
# and depths, and compares SHA-256. GOCACHE=… of one's own makes it a cold build.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(git describe --tags --always --dirty)
work=$(mktemp -d)
trap 'git worktree prune; rm -rf "$work"' EXIT
sums() { # FOLDER: checks the commit out there, builds, and prints the sums
	git worktree add --quiet --detach "$1" HEAD >&2
	make --no-print-directory -C "$1" build lambda sbom VERSION="$version" >&2
	(cd "$1/bin" && sha256sum asr lambda/bootstrap asr-lambda.zip asr.cdx.json asr-lambda.cdx.json)
	git worktree remove --force "$1" >&2
}
mkdir -p "$work/a/much/deeper"
sums "$work/one" >"$work/one.txt"
sleep 2 # what notes the time notes another one
TZ=Asia/Kolkata LC_ALL=C sums "$work/a/much/deeper/two" >"$work/two.txt"
cat "$work/one.txt"
diff "$work/one.txt" "$work/two.txt" && echo "Both builds of $version are the same."
