#!/bin/bash
#
# The units for systemd: what they may do, and which secrets each program is handed.

. "$(dirname -- "${BASH_SOURCE[0]}")/tap.sh"
cd "$top" || exit 1

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# As installed, with programs that do nothing.
install_units()
{
	local unit name

	mkdir -p "$work/units" "$work/libexec/switchboard" "$work/bin"
	cp -r deploy/switchboard.target deploy/*.socket deploy/switchboard-.service.d "$work/units"
	for unit in deploy/*.service.in; do
		name=${unit##*/}
		sed -e "s|@libexecdir@|$work/libexec|; s|@bindir@|$work/bin|" "$unit" >"$work/units/${name%.in}"
	done
	for name in libexec/switchboard/{oauth,webhook,dashboard}.fcgi bin/switchboard-{events,worker}; do
		ln -s /bin/true "$work/$name"
	done
}

# secrets PROGRAM: the names that its unit hands over.
secrets()
{
	sed -n 's/^LoadCredential=\([^:]*\):.*/\1/p' deploy/switchboard-"$1"[@.]*service.in | sort | tr '\n' ' '
}

has_secrets()
{
	local program=$1 found

	shift
	found=$(secrets "$program")
	[ "$found" = "$* " ] || { echo "$program gets: $found"; return 1; }
}

# Every credential becomes a variable, and none stands in a variable itself.
loose_secrets()
{
	local unit name

	for unit in deploy/*.service.in; do
		for name in $(sed -n 's/^LoadCredential=\([^:]*\):.*/\1/p' "$unit"); do
			grep -qE "^Environment=.*_FILE=%d/$name( |$)" "$unit" || echo "$unit: $name is in no variable"
		done
		grep -HnE '(DATABASE_URL|CLIENT_SECRET|SEAL_KEYS)=' "$unit"
	done
}

unlisted_units()
{
	local file

	for file in deploy/*.in deploy/*.target deploy/*.socket deploy/*.sysusers deploy/*.tmpfiles deploy/*.d/*; do
		grep -qF "$file" deploy/local.mk || echo "$file is not in deploy/local.mk"
	done
}

for program in webhook dashboard events; do
	check "$program is handed its database's address only" has_secrets "$program" database-url
done
for program in oauth worker; do
	check "$program is handed the client's secret and the seal keys too" \
	    has_secrets "$program" client-secret database-url seal-keys
done
silent 'secrets are files, never values of variables' loose_secrets
silent 'every unit is listed' unlisted_units

if command -v systemd-analyze >/dev/null; then
	install_units
	# Before the system's own units, which they name.
	export SYSTEMD_UNIT_PATH=$work/units:
	for unit in switchboard.target switchboard-{oauth,webhook,dashboard}.socket \
	    switchboard-{oauth,webhook,dashboard}@1.service switchboard-{events,worker}.service; do
		silent "systemd takes $unit" systemd-analyze verify --man=no --recursive-errors=no "$work/units/$unit"
	done
	for unit in switchboard-{oauth,webhook,dashboard}@1.service switchboard-{events,worker}.service; do
		check "$unit is confined (exposure at most 1.5 of 10)" \
		    systemd-analyze security --offline=yes --threshold=15 --no-pager "$unit"
	done
fi
tap_done
