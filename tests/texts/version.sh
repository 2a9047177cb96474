#!/bin/sh
# The version stands in configure.ac.  Whoever raises it is told here which other files have to
# follow: NEWS.md with what is new, debian/changelog, and the texts that show what echod says.
set -eu

: "${srcdir:?the top folder}" "${ECHOD:?the binary}" "${ECHOD_CLIENT:?the binary}"
status=0

fault() {
	echo "$*" >&2
	status=1
}

version=$(sed -n 's/^AC_INIT(\[echod\], \[\([^]]*\)\].*/\1/p' "$srcdir/configure.ac")
[ -n "$version" ] || fault "configure.ac: found no version"

# is WHERE FOUND
is() {
	[ "$2" = "$version" ] || fault "$1: has ${2:-no version}, configure.ac has $version"
}

is "$ECHOD -V" "$("$ECHOD" -V | cut -d ' ' -f 2)"
is "$ECHOD_CLIENT -V" "$("$ECHOD_CLIENT" -V | cut -d ' ' -f 2)"
is "NEWS.md, its first heading" "$(sed -n 's/^## //p' "$srcdir/NEWS.md" | head -n 1)"

# Not in the tarball: the package is made from it.
changelog=$srcdir/debian/changelog
[ ! -f "$changelog" ] ||
	is "debian/changelog, its first entry" "$(sed -n '1s/^echod (\(.*\)-[^-]*) .*/\1/p' "$changelog")"

# Nor is this: what an upgrade may hand over is what the new version can take.
postinst=$srcdir/debian/echod.postinst
parcel=$(sed -n 's/^#define PARCEL_VERSION //p' "$srcdir/src/daemon/handover/parcel.h")
[ ! -f "$postinst" ] || [ "$(sed -n 's/^# .* parcel of version \([0-9]*\),.*/\1/p' "$postinst")" = "$parcel" ] ||
	fault "debian/echod.postinst: is not for parcel $parcel; see which version has it first"

# "echod 1.2.3 serving", "localhost/echod:1.2.3": what is shown is what it says. One line for each.
shown=$(cd "$srcdir" && grep -noE 'echod(-client)?[ :][0-9]+\.[0-9]+\.[0-9]+' README.md man/*.[0-9] \
	container/kubernetes/*/*.yaml | tr : ' ')
[ -n "$shown" ] || fault "README.md and man/: found no version"
while IFS= read -r line; do
	is "${line% *}" "${line##* }"
done <<END
$shown
END
exit $status
