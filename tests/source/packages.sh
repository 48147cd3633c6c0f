#!/bin/bash
#
# Installing packages leaves the services of the machine as they were.

. "$(dirname -- "${BASH_SOURCE[0]}")/tap.sh"
cd "$top" || exit 1

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"

# An apt-get that notes what packages may do while they are installed, and brings nginx and PostgreSQL.
cat >"$work/bin/apt-get" <<'END'
#!/bin/sh
cd "$HOST" || exit 1
case " $* " in
*" install "*)
	[ -z "$APT_FAILS" ] || exit 100
	{ [ -x policy-rc.d ] && ./policy-rc.d nginx start; echo "services: $?"; cat createcluster.conf; } >>seen
	case " $* " in *" nginx "*) : >nginx; chmod +x nginx ;; esac
	case " $* " in *" postgresql "*) mkdir -p postgresql/15/bin; : >postgresql/15/bin/postgres; chmod +x postgresql/15/bin/postgres ;; esac
	;;
esac
END
printf '#!/bin/sh\necho "$*" >>"$HOST/systemctl"\n' >"$work/bin/systemctl"
chmod +x "$work/bin/apt-get" "$work/bin/systemctl"
export PATH=$work/bin:$PATH HOST=$work/host APT_FAILS=''

new_host()
{
	rm -rf "$HOST"
	mkdir "$HOST"
	printf 'create_main_cluster = true\n' >"$HOST/createcluster.conf"
}

# install_here NAME...: as demo does, on the host of this test, and as any user.
install_here()
(
	. "$top/scripts/lib/messages.sh"
	. "$top/scripts/lib/jobs.sh"
	. "$top/scripts/lib/packages.sh"
	# shellcheck disable=SC2317,SC2329 # called by install_packages
	become_root() { :; }
	# shellcheck disable=SC2034 # packages.sh reads them
	state_dir=$HOST nginx_program=$HOST/nginx policy_file=$HOST/policy-rc.d \
	    cluster_conf=$HOST/createcluster.conf server_dir=$HOST/postgresql given_database=''
	trap 'restore_services; report_host_changes' EXIT
	install_packages "$@"
)

# The policy is gone, the configuration is what it was.
files_are_restored()
{
	same "$(cat "$HOST/createcluster.conf")" 'create_main_cluster = true' &&
		[ ! -e "$HOST/createcluster.conf.switchboard" ] && [ ! -e "$HOST/policy-rc.d" ]
}

said()
{
	grep -qF -- "$1" "$HOST/said" || { cat "$HOST/said"; return 1; }
}

new_host
install_here nginx postgresql 2>"$HOST/said"
check 'while packages are installed no service starts' grep -q '^services: 101$' "$HOST/seen"
check 'and PostgreSQL makes no cluster' grep -q '^create_main_cluster = false$' "$HOST/seen"
check 'afterwards both may again' files_are_restored
check 'nginx that was installed does not start at boot' grep -qx 'disable nginx' "$HOST/systemctl"
check 'which is said, and how to turn it on' said 'systemctl enable --now nginx'
check 'the missing cluster is said, and how to make it' said 'pg_createcluster 15 main --start'

new_host
: >"$HOST/nginx" && chmod +x "$HOST/nginx"
install_here multiwatch 2>"$HOST/said"
check 'nginx that was there is left alone' test ! -e "$HOST/systemctl"
silent 'and nothing is said of it' grep -E 'nginx|PostgreSQL' "$HOST/said"

new_host
APT_FAILS=1 install_here nginx postgresql 2>"$HOST/said"
check 'a failed installation leaves the files as they were' files_are_restored

new_host
printf 'create_main_cluster = false\n' >"$HOST/createcluster.conf"
printf 'create_main_cluster = true\n' >"$HOST/createcluster.conf.switchboard"
(. "$top/scripts/lib/packages.sh" && printf '%s\n' "$policy_text" >"$HOST/policy-rc.d")
install_here postgresql 2>"$HOST/said"
check 'what a killed installation left is put right by the next' files_are_restored

new_host
printf '#!/bin/sh\nexit 104\n' >"$HOST/policy-rc.d"
chmod +x "$HOST/policy-rc.d"
install_here nginx 2>"$HOST/said"
check "somebody's own policy stays" grep -q 'exit 104' "$HOST/policy-rc.d"
tap_done
