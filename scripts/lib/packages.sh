# Debian's packages: which are missing, and their installation without a change to the services of
# this machine.  Sourced by demo and check; needs messages.sh and jobs.sh.
#
# Reads given_database (without it a PostgreSQL server is needed) and state_dir (for install.log).
# Sets as_root, which is "sudo" for a user who is not root.
#
# The traps of the scripts call restore_services.  report_host_changes says at their end what is
# otherwise than after "apt-get install" by hand, and how to turn it on.
# shellcheck shell=bash

as_root=()
services_are_forbidden=''
main_cluster_is_forbidden=''
nginx_was_there=''
host_changes=() # sentences for report_host_changes
nginx_program=/usr/sbin/nginx
policy_file=/usr/sbin/policy-rc.d
policy_text='#!/bin/sh
# Made by Switchboard while it installs packages, which start no service meanwhile.
exit 101'
cluster_conf=/etc/postgresql-common/createcluster.conf
server_dir=/usr/lib/postgresql

# missing_packages [NAME...]: those that are needed and not there, the named ones among them.
missing_packages()
{
	local packages=(gcc libc6-dev make autoconf automake pkg-config libcurl4-openssl-dev libjansson-dev
		libpq-dev libssl-dev libevent-dev libmicrohttpd-dev libfcgi-dev nginx spawn-fcgi multiwatch
		postgresql-client ca-certificates "$@")

	[ -n "$given_database" ] || packages+=(postgresql)
	command -v dpkg-query >/dev/null || return 0
	# "postgresql" and "postgresql-client" only pull in a version: any installed one will do.
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" \
	    'postgresql-[0-9]*' 'postgresql-client-[0-9]*' pkgconf pkgconf-bin 2>/dev/null |
	awk -v want="${packages[*]}" '
		$1 == "installed" {
			have[$2] = 1
			if ($2 ~ /^postgresql-[0-9]+$/) have["postgresql"] = 1
			if ($2 ~ /^postgresql-client-[0-9]+$/) have["postgresql-client"] = 1
			if ($2 == "pkgconf" || $2 == "pkgconf-bin") have["pkg-config"] = 1
		}
		END {
			n = split(want, names, " ")
			for (i = 1; i <= n; i++) if (!have[names[i]]) printf "%s ", names[i]
		}'
}

# Until restore_services no package starts its service (policy-rc.d is Debian's switch for that).
# A policy that somebody else made stays.
forbid_services()
{
	[ ! -x "$nginx_program" ] || nginx_was_there=1
	# An installation that was killed may have left its policy and its cluster_conf.
	services_are_forbidden=1
	restore_files
	[ ! -e "$policy_file" ] || return 0
	printf '%s\n' "$policy_text" | "${as_root[@]}" tee "$policy_file" >/dev/null &&
		"${as_root[@]}" chmod 755 "$policy_file"
}

# Until restore_services Debian's PostgreSQL makes no database cluster "main".
forbid_main_cluster()
{
	main_cluster_is_forbidden=1
	"${as_root[@]}" cp -p "$cluster_conf" "$cluster_conf.switchboard" &&
		printf 'create_main_cluster = false\n' | "${as_root[@]}" tee "$cluster_conf" >/dev/null
}

restore_files()
{
	[ "$(cat "$policy_file" 2>/dev/null)" != "$policy_text" ] || "${as_root[@]}" rm -f "$policy_file"
	[ ! -e "$cluster_conf.switchboard" ] || "${as_root[@]}" mv "$cluster_conf.switchboard" "$cluster_conf"
}

# Nothing that was not there before starts at boot either.
restore_services()
{
	[ -n "$services_are_forbidden" ] || return 0
	services_are_forbidden=''
	restore_files
	[ -n "$nginx_was_there" ] || keep_nginx_off
	[ -z "$main_cluster_is_forbidden" ] || note_missing_cluster
}

# Debian's package makes nginx start at boot, on port 80.
keep_nginx_off()
{
	[ -x "$nginx_program" ] && command -v systemctl >/dev/null || return 0
	"${as_root[@]}" systemctl disable nginx >>"$state_dir/install.log" 2>&1 &&
		host_changes+=('nginx was installed and does not start at boot; to turn it on: systemctl enable --now nginx')
}

note_missing_cluster()
{
	local servers=("$server_dir"/*/bin/postgres) version

	[ -x "${servers[0]}" ] || return 0
	version=$(printf '%s\n' "${servers[@]#"$server_dir"/}" | sort -V | tail -n 1)
	host_changes+=("PostgreSQL was installed without a cluster of its own; to make one: pg_createcluster ${version%%/*} main --start")
}

# SIGINT stops a download of apt-get at once, but lets dpkg finish: dpkg killed at work has to be
# repaired by hand.  Commands in the background ignore SIGINT unless env gives it back.
apt()
{
	local status

	job_signal=INT
	run_job env --default-signal=INT "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get \
	    -o DPkg::Lock::Timeout=120 "$@" >>"$state_dir/install.log" 2>&1
	status=$?
	job_signal=TERM
	return "$status"
}

become_root()
{
	[ "$(id -u)" -ne 0 ] || return 0
	command -v sudo >/dev/null || die "missing: $* (as root: apt-get install $*)"
	as_root=(sudo)
}

# install_packages NAME...
install_packages()
{
	local status=0

	command -v apt-get >/dev/null || die "missing: $*"
	become_root "$@"
	say "installing $* (log: $state_dir/install.log)"
	apt update || say 'the package lists could not be renewed, trying with the old ones'
	forbid_services
	if [[ " $* " = *" postgresql "* ]]; then
		apt install -y --no-install-recommends postgresql-common && forbid_main_cluster || status=1
	fi
	[ "$status" -ne 0 ] || apt install -y --no-install-recommends "$@" || status=1
	restore_services
	[ "$status" -ne 0 ] || return 0
	tail -n 5 "$state_dir/install.log" >&2
	die "apt-get could not install: $*"
}

# install_missing_packages [NAME...]: the usual ones and those named.
# shellcheck disable=SC2120 # ./check names some
install_missing_packages()
{
	local missing

	missing=$(missing_packages "$@")
	# shellcheck disable=SC2086 # a list of names
	[ -z "$missing" ] || install_packages $missing
}

report_host_changes()
{
	local change

	for change in "${host_changes[@]}"; do
		say "$change"
	done
}
