#!/bin/bash
#
# tests/fuzz/run.sh BUILD_DIR [TARGET...]: run the fuzz targets (all of them by default) that
# "make fuzzers" built in BUILD_DIR.  Speaks TAP, a point for each target; what it finds and the
# corpus it has grown are in BUILD_DIR/tests/fuzz/TARGET.
#
#   FUZZ_SECONDS  how long each runs [60]
#   FUZZ_JOBS     how many run at once [one a core]
#   FUZZ_SEED     of the random numbers; 0 takes another at each run [1]

. "$(dirname -- "${BASH_SOURCE[0]}")/../source/tap.sh"

build=$(cd -- "${1:?the build directory}" && pwd -P) || exit 1
shift
seconds=${FUZZ_SECONDS:-60}
jobs=${FUZZ_JOBS:-$(nproc)}
seed=${FUZZ_SEED:-1}
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(cd "$top/tests/fuzz" && printf '%s\n' fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')

# Quarantined memory counts for the limit of resident memory; addr2line is there where llvm is not.
export ASAN_OPTIONS=quarantine_size_mb=32:allow_addr2line=1:detect_leaks=1
export UBSAN_OPTIONS=print_stacktrace=1

# Address randomisation of newer kernels leaves clang 14's sanitizer no room, now and then.
fixed_layout=()
! setarch -R true 2>/dev/null || fixed_layout=(setarch -R)

# Headers are never longer than nginx takes; bodies may pass the limit of 16 KB for one value.
longest_input()
{
	case $1 in
	date) echo 64 ;;
	signing_key) echo 256 ;;
	cookie | query | signature | url) echo 4096 ;;
	*) echo 20000 ;;
	esac
}

dictionary()
{
	case $1 in
	device | webhook_body | token) echo "$top/tests/fuzz/json.dict" ;;
	*) echo "$top/tests/fuzz/header.dict" ;;
	esac
}

# The cases of the unit tests are seeds too.
copy_cases()
{
	local target=$1 to=$2 folder file

	case $target in
	device | webhook_body) cases=("$top/tests/data/$target"/*) ;;
	token) cases=("$top/tests/data/oauth"/*) ;;
	signature) cases=("$top/tests/data/httpsig"/*/) ;;
	*) return 0 ;;
	esac
	for folder in "${cases[@]}"; do
		if [ "$target" = signature ]; then
			(cd "$folder" && { tr -d '\n' <authorization; echo; tr -d '\n' <digest; echo; cat body; }) \
			    >"$to/case-$(basename "$folder")"
			continue
		fi
		for file in "$folder"/{body.json,page.json,rooms.json,body}; do
			[ ! -f "$file" ] || cp "$file" "$to/case-$(basename "$folder")-${file##*/}"
		done
	done
}

# What a target found, so that a log alone is enough to reproduce it.
show_input()
{
	local file=$1

	printf 'input: %s (%d bytes)\n' "$file" "$(stat -c %s "$file")"
	printf 'hex: %s\n' "$(head -c 4096 "$file" | od -An -v -tx1 | tr -d ' \n')"
	printf 'base64: %s\n' "$(base64 -w 0 "$file")"
}

# One target, in the background; the words for its point go to a file.
run_target()
{
	local target=$1 dir=$build/tests/fuzz/$1 program=$build/tests/fuzz/fuzz_$1 child status file

	rm -rf "$dir/seeds" "$dir/found"
	mkdir -p "$dir/seeds" "$dir/found" "$dir/corpus" || return
	cp -r "$top/tests/fuzz/corpus/$target/." "$dir/seeds" && copy_cases "$target" "$dir/seeds" || return
	"${fixed_layout[@]}" "$program" -max_total_time="$seconds" -max_len="$(longest_input "$target")" \
	    -dict="$(dictionary "$target")" -seed="$seed" -timeout=60 -rss_limit_mb=1024 \
	    -print_final_stats=1 -artifact_prefix="$dir/found/" "$dir/corpus" "$dir/seeds" >"$dir/log" 2>&1 &
	child=$!
	trap 'kill "$child" 2>/dev/null' TERM
	wait "$child"
	status=$?
	if [ "$status" -eq 0 ]; then
		sed -nE 's/^#.*DONE +cov: ([0-9]+) ft: ([0-9]+) corp: ([0-9]+).*exec\/s: ([0-9]+).*/\4 executions\/s, \1 edges covered, \2 features, \3 inputs kept/p' "$dir/log"
		return 0
	fi
	printf 'ended with %d; %s\n' "$status" "$dir/log"
	for file in "$dir/found"/*; do
		[ ! -f "$file" ] || show_input "$file"
	done
	grep -E 'broken promise|runtime error|ERROR: |SUMMARY|^ *#[0-9]+ ' "$dir/log" | head -n 25
	return 1
}

stop()
{
	trap - EXIT INT TERM HUP
	kill $(jobs -p) 2>/dev/null
	wait
	rm -rf "$work"
}

work=$(mktemp -d) || exit 1
trap stop EXIT
trap 'exit 130' INT TERM HUP

start_all()
{
	local target running=0

	for target in "${targets[@]}"; do
		if [ "$running" -ge "$jobs" ]; then
			wait -n
			running=$((running - 1))
		fi
		{ run_target "$target" >"$work/$target.text"; echo $? >"$work/$target.status"; } &
		running=$((running + 1))
	done
	wait
}

# "seed corpus and N seconds of fuzzing": the point of one target.
report()
{
	local target=$1 word='not ok'

	[ "$(cat "$work/$target.status" 2>/dev/null)" != 0 ] || word=ok
	tap_point "$word" "$target: $seconds s of fuzzing break no promise"
	sed 's/^/#   /' "$work/$target.text"
}

start_all
for target in "${targets[@]}"; do
	report "$target"
done
tap_done
