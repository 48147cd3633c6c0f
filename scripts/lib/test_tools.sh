# What the tests need besides what ./demo needs.  Sourced by check; needs packages.sh, database.sh
# (for postgres_bin) and test_results.sh.
#
# Reads top and parts, the parts of ./check that will run.
# shellcheck shell=bash

modules_failed=''

is_wanted()
{
	[[ " ${parts[*]} " = *" $1 "* ]]
}

install_tools()
{
	local tools=(libcmocka-dev clang clang-format shellcheck faketime openssl curl procps git xz-utils)

	node_is_recent || tools+=(nodejs npm)
	! is_wanted browser || command -v chromium >/dev/null || tools+=(chromium)
	! is_wanted unit || tools+=(valgrind libc6-dbg)
	! is_wanted fuzz || tools+=(libclang-rt-dev)
	install_missing_packages "${tools[@]}"
	# For the installed version of PostgreSQL.
	install_missing_packages "postgresql-$(basename "$(dirname "$(postgres_bin /nonexistent)")")-pgtap"
}

node_is_recent()
{
	command -v npm >/dev/null && node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)' 2>/dev/null
}

# Playwright and the vendor's clients, for the tests in node; tried once.
install_modules()
{
	local stamp=$top/tests/node_modules/.package-lock.json

	[ -z "$modules_failed" ] || return 1
	[ ! "$stamp" -nt "$top/tests/package-lock.json" ] || return 0
	run_step 'npm ci' npm ci --prefix "$top/tests" --no-audit --no-fund --ignore-scripts ||
		{ modules_failed=1; return 1; }
	touch "$stamp"
}
