#!/bin/bash
#
# A file includes only headers of its own folder and of folders below it, and each library has one door.

. "$(dirname -- "${BASH_SOURCE[0]}")/tap.sh"
cd "$top" || exit 1

# Lowest first; the four programs' folders on one line do not include each other.
folders=('base' 'formats' 'net' 'db' 'smartthings' 'store' 'web stream worker admin' 'cgi-bin')

# Is the file in a folder, not directly in src/?
outside_folders()
{
	find src -maxdepth 1 -name '*.[ch]'
}

# The height of a folder in $height; fails for a name that is not one.
find_height()
{
	for height in "${!folders[@]}"; do
		[[ " ${folders[height]} " != *" $1 "* ]] || return 0
	done
	return 1
}

wrong_includes()
{
	local file folder included own

	for file in src/*/*.[ch] cgi-bin/*.[ch]; do
		folder=${file#src/} folder=${folder%%/*}
		find_height "$folder" || { echo "$file: $folder is no folder of the design"; continue; }
		own=$height
		while IFS='"' read -r _ included _; do
			find_height "${included%%/*}" || { echo "$file includes $included: name its folder"; continue; }
			[ "$height" -lt "$own" ] || [ "${included%%/*}" = "$folder" ] ||
				echo "$file includes $included, which is not below $folder"
		done < <(grep '^#include "' "$file")
	done
}

# A header that leads back to itself: its module's .c includes another module's header, and so on round.
include_circles()
{
	for file in src/*/*.[ch]; do
		sed -n 's/^#include "\([^"]*\)\.h".*/\1/p' "$file" | while read -r included; do
			module=${file#src/}
			[ "${module%.[ch]}" = "$included" ] || echo "${module%.[ch]} $included"
		done
	done | sort -u | tsort 2>&1 >/dev/null | sed 's/^tsort: //'
}

# wrong_doors HEADER FILE...: files that include the library's header, but may not.
wrong_doors()
{
	local header=$1 file

	shift
	grep -lE "^#include <$header" src/*/*.[ch] cgi-bin/*.[ch] | while read -r file; do
		for door; do
			# shellcheck disable=SC2053
			[[ $file != $door ]] || continue 2
		done
		echo "$file includes <$header…>"
	done
}

silent 'every source is in a folder' outside_folders
silent 'a file includes its own folder and folders below only' wrong_includes
silent 'no two modules include each other, directly or in a circle' include_circles
silent 'libfcgi is behind net/' wrong_doors fcgi 'src/net/serve.*' 'src/net/exchange.*' 'src/net/request.*'
silent 'libcurl is behind net/client, its URL parser behind formats/url' wrong_doors curl/ 'src/net/client*' 'src/formats/url.*'
silent 'libpq is behind db/' wrong_doors libpq 'src/db/*'
silent 'OpenSSL is behind base/secret, formats/seal and formats/httpsig' \
	wrong_doors openssl/ 'src/base/secret.*' 'src/formats/seal.*' 'src/formats/httpsig*'
silent 'libevent is behind stream/main, stream/server and stream/stream' wrong_doors '(microhttpd|event2/)' \
	'src/stream/main.*' 'src/stream/server.*' 'src/stream/stream.*'
silent 'Jansson is behind formats/json, smartthings/ and the answers made of JSON' wrong_doors jansson \
	'src/formats/json.*' 'src/smartthings/*' 'src/net/response.*' 'src/store/switch.*' 'src/worker/*' 'src/stream/*'
silent 'the simulator shares no code with what it tests' \
	grep -nE '#include "(\.\.|base|formats|net|db|smartthings|store|web)/' -r tests/simulator --include='*.[ch]'
tap_done
