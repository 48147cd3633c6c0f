# Secrets in $live_dir/secrets, made on the first start and used by all later ones.
# Sourced by demo and check; needs messages.sh and state.sh.
#
# The service user reads and writes them itself: root never follows a path in that user's folders.
# Reads given_database and simulated ("yes" with the simulated platform).
# Sets seal_file, client_file (names below secrets/; client_file is empty without a client secret),
# app_id, client_id, and password (of each database role).
# shellcheck shell=bash

declare -A password=()

# put_secret NAME: the content comes by standard input.
put_secret()
{
	as_service sh -c 'umask 077; cat >"$0.new" && mv "$0.new" "$0"' "$live_dir/secrets/$1" ||
		die "cannot write $live_dir/secrets/$1"
}

# Several at once: lines "NAME CONTENT" by standard input.
put_secrets()
{
	as_service sh -c 'umask 077; cd "$0" && while read -r name content; do
		printf "%s\n" "$content" >"$name.new" && mv "$name.new" "$name" || exit
	done' "$live_dir/secrets" || die "cannot write to $live_dir/secrets"
}

# get_secrets NAME...: such lines for those that are there, with the first line of each.
get_secrets()
{
	as_service sh -c 'cd "$0" && for name; do
		[ -s "$name" ] || continue
		# Without a line feed at its end "read" fails, although it has read.
		read -r content <"$name" || [ -n "$content" ] || exit
		printf "%s %s\n" "$name" "$content"
	done' "$live_dir/secrets" "$@" || die "cannot read from $live_dir/secrets"
}

random_hex()
{
	head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'
}

random_uuid()
{
	cat /proc/sys/kernel/random/uuid
}

random_seal_key()
{
	printf 'k1:%s' "$(head -c 32 /dev/urandom | base64)"
}

# make_secrets MAKER NAME...: those that are not there yet, each from one run of MAKER.
make_secrets()
{
	local maker=$1 there name

	shift
	there=$(get_secrets "$@") || exit 1
	for name; do
		[[ $'\n'$there = *$'\n'"$name "* ]] || printf '%s %s\n' "$name" "$("$maker")"
	done | put_secrets
}

# take_given_secret VARIABLE NAME: put what VARIABLE or the file named by VARIABLE_FILE holds where
# the programs can read it.  Fails when neither was given to the script.
take_given_secret()
{
	local variable=$1 file=$1_FILE

	if [ -n "${!variable:-}" ]; then
		printf '%s\n' "${!variable}" | put_secret "$2"
	elif [ -n "${!file:-}" ]; then
		put_secret "$2" <"${!file}"
	else
		return 1
	fi
}

# shellcheck disable=SC2034 # programs.sh reads them
prepare_secrets()
{
	seal_file=given-seal-keys client_file=given-client-secret
	app_id=${SWITCHBOARD_APP_ID:-} client_id=${SWITCHBOARD_CLIENT_ID:-}
	if ! take_given_secret SWITCHBOARD_SEAL_KEYS given-seal-keys; then
		seal_file=seal-keys
		make_secrets random_seal_key seal-keys
	fi
	if ! take_given_secret SWITCHBOARD_CLIENT_SECRET given-client-secret; then
		client_file=${simulated:+client-secret}
		[ -z "$simulated" ] || make_secrets random_hex client-secret
	fi
	if [ -n "$simulated" ]; then
		make_secrets random_uuid app-id client-id
		read_ids
	fi
	[ -n "$given_database" ] || prepare_passwords
}

# Those that were given to the script come first.
read_ids()
{
	local name value

	while read -r name value; do
		case $name in
		app-id) : "${app_id:=$value}" ;;
		client-id) : "${client_id:=$value}" ;;
		esac
	done < <(get_secrets app-id client-id)
}

# One for each database role: "owner" and the programs.
prepare_passwords()
{
	local name value

	make_secrets random_hex "${roles[@]/#/database-}"
	while read -r name value; do
		password[${name#database-}]=$value
	done < <(get_secrets "${roles[@]/#/database-}")
}
