#!/bin/sh
# fuzz.sh TIME [PACKAGE…]: fuzzes every target of the packages (of all, if none
# is named) for TIME each (60s, 10000x), one after the other. A package is built once. Without
# a limit, making one input smaller would take a minute.
set -e
time=$1
shift
here=$(pwd)
mkdir -p bin/fuzz
for package in ${*:-$(grep -rl --include=*_test.go '^func Fuzz' . | xargs -n 1 dirname | sort -u)}; do
	binary=$here/bin/fuzz/$(echo "$package" | tr ./ __).test
	go test -c -fuzz . -o "$binary" "$package"
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$package"/*_test.go); do
		echo "$package $target"
		(cd "$package" && "$binary" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" -test.fuzzminimizetime 50x -test.fuzzcachedir "$binary.cache" -test.parallel 2)
	done
done
