#!/bin/sh
# The comparison still runs: the peers of bench/ and echod under the load of echod-client bench, too
# briefly for figures, but every byte that comes back is verified.
set -eu

: "${srcdir:?the top folder}"
folder=$(mktemp -d)
out=$folder/output
trap 'rm -rf "$folder"' EXIT
peers=epoll,libevent,libuv,io_uring,go,node,select.py,recvfrom,recvmsg,recvmmsg
workloads=stream-64,cycles,unix-64,udp-1400
# Of these none may be left out: they are built wherever echod is.
needed='epoll libevent recvfrom recvmsg recvmmsg'
rows='64 B x 64 connections|64 B x 64, Unix'
if [ -x bench/peers/tls_epoll ]; then
	peers=$peers,tls_epoll,tls_libevent
	workloads=$workloads,tls-64,tls-1m,tls-handshake
	needed="$needed tls_epoll"
	rows="$rows|64 B x 64, TLS"
fi

"${PYTHON3:-python3}" "$srcdir/bench/run.py" --build . --pairs 1 --seconds 0.1 --peers "$peers" \
	--only "$workloads" --json "$folder/run.json" >"$out" || {
	cat "$out" >&2
	exit 1
}

# A "-" is no figure.
for peer in $needed; do
	if ! grep -qE "^$peer +[0-9]" "$out" || grep -qE "^$peer +-" "$out"; then
		echo "no figures for $peer:" >&2
		cat "$out" >&2
		exit 1
	fi
done

# What was found is told in the tables of bench/README.md.
"${PYTHON3:-python3}" "$srcdir/bench/tables.py" "$folder" >"$out"
IFS='|'
for row in $rows; do
	if ! grep -qE "^\| $row \| [0-9]" "$out"; then
		echo "no row for $row:" >&2
		cat "$out" >&2
		exit 1
	fi
done
