# What the scripts share: the system's packages, and a build folder outside of the tree.
# To be sourced by bash, in the top folder.
# shellcheck shell=bash disable=SC2034  # read by the scripts that source this one

build_packages=(gcc libc6-dev make autoconf automake pkg-config
	libevent-dev libconfuse-dev libjansson-dev libcap-dev libseccomp-dev libssl-dev
	libsystemd-dev)
# With what openbsd-inetd needs, which is unpacked only: see tools/bench.
bench_packages=(libuv1-dev liburing-dev gnuplot-nox valgrind socat ncat python3 util-linux
	libbsd0 libtirpc3 libwrap0 openssl)
test_packages=(check python3-pytest python3-jsonschema mandoc systemd iproute2 nftables libfaketime procps strace tmux util-linux
	curl ncat openssl socat gnutls-bin liblua5.3-0 libopentracing-c-wrapper0 libwrap0)
# Proxies that the tests speak through, unpacked only: what they need is above.
proxy_packages=(haproxy nginx libnginx-mod-stream stunnel4)
# What looks for weaknesses of TLS.
scanner_packages=(testssl.sh sslscan)
# Scrapes echod in the tests, and checks what we tell it; unpacked as well.
prometheus_packages=(prometheus)
# What builds an image, and what runs one.
image_packages=(buildah binutils dpkg-dev git python3)
container_packages=(podman catatonit runc conmon netavark aardvark-dns iptables)
fleet_packages=(nftables python3 openssl iproute2)
# Of npm, for Node.js: models of Kubernetes with their schemas and types, and what reads YAML.
node_packages=(@kubernetes-models/validate@5.0.2 kubernetes-models@5.1.0
	@kubernetes-models/prometheus-operator@6.0.0 typescript@7.0.2 yaml@2.9.1)
# Shows the status page in the tests.
browser_packages=(chromium chromium-driver pngquant)
# The run-time libraries of clang's sanitizers and libFuzzer are only recommended by it.
fuzz_packages=(check clang libclang-rt-dev llvm)
# Beyond build_packages, what debian/control names, and what every Debian package needs.
deb_packages=(build-essential debhelper libseccomp-dev check openssl python3-pytest mandoc)

say() {
	printf '%s\n' "$@"
}

die() {
	printf '%s: %s\n' "$0" "$*" >&2
	exit 1
}

# install_packages NAME...: installs those that are missing. Root is needed only then.
install_packages() {
	local name missing=() as_root=()

	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		say "No apt-get here: what follows needs the equivalents of" "  $*"
		return
	fi
	for name; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
			missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null ||
			die "install as root first: apt-get install ${missing[*]}"
		as_root=(sudo)
	fi
	say "Installing:" "${missing[@]/#/  }"
	"${as_root[@]}" apt-get update -qq
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# unpack_packages FOLDER NAME...: puts the files of these below FOLDER, once. Installed ones would
# be services, which are started.
unpack_packages() {
	local folder=$1

	shift
	[ "$(cat "$folder/names" 2>/dev/null)" != "$*" ] && command -v apt-get >/dev/null || return 0
	rm -rf "$folder.part"
	mkdir -p "$folder.part"
	if (cd "$folder.part" && apt-get download -qq "$@" &&
		for package in *.deb; do dpkg -x "$package" . || exit; done && echo "$*" >names); then
		rm -rf "$folder"
		mv "$folder.part" "$folder"
	else
		say "These cannot be had, what needs them is left out:" "${@/#/  }"
	fi
}

# install_node_packages FOLDER NAME...: puts these below FOLDER, once.
install_node_packages() {
	local folder=$1

	shift
	command -v npm >/dev/null || install_packages nodejs npm
	[ "$(cat "$folder/names" 2>/dev/null)" != "$*" ] || return 0
	rm -rf "$folder"
	mkdir -p "$folder"
	echo '{"private":true}' >"$folder/package.json"
	quietly "$folder/npm.output" npm install --prefix "$folder" --no-package-lock --no-audit \
		--no-fund --loglevel=error "$@"
	echo "$*" >"$folder/names"
}

# quietly LOG COMMAND...: its output goes to LOG, and is shown where it fails.
quietly() {
	local log=$1

	shift
	"$@" >"$log" 2>&1 && return
	tail -n 40 "$log" >&2
	die "failed: $* (all of its output: $log)"
}

# digest_of ARCHIVE: prints the digest of the manifest of an OCI image.
digest_of() {
	tar -xOf "$1" index.json | grep -o 'sha256:[0-9a-f]*'
}

make_configure() {
	if [ ! -x configure ] || [ ! -f Makefile.in ] || [ configure.ac -nt configure ]; then
		autoreconf -fi
	fi
}

# configure_in FOLDER [ARGUMENT...]: configures there, or leaves what was configured
# with the same arguments: make itself sees to changes of the tree.
configure_in() {
	local folder=$1 top=$PWD arguments

	shift
	arguments=$(printf '%s\n' "$@")
	mkdir -p "$folder"
	quietly "$folder/autoreconf.log" make_configure
	if [ -f "$folder/Makefile" ] && [ -f "$folder/configure.arguments" ] &&
		[ "$(cat "$folder/configure.arguments")" = "$arguments" ]; then
		return
	fi
	rm -f "$folder/configure.arguments"
	(cd "$folder" && quietly configure.output "$top/configure" "$@")
	make -s -C "$folder" clean >/dev/null
	printf '%s\n' "$arguments" >"$folder/configure.arguments"
}
