#!/bin/sh
# The service unit is one that systemd takes, that the defaults of the configuration fit
# into, and that leaves the service no more rights than it needs.
set -eu

: "${srcdir:?the top folder}" "${ECHOD:?the binary}"
unit_in=$srcdir/systemd/echod.service.in
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

# An installed tree as far as the unit names it.
mkdir "$work/sbin" "$work/etc"
ln -s "$ECHOD" "$work/sbin/echod"
cp "$srcdir/etc/echod.conf" "$work/etc"
sed -e "s|@sbindir@|$work/sbin|g" -e "s|@sysconfdir@|$work/etc|g" "$unit_in" >"$unit"
! grep '@' "$unit" | grep -v '^SystemCallFilter=' || fault "what make does not substitute"

# Of all that it says only what is about this unit: others may be missing here.
verified=0
"$analyze" verify --man=no --recursive-errors=no "$unit" >"$work/out" 2>&1 || verified=$?
! grep -F "$unit" "$work/out" >&2 || fault "systemd-analyze verify: see above"
[ $verified = 0 ] || {
	cat "$work/out" >&2
	fault "systemd-analyze verify: status $verified"
}

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

# In tenths; systemd 250 and later can look at a file alone.
if "$analyze" --help | grep -q -- --offline; then
	"$analyze" security --offline=true --threshold=16 --no-pager "$unit" >"$work/out" 2>&1 || {
		grep '✗' "$work/out" >&2 || :
		tail -n 3 "$work/out" >&2
		fault "systemd-analyze security: the unit leaves too many rights"
	}
fi
exit $status
