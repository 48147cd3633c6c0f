# Tests that are run, counted and reported.  Sourced by check; needs messages.sh and jobs.sh.
#
# Reads logs, the folder for what each test printed.  Keeps passed, failed and skipped.
# shellcheck shell=bash

passed=0
failed=0
skipped=0

count()
{
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
}

# count_file FILE: what save_counts wrote there; fails when it did not.
count_file()
{
	local counts

	read -r -a counts <"$1" && count "${counts[@]}"
}

save_counts()
{
	printf '%d %d %d\n' "$passed" "$failed" "$skipped" >"$1"
}

# tap_totals FILE: "PASSED FAILED SKIPPED" of TAP.  Only lines without indent count; one more failure
# when the plan is missing, differs from what was seen, or is empty.
tap_totals()
{
	awk '
		/^ok( |$)/ && /# *[Ss][Kk][Ii][Pp]/ { skipped++; seen++; next }
		/^not ok( |$)/ && /# *[Tt][Oo][Dd][Oo]/ { skipped++; seen++; next }
		/^ok( |$)/ { passed++; seen++ }
		/^not ok( |$)/ { failed++; seen++ }
		/^1\.\.[0-9]+/ { plan = substr($1, 4); planned = 1; if (/# *[Ss][Kk][Ii][Pp]/) all_skipped = 1 }
		/^Bail out!/ { failed++ }
		END {
			if (!planned || plan + 0 != seen + 0 || (seen + 0 == 0 && !all_skipped)) failed++
			print passed + 0, failed + 0, skipped + 0
		}' "$1"
}

# run_tap NAME COMMAND...: a program that prints TAP, within 15 minutes.
run_tap()
{
	local name=$1 log status from=$SECONDS ok bad left

	shift
	log=$logs/${name//[^a-z0-9_.-]/-}.tap
	run_job timeout -k 10 900 "$@" >"$log" 2>"$log.err" </dev/null
	status=$?
	read -r ok bad left <<<"$(tap_totals "$log")"
	[ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	count "$ok" "$bad" "$left"
	report_totals "$name" "$ok" "$bad" "$left" "$from"
	[ "$bad" -gt 0 ] || return 0
	printf '  ended with %s; %s\n' "$status" "$log"
	# A test within a test is an indented line; why it failed stands below it.
	awk '/^ *not ok/ { print "  " $0; more = 30; next } /^ *(ok|# Subtest)/ { more = 0 }
		more-- > 0 { print "  " $0 }' "$log" | head -n 200
	tail -n 20 "$log.err" | sed 's/^/  /'
}

# report_totals NAME PASSED FAILED SKIPPED SINCE
report_totals()
{
	local text="$2 passed, $3 failed"

	[ "$4" -eq 0 ] || text="$text, $4 skipped"
	printf '%-60s %s (%d s)\n' "$1" "$text" $((SECONDS - $5))
}

# run_step NAME COMMAND...: a command that counts as one test, within 30 minutes.
run_step()
{
	local name=$1 log from=$SECONDS

	shift
	log=$logs/${name//[^a-z0-9_.-]/-}.log
	if run_job timeout -k 10 1800 "$@" >"$log" 2>&1 </dev/null; then
		count 1 0 0
		printf '%-60s ok (%d s)\n' "$name" $((SECONDS - from))
		return 0
	fi
	count 0 1 0
	printf '%-60s FAILED (%d s); %s\n' "$name" $((SECONDS - from)) "$log"
	grep -nE 'error|warning|FAIL|\*\*\*' "$log" | head -n 40 | sed 's/^/  /'
	tail -n 15 "$log" | sed 's/^/  /'
	return 1
}

# A part whose tests cannot be run has failed.
fail_part()
{
	printf '%-60s FAILED: no test was run\n' "$1"
	count 0 1 0
}

# run_node_tests PREFIX FILE...: as many at once as there are cores, each with a stack of its own.
# PREFIX stands before the names of the files in the report.  "http2=FILE": with the simulated platform
# over TLS and HTTP/2.
run_node_tests()
{
	local prefix=$1 file platform number=0

	shift
	[ -f "${1#*=}" ] || { fail_part "$prefix$1"; return; }
	rm -f "$logs"/parallel-*
	for file; do
		[ "$(jobs -rp | wc -l)" -lt "$(nproc)" ] || wait -n
		number=$((number + 1))
		platform=''
		[[ $file != *=* ]] || platform=${file%%=*}
		run_tap_beside "$logs/parallel-$number" "$prefix$file" env "SWITCHBOARD_TEST_PLATFORM=$platform" \
		    node --test-reporter=tap "${file#*=}" &
	done
	wait
	for ((; number > 0; number--)); do
		count_file "$logs/parallel-$number.counts" || fail_part "$prefix"
	done
}

# run_tap_beside REPORT NAME COMMAND...: run_tap in a subshell beside others.  What it prints comes in
# one piece at its end, its counts are in REPORT.counts.
run_tap_beside()
{
	local report=$1

	trap 'end_job; exit 130' TERM
	passed=0 failed=0 skipped=0
	shift
	run_tap "$@" >"$report"
	save_counts "$report.counts"
	cat "$report"
}

# run_unit_tests DIRECTORY NAME: make check there, counted from automake's record of each test.
run_unit_tests()
{
	local dir=$top/$1 name=$2 log=$logs/$2.log from=$SECONDS status ok bad left file

	find "$dir/tests" -name '*.trs' -delete 2>/dev/null
	run_job timeout -k 10 1800 make -C "$dir" -j "$(nproc)" check >"$log" 2>&1 </dev/null
	status=$?
	read -r ok bad left <<<"$(find "$dir/tests" -name '*.trs' -exec cat {} + 2>/dev/null | awk '
		/^:test-result: (PASS|XFAIL)/ { ok++ }
		/^:test-result: (FAIL|XPASS|ERROR)/ { bad++ }
		/^:test-result: SKIP/ { left++ }
		END { print ok + 0, bad + 0, left + 0 }')"
	for file in tests/unit/test_*.c; do
		[ -f "$dir/${file%.c}.trs" ] || { bad=$((bad + 1)); printf '  %s did not run\n' "${file%.c}"; }
	done
	[ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	count "$ok" "$bad" "$left"
	report_totals "$name: make check" "$ok" "$bad" "$left" "$from"
	[ "$bad" -gt 0 ] || return 0
	printf '  ended with %s; %s\n' "$status" "$log"
	grep -E '^(FAIL|ERROR|XPASS):|error:|\*\*\*|AddressSanitizer|runtime error' "$log" | head -n 60 | sed 's/^/  /'
	for file in $(grep -lE '^:test-result: (FAIL|ERROR)' -r "$dir/tests" --include='*.trs' | head -n 5); do
		tail -n 30 "${file%.trs}.log" | sed 's/^/  | /'
	done
}
