#!/usr/bin/env bash
# Builds what is delivered twice, from the last commit's files in folders of
# different names and depths, and compares SHA-256. GOCACHE=… of one's own makes it a cold build.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(git describe --tags --always)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sums() { # FOLDER: builds there, and prints the sums
	mkdir -p "$1"
	git archive HEAD | tar -x -C "$1"
	make --no-print-directory -C "$1" build lambda sbom VERSION="$version" >&2
	(cd "$1/bin" && sha256sum asr lambda/bootstrap asr-lambda.zip asr.cdx.json asr-lambda.cdx.json)
}
sums "$work/one" >"$work/one.txt"
sleep 2 # what notes the time notes another one
TZ=Asia/Kolkata LC_ALL=C sums "$work/a/much/deeper/two" >"$work/two.txt"
cat "$work/one.txt"
diff "$work/one.txt" "$work/two.txt" && echo "Both builds of $version are the same."
