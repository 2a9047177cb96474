#!/bin/sh
# The service unit and the socket unit are ones that systemd takes, that the defaults of
# the configuration fit into, and that leave the service no more rights than it needs.
set -eu

: "${srcdir:?the top folder}" "${ECHOD:?the binary}"
analyze=${SYSTEMD_ANALYZE:-systemd-analyze}

command -v "$analyze" >/dev/null || {
	echo "skipped: there is no systemd-analyze here"
	exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unit=$work/echod.service
status=0

fault() {
	echo "$*" >&2
	status=1
}

# An installed tree as far as the units name it.
mkdir "$work/sbin" "$work/etc"
ln -s "$ECHOD" "$work/sbin/echod"
cp "$srcdir/etc/echod.conf" "$work/etc"
cp "$srcdir/systemd/echod.socket" "$work"
sed -e "s|@sbindir@|$work/sbin|g" -e "s|@sysconfdir@|$work/etc|g" \
	"$srcdir/systemd/echod.service.in" >"$unit"
! grep '@' "$unit" | grep -v '^SystemCallFilter=' || fault "what make does not substitute"

# Of all that it says only what is about these units: others may be missing here.
verify() {
	verified=0
	"$analyze" verify --man=no --recursive-errors=no "$unit" "$work/echod.socket" \
		>"$work/out" 2>&1 || verified=$?
	! grep -F "$work/echod." "$work/out" >&2 || fault "systemd-analyze verify, $1: see above"
	[ $verified = 0 ] || {
		cat "$work/out" >&2
		fault "systemd-analyze verify, $1: status $verified"
	}
}

# In tenths; systemd 250 and later can look at a file alone.
score() {
	"$analyze" --help | grep -q -- --offline || return 0
	"$analyze" security --offline=true --threshold="$2" --no-pager "$unit" >"$work/out" 2>&1 || {
		grep '✗' "$work/out" >&2 || :
		tail -n 3 "$work/out" >&2
		fault "systemd-analyze security, $1: the service has too many rights"
	}
}

verify "the service as it is installed"
score "the service as it is installed" 16
mkdir "$unit.d"
cp "$srcdir/systemd/least-privilege.conf" "$unit.d"
verify "with least-privilege.conf"
score "with least-privilege.conf" 6

# value NAME: of the unit.  default OPTION: of the configuration.
value() {
	sed -n "s/^$1=//p" "$unit"
}
default() {
	"$ECHOD" -T -c "$work/etc/echod.conf" | sed -n "s/^[ 	]*$1 = \([0-9]*\).*/\1/p"
}
[ "$(value TimeoutStopSec)" -gt "$(default drain_timeout)" ] ||
	fault "TimeoutStopSec leaves no time for a drain"
[ "$(value LimitNOFILE)" -gt "$(default connections)" ] ||
	fault "LimitNOFILE leaves no room for limits.connections"
# A reload looks at what the next start would read.
[ "$(value ExecReload | sed -n 's/ -t / /p')" = "$(value ExecStart)" ] ||
	fault "ExecReload does not look with the options of ExecStart"

# The sockets are those of the installed listeners, whose names hold for either family.
"$ECHOD" -T -c "$work/etc/echod.conf" | awk '
	$1 == "protocol" { kind = $3 ~ /tcp/ ? "ListenStream=" : "ListenDatagram=" }
	$1 == "address" { address = $3 }
	$1 == "port" && address == "\"*\"" { print kind $3 }
	$1 == "port" && address == "\"localhost\"" { print kind "127.0.0.1:" $3; print kind "[::1]:" $3 }
' | sort >"$work/expected"
grep '^Listen' "$work/echod.socket" | sort >"$work/found"
[ -s "$work/expected" ] || fault "found no listeners in the configuration"
diff -u "$work/expected" "$work/found" >&2 ||
	fault "echod.socket has other sockets than the installed configuration has listeners"
exit $status
