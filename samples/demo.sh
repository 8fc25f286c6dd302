#!/bin/sh
# demo.sh GILSCOPE FOLDER: from real logs to a page: what `make demo` runs.
#
# Two recorded logs from this folder, and one that is recorded now if there is a python3.
set -e
gilscope=$1 out=$2
samples=$(dirname "$0")
mkdir -p "$out"

run() {
	echo "  \$ gilscope $*"
	"$gilscope" "$@"
}

run ingest -f --title "Convoy: an echo server against one busy thread, CPython 3.11" -o "$out/convoy.gtl" "$samples/convoy-py311.gillog"
run ingest -f --title "Two threads counting down, the lock of CPython 2.7's days" -o "$out/countdown-py27.gtl" \
	"$samples/countdown2-py27.beazley.zst"
traces="$out/convoy.gtl $out/countdown-py27.gtl"
if command -v python3 >/dev/null 2>&1; then
	echo "  \$ gilscope record -f -o $out/live.gillog -- python3 samples/countdown.py 2 6000000"
	if "$gilscope" record -f -o "$out/live.gillog" -- python3 "$samples/countdown.py" 2 6000000; then
		run ingest -f --title "Two threads counting down, here and now" -o "$out/live.gtl" "$out/live.gillog"
		traces="$out/live.gtl $traces"
	fi
fi
for t in $traces; do
	"$gilscope" info "$t" | sed -n '1,/^$/p'
done
# shellcheck disable=SC2086
run render -f --store html --title "gilscope: see what Python's GIL does" -o "$out/gilscope.html" $traces
echo
echo "Open this page in a browser:"
echo "  file://$(cd "$out" && pwd)/gilscope.html"
