#!/bin/bash
#
# A module includes only its own layer and lower ones, and each library has one door.

. "$(dirname -- "${BASH_SOURCE[0]}")/tap.sh"
cd "$top" || exit 1

layers=(
	'err log arena sbuf secret clock failpoint'
	'utf8 base64 url uuid cookie html user_agent jsonx httpsig httpsig_key oauth event device cursor'
	'config request response serve serve_* client client_* db db_* stmt'
	'store_* platform keycache session publish confirmation switch_json'
	'events events_* worker worker_*'
)

# The layer of a file, in $layer.
find_layer()
{
	local name=${1##*/} pattern

	layer=4
	[[ $1 != cgi-bin/* ]] || return 0
	for layer in "${!layers[@]}"; do
		for pattern in ${layers[layer]}; do
			# shellcheck disable=SC2053 # a pattern it is
			[[ ${name%.[ch]} != $pattern ]] || return 0
		done
	done
	return 1
}

wrong_includes()
{
	local file other own

	for file in src/*.[ch] cgi-bin/*.[ch]; do
		find_layer "$file" || echo "$file: name its layer in tests/source/layers.sh"
		own=$layer
		while IFS='"' read -r _ other _; do
			[ -f "src/$other" ] || continue
			find_layer "src/$other"
			[ "$layer" -le "$own" ] || echo "$file (layer $own) includes $other (layer $layer)"
		done < <(grep '^#include "' "$file")
	done
}

# wrong_doors HEADER FILE...: files that include the library's header, but may not.
wrong_doors()
{
	local header=$1 file

	shift
	grep -lE "^#include <$header" src/*.[ch] cgi-bin/*.[ch] | while read -r file; do
		for door; do
			# shellcheck disable=SC2053
			[[ $file != $door ]] || continue 2
		done
		echo "$file includes <$header…>"
	done
}

silent 'a module includes its own layer and lower ones only' wrong_includes
silent 'libfcgi is behind serve and request' wrong_doors fcgi 'src/serve.*' 'src/serve_*'
silent 'libcurl is behind client' wrong_doors curl/ 'src/client.*' 'src/client_*'
silent 'libpq is behind db' wrong_doors libpq 'src/db.*' 'src/db_*'
silent 'OpenSSL is behind secret and httpsig' wrong_doors openssl/ 'src/secret.*' 'src/httpsig_key.*'
silent 'libmicrohttpd is behind the streamer' wrong_doors microhttpd 'src/events*'
silent 'Jansson is behind jsonx, the parsers and the answers made of JSON' wrong_doors jansson \
	'src/jsonx.*' 'src/oauth.*' 'src/event.*' 'src/device.*' 'src/platform.*' 'src/response.*' 'src/switch_json.*' \
	'src/worker_*' 'src/events_*'
silent 'the simulator shares no code with what it tests' \
	grep -nE '#include "\.\./|#include "(err|log|sbuf|arena|httpsig|jsonx)\.h"' -r tests/simulator --include='*.[ch]'
tap_done
