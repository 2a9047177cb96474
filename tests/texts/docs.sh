#!/bin/sh
# The manuals, the sample file and --help say what the programs do: their options with
# their defaults, their command lines, counters and reasons. No more and no less.
set -eu

: "${srcdir:?the top folder}" "${ECHOD:?the binary}" "${ECHOD_CLIENT:?the binary}"
man1=$srcdir/man/echod-client.1
man8=$srcdir/man/echod.8
man5=$srcdir/man/echod.conf.5
sample=$srcdir/etc/examples/echod.conf
installed=$srcdir/etc/echod.conf
source=$srcdir/src/daemon
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

# same WHAT-IT-IS EXPECTED FOUND: two files that must be equal, and not empty.
same() {
	if [ ! -s "$2" ]; then
		echo "$1: found nothing to compare with" >&2
		status=1
	elif ! diff -u "$2" "$3" >"$work/diff"; then
		echo "$1:" >&2
		sed -n '3,$p' "$work/diff" >&2
		status=1
	fi
}

# A configuration file as lines "section.option<TAB>value", sorted.
options_of_file() {
	awk '{ sub(/#.*/, "") }
	$NF == "{" { section = $1 "."; next }
	$1 == "}" { section = ""; next }
	$2 == "=" { sub(/[ \t]+$/, ""); value = $0; sub(/^[^=]*= */, "", value)
		print section $1 "\t" value }' | sort
}

# The same of the manual: options by section, with their defaults.
options_of_manual() {
	awk '/^\.Ss/ { section = $3 == "The" || $2 == "The" ? $3 "." : "" }
	/^\.It Ic .* No = / { option = section $3 }
	after { sub(/^\.Li /, ""); sub(/ \.$/, ""); print option "\t" $0 }
	/^There is no default\.$/ { print option "\t-" }
	{ after = $0 == "The default is" }' "$man5" | sed 's/\\(dq/"/g' | sort
}

# --- the configuration's options ---------------------------------------------

echo 'listen only { port = 7 }' >"$work/least.conf"
"$ECHOD" -T -c "$work/least.conf" >"$work/least.dump"
options_of_file <"$work/least.dump" >"$work/defaults"

# Those of protocols without ports besides.
echo 'listen only { protocol = "unix" path = "@echod" }' >"$work/least-unix.conf"
"$ECHOD" -T -c "$work/least-unix.conf" | options_of_file | grep -v '	"unix"$' |
	sort -u - "$work/defaults" >"$work/both"
mv "$work/both" "$work/defaults"

sed 's/^\(listen\.\(port\|path\)	\).*/\1-/' "$work/defaults" >"$work/expected"
options_of_manual >"$work/found"
same "options and defaults in echod.conf(5)" "$work/expected" "$work/found"

# Those that listeners have of the section tls stand there once, without defaults.
sed -n 's/^tls\.\([^	]*\)	.*/\1/p' "$work/defaults" | sort >"$work/expected"
sed -n 's/^\.It Ic \(certificate ,.*\)/\1/p' "$man5" | tr -d ' ' | tr ',' '\n' |
	sort >"$work/found"
same "options of TLS listeners in echod.conf(5)" "$work/expected" "$work/found"

# Those that a reload does not change.
sed -n 's/^	{ "\([a-z_]*\)", "\([a-z_]*\)", [A-Z_]*, ON_RESTART,.*/\1.\2/p' "$source/config/options.c" |
	sed 's/^\.//' | sort >"$work/expected"
awk '/^\.Ss/ { section = $3 == "The" || $2 == "The" ? $3 "." : "" }
/^\.It Ic .* No = / { option = section $3 }
/^Restart\.$/ { print option }' "$man5" | sort >"$work/found"
same "options that need a restart in echod.conf(5)" "$work/expected" "$work/found"
awk '$2 == "{" { section = $1 "." }
$1 == "}" { section = "" }
$2 == "=" { option = section $1 }
/\(restart\)$/ { print option }' "$sample" | sort >"$work/found"
same "options that need a restart in etc/examples/echod.conf" "$work/expected" "$work/found"

# Listeners have no default values of their own in the sample file: their names count.
grep -v '^listen\.' "$work/defaults" >"$work/expected"
options_of_file <"$sample" | grep -v '^listen\.' >"$work/found" || :
same "options and values in etc/examples/echod.conf" "$work/expected" "$work/found"

"$ECHOD" -T -c "$sample" | options_of_file | grep -v '^listen\.' >"$work/found" || :
same "what echod makes of etc/examples/echod.conf" "$work/expected" "$work/found"

sed -n 's/^\(listen\.[^	]*\).*/\1/p' "$work/defaults" >"$work/expected"
# A listener that not everybody wants is proposed only.
sed 's/^#\([a-z	}]\)/\1/' "$sample" >"$work/whole-sample.conf"
options_of_file <"$work/whole-sample.conf" | sed -n 's/^\(listen\.[^	]*\).*/\1/p' |
	uniq >"$work/found"
same "options of listeners in etc/examples/echod.conf" "$work/expected" "$work/found"
"$ECHOD" -t -c "$work/whole-sample.conf" >"$work/verdict" || status=1

# The file that is installed comes to the same as the sample, and what it proposes is right.
"$ECHOD" -T -c "$sample" >"$work/expected"
"$ECHOD" -T -c "$installed" >"$work/found" || :
same "what echod makes of etc/echod.conf" "$work/expected" "$work/found"
sed 's/^#\([a-z]\)/\1/' "$installed" >"$work/proposed.conf"
"$ECHOD" -T -c "$work/proposed.conf" >"$work/proposed" || status=1
! cmp -s "$work/proposed" "$work/found" || {
	echo "etc/echod.conf proposes nothing" >&2
	status=1
}

# --- the command line ----------------------------------------------------------

sed -n "s/^	{ \"\([a-z-]*\)\", [a-z_]*, NULL, '\(.\)' },/-\2 --\1/p
	s/^	{ \"\([a-z-]*\)\", [a-z_]*, NULL, OPTION_[A-Z_]* },/--\1/p" "$source/main.c" |
	sort >"$work/expected"
"$ECHOD" --help >"$work/help"
sed -n 's/^  \(-.\), \(--[a-z-]*\).*/\1 \2/p; s/^      \(--[a-z-]*\) .*/\1/p' "$work/help" |
	sort >"$work/found"
same "options in --help" "$work/expected" "$work/found"

sed -n 's/^\.It Fl \(.\) , Fl -\([a-z-]*\).*/-\1 --\2/p; s/^\.It Fl -\([a-z-]*\).*/--\1/p' "$man8" |
	sort >"$work/found"
same "options in echod(8)" "$work/expected" "$work/found"

sed 's/^-\(.\) .*/\1/; s/^--/-/' "$work/expected" | sort >"$work/letters"
awk '/^\.Sh/ { in_synopsis = $2 == "SYNOPSIS" }
in_synopsis && / ?Fl / { for (i = 1; i <= NF; i++) if ($i ~ /^([A-Za-z]|-[a-z-]+)$/) print $i }' \
	"$man8" | sort -u >"$work/found"
same "options in the synopsis of echod(8)" "$work/letters" "$work/found"

# --- what it logs ----------------------------------------------------------------

# The statistics of one that serves all kinds of listeners: "NAME{LABEL="VALUE",...} NUMBER".
lacking='^$' # the counters of those that there are none of
if "$ECHOD" -V | grep -q ' +openssl' && openssl req -x509 -newkey ec -nodes -subj /CN=echo \
	-pkeyopt ec_paramgen_curve:P-256 -keyout "$work/pem" -out "$work/pem.crt" 2>/dev/null; then
	cat "$work/pem.crt" >>"$work/pem"
	set -- -l tls://127.0.0.1:0 -o "tls.certificate=$work/pem" -o "tls.key=$work/pem"
else
	lacking='^echod_\(certificate\|tls\)_'
	set --
fi
"$ECHOD" -f -c "$work/least.conf" -l tcp://127.0.0.1:0 -l udp://127.0.0.1:0 "$@" 2>"$work/log" &
daemon=$!
tries=0
until grep -q ' serving: ' "$work/log" || [ $tries = 3000 ]; do
	tries=$((tries + 1))
	sleep 0.01
done
kill -USR1 "$daemon"
kill "$daemon" # the other signal is served first: its number is lower
wait "$daemon" || { cat "$work/log" >&2; exit 1; }
sed -n 's/^.* notice: \(\(echod\|process\)_[a-z_]*.*\) [0-9.]*$/\1/p' "$work/log" >"$work/series"

# A counter with its labels: "NAME listener reason". Of a histogram there are two.
sed 's/="[^"]*"//g; s/[{},]/ /g; s/ $//; s/^\([a-z_]*_seconds\)_\(sum\|count\)/\1/' "$work/series" |
	sort -u >"$work/expected"
sed -n 's/^\.It Cm \(\(echod\|process\)_[a-z_]*\)/\1/p' "$man8" |
	sed 's/ Ns Brq Cm / /; s/ , / /g' | grep -v "$lacking" | sort >"$work/found"
same "counters in echod(8)" "$work/expected" "$work/found"

# Those that have a sum are histograms, and said to be.
sed -n 's/^\([a-z_]*\)_sum\({.*\)*$/\1/p' "$work/series" | sort -u >"$work/expected"
awk '/^A histogram/ { print name } { name = $1 == ".It" && $2 == "Cm" ? $3 : "" }' "$man8" |
	sort >"$work/found"
same "histograms in echod(8)" "$work/expected" "$work/found"

sed -n 's/.*reason="\([a-z_]*\)".*/\1/p' "$work/series" | sort -u >"$work/reasons"
[ -s "$work/reasons" ] || { echo "the statistics have no reasons" >&2; status=1; }
while read -r reason; do
	grep -qE "^\.(It )?Cm $reason\$" "$man8" || {
		echo "echod(8) lacks the reason $reason" >&2
		status=1
	}
done <"$work/reasons"

# The events that have fields: "WORDS: NAME=%..." in the source, and an item each in the manual.
find "$srcdir/src/base" "$source" -name '*.c' -exec cat {} + | tr '\n\t' '  ' | sed 's/" *"//g' |
	grep -oE '"[^":%]+: [a-z0-9_]+=%|log_numbers\(LOG_[A-Z]+, "[^"]+"' |
	sed 's/.*"\([^":]*\)[":].*/\1/' | sort -u >"$work/expected"
sed -n '/^These have further members:$/,/^\.El$/s/^\.It Li //p' "$man8" | sort >"$work/found"
same "events with fields in echod(8)" "$work/expected" "$work/found"

# --- the client's command line -----------------------------------------------------

# Options as lines "MODE -c --count", those of all modes as "all ...": --help and the reading
# of command lines are made of the same rows.
"$ECHOD_CLIENT" --help >"$work/help"
awk '/^All modes:/ { mode = "all" }
/^[a-z]+: / { mode = substr($1, 1, length($1) - 1) }
/^  +-/ { print mode, ($1 ~ /,$/ ? substr($1, 1, 2) " " $2 : $1) }' "$work/help" |
	sort >"$work/expected"

client_options_of_manual() {
	awk '/^\.Sh/ { mode = $2 == "OPTIONS" ? "all" : tolower($2) }
	/^\.It Fl . , Fl -/ { print mode, "-" $3, "-" $6 }
	/^\.It Fl -/ { print mode, "-" $3 }' "$man1"
}
client_options_of_manual | sort >"$work/found"
same "options in echod-client(1)" "$work/expected" "$work/found"

# Lines "MODE -i 1" of the options that have a default.
awk '/^All modes:/ { mode = "all" }
/^[a-z]+: / { mode = substr($1, 1, length($1) - 1) }
/ \(default / { print mode, ($1 ~ /^--/ ? $1 : substr($1, 1, 2)), substr($NF, 1, length($NF) - 1) }' "$work/help" |
	sort >"$work/defaults"
awk '/^\.Sh/ { mode = $2 == "OPTIONS" ? "all" : tolower($2) }
/^\.It/ { option = "-" $3 }
/^The default is / { print mode, option, substr($4, 1, length($4) - 1) }' "$man1" |
	sort >"$work/found"
same "defaults in echod-client(1)" "$work/defaults" "$work/found"

# In the synopsis each mode has its own options and those of all, but for -V and -h.
for mode in ping pipe send bench mtu; do
	echo "$mode -V"
	echo "$mode -h"
	sed -nE "s/^(all|$mode) -/$mode -/p" "$work/expected" | cut -d ' ' -f 1,2
done | sort | uniq -u >"$work/letters"
awk '/^\.Sh/ { in_synopsis = $2 == "SYNOPSIS" }
!in_synopsis { next }
/ Cm / || /^\.Cm/ { mode = $NF }
/^\.Fl V/ { mode = "" }
mode != "" && /^\.Op Fl/ {
	if ($3 ~ /^-/) print mode, "-" $3
	else for (i = 1; i <= length($3); i++) print mode, "-" substr($3, i, 1)
}
mode != "" && /^\.Fl -/ { print mode, "-" $2 }' "$man1" | sort -u >"$work/found"
same "options in the synopsis of echod-client(1)" "$work/letters" "$work/found"

# --- their form --------------------------------------------------------------------

if command -v "${MANDOC:-mandoc}" >/dev/null; then
	"${MANDOC:-mandoc}" -T lint -W warning "$man1" "$man5" "$man8" >&2 || status=1
fi
exit $status
