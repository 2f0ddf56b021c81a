#!/bin/sh
# layers.sh - prove that the walls between the folders of src/ stand
#
# usage: tests/layers.sh BUILD COMPILE...
#
# A folder includes only from itself and from those above it in the list; the
# core (base to edit) calls nothing that does I/O, logs, ends the process or
# makes threads, and holds no data that changes; libmilter, libconfuse and
# syslog are each used in one place; every header compiles alone.
set -u

build=$1
shift
folders="base mail bounce cause explain edit app daemon cli"
core="base mail bounce cause explain edit"
n=0
bad=0

result() {	# name, complaints
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "$2" | sed 's/^/# /'
		bad=1
	fi
}

# Includes of a folder that are not from it or from above.
above=
for folder in $folders; do
	above="$above $folder"
	[ "$folder" != cli ] || above="$core app cli"
	pattern=$(echo $above | tr ' ' '|')
	result "src/$folder includes only what lies below it" "$(
	    grep -Hn '^#include "' src/$folder/*.[ch] |
	    grep -v -E "#include \"($pattern)/")"
done

only_in() {	# header, folder
	result "only src/$2 includes <$1>" "$(
	    grep -ln "#include <$1>" -r src | grep -v "^src/$2/")"
}
only_in libmilter/mfapi.h daemon
only_in confuse.h app
only_in yajl/yajl_gen.h cli

forbidden='smfi_|cfg_|yajl_|syslog|openlog|exit|_exit|abort|printf|fprintf|vfprintf|puts|putchar|fputs|fwrite|perror|fopen|open|read|write|socket|connect|system|popen|fork|execv|getenv|setlocale|localtime|gmtime|strtok|strerror|pthread_|rand|random|time'
result "the core does no I/O, logs nothing and makes no threads" "$(
    nm -u "$build/libwhybounce.a" | awk '{ print $2 }' | sed 's/@.*//' |
    sort -u | grep -x -E "($forbidden)|(smfi_|cfg_|yajl_|pthread_).*")"
result "the core has no data that changes" "$(
    size -A "$build/libwhybounce.a" |
    awk '/\(ex / { file = $1 } ($1 == ".data" || $1 == ".bss") && $2 > 0 {
	print file, $1, $2 }')"

complaints=
for header in src/*/*.h; do
	out=$("$@" -Wno-pedantic -fsyntax-only -x c "$header" 2>&1) ||
	    complaints="$complaints$header: $out
"
done
result "every header compiles alone" "$complaints"

# A file of the core that is documented nowhere cannot be used rightly.
complaints=
for header in src/*/*.h; do
	grep -q '^/\*' "$header" || complaints="$complaints$header "
done
result "every header says what it promises" "$complaints"

echo "1..$n"
exit $bad
