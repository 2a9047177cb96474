"""The PROXY protocol: who a proxy says that it is, is who connects; nobody else may say it."""

import re
import time

import kernel
import peers
import proxying
import pytest
from echod import listener
from patience import SLOWNESS, eventually, within

TRUSTED = {"proxy_protocol": True, "trusted_proxies": ["127.0.0.1"]}
SERVED = (listener(**TRUSTED),)
TLS = proxying.tlv(0x20, b"\1\0\0\0\0" + proxying.tlv(0x21, b"TLSv1.3"))

BROKEN = {
    "signature": [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\0", proxying.SIGNATURE[:11] + b"!"],
    "line": [
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1  2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
        b"PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 080 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2  2\r\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        b"PROXY TCP6 fe80::1%lo fe80::2 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\0\r\n",
        b"PROXY UNKNOWNX\r\n",
        b"PROXY UNKNOWN " + 92 * b"x" + b"\r\n",
    ],
    "version": [proxying.block(proxying.ends(), 0x11, proxying.TCP4)],
    "command": [proxying.block(proxying.ends(), 0x22, proxying.TCP4)],
    "family": [proxying.block(proxying.ends(), family=0x41)],
    "length": [proxying.block(proxying.ends()[:11], family=proxying.TCP4)],
    "tlv": [proxying.told(tlvs=b"\x04\0\x01")],
    "checksum": [proxying.told(tlvs=proxying.tlv(3, b"\0\0\0\0"))],
}


def refused(reason):
    return f'echod_connections_refused_total{{listener="echo-tcp",reason="{reason}"}}'


def headers(kind):
    return f'echod_proxy_headers_total{{listener="echo-tcp",kind="{kind}"}}'


def behind(daemon, header, **where):
    """A connection that begins with `header`."""
    peer = daemon.connect(**where)
    peer.sendall(header)
    return peer


@pytest.mark.parametrize("source", ["192.0.2.1", "2001:db8::1"])
@pytest.mark.parametrize("version", [1, 2])
def test_who_is_told_is_who_connects(start, back_end, source, version):
    daemon = start(SERVED, back_end)
    peer = behind(daemon, proxying.line(source) if version == 1 else proxying.told(source))
    peers.echo(peer, b"through a proxy")
    name = f"[{source}]:1024" if ":" in source else f"{source}:1024"
    daemon.wait_log(
        rf"^info: connection opened: peer={re.escape(name)} "
        rf"proxy={re.escape(peers.name_of(peer))} listener=echo-tcp$"
    )
    peer.close()
    fields = daemon.wait_closed(name)
    assert fields["received"] == fields["sent"] == "15"
    assert fields["reason"] == "peer"
    daemon.wait_counter(headers("proxied"), 1)


@pytest.mark.parametrize("header", [proxying.line(), proxying.told(tlvs=TLS)])
def test_what_follows_in_the_same_segment_is_echoed(start, back_end, header):
    peer = behind(start(SERVED, back_end), header + b"at once")
    peers.assert_same(peers.receive(peer, 7), b"at once")
    peers.echo(peer, peers.payload(100000))


@pytest.mark.parametrize("header", [proxying.line(), proxying.told(tlvs=TLS)])
def test_a_header_may_come_byte_by_byte(start, header):
    daemon = start(SERVED)
    peer = daemon.connect()
    for byte in header:
        peer.sendall(bytes([byte]))
    peers.echo(peer, b"whole at last")
    daemon.wait_log(r"^info: connection opened: peer=192\.0\.2\.1:1024 ")


def test_the_longest_header_is_skipped_by_its_length(start):
    longest = proxying.told(tlvs=proxying.tlv(4, bytes(65535 - 12 - 3)))
    daemon = start(SERVED, {"limits.socket_buffer": 4096})
    peer = behind(daemon, longest)
    peers.echo(peer, b"behind 65,551 bytes")


def test_what_the_proxy_knows_of_tls_is_in_the_log(start):
    tlvs = TLS + proxying.tlv(2, b"echo.example\nnotice: forged") + proxying.tlv(1, b"h2")
    daemon = start(SERVED)
    peers.echo(behind(daemon, proxying.told(tlvs=tlvs)), b"hello")
    line = daemon.wait_log(r"^info: connection opened: peer=192\.0\.2\.1:1024 ").string
    assert line.endswith(r" tls=TLSv1.3 authority=echo.example\nnotice:\x20forged alpn=h2")


# --- what is no header -------------------------------------------------------------------------


@pytest.mark.parametrize("reason", BROKEN)
def test_what_is_no_header_is_never_echoed(start, reason):
    daemon = start(SERVED)
    for header in BROKEN[reason]:
        peer = behind(daemon, header + b"echo?")
        assert peers.ends(peer) == "reset"
    daemon.wait_counter(refused(f"header_{reason}"), len(BROKEN[reason]))
    for header in BROKEN[reason]:
        peer = daemon.connect()
        try:
            for byte in header + bytes(108):
                peer.sendall(bytes([byte]))
            assert peers.ends(peer) == "reset"
        except (BrokenPipeError, ConnectionResetError):
            pass
    daemon.wait_counter(refused(f"header_{reason}"), 2 * len(BROKEN[reason]))
    assert daemon.counter('echod_received_bytes_total{listener="echo-tcp"}') == 0


def test_others_than_trusted_proxies_are_refused(start):
    daemon = start((listener(proxy_protocol=True, trusted_proxies=["127.0.0.2", "::/0"]),))
    peers.echo(behind(daemon, proxying.line(), source="127.0.0.2"), b"trusted")
    for source in "127.0.0.1", "127.0.0.3":
        assert peers.is_reset(lambda: behind(daemon, proxying.line(), source=source))
    daemon.wait_counter(refused("proxy_untrusted"), 2)


def test_the_access_list_and_the_books_are_about_who_is_told(start):
    daemon = start(
        SERVED, {"access.deny": ["192.0.2.0/24", "127.0.0.1"], "limits.connections_per_source": 1}
    )
    assert peers.ends(behind(daemon, proxying.line("192.0.2.1"))) == "reset"
    first = behind(daemon, proxying.line("198.51.100.1"))
    peers.echo(first, b"one")
    assert peers.ends(behind(daemon, proxying.told("198.51.100.1"))) == "reset"
    peers.echo(behind(daemon, proxying.told("198.51.100.2")), b"another one")
    daemon.wait_counter(refused("denied"), 1)
    daemon.wait_counter(refused("source_connections"), 1)
    first.close()
    daemon.wait_counter('echod_connections_closed_total{listener="echo-tcp",reason="peer"}', 1)
    peers.echo(behind(daemon, proxying.told("198.51.100.1")), b"again")


# --- who waits ----------------------------------------------------------------------------------


def test_it_waits_no_longer_than_its_time_and_sleeps_meanwhile(start):
    daemon = start(SERVED, {"limits.preamble_timeout": 3})
    begun = time.monotonic()
    peer = behind(daemon, proxying.told()[:20])
    eventually(
        lambda: daemon.counter('echod_connections_preamble{listener="echo-tcp"}') == 1, "it waits"
    )
    before = kernel.wake_ups_of_first(daemon.pid)
    assert peers.ends(peer) == "reset"
    assert 2.9 <= time.monotonic() - begun < 3 + within(1)  # its clock has ticks
    assert kernel.wake_ups_of_first(daemon.pid) - before <= 5 * SLOWNESS
    daemon.wait_counter(refused("preamble_timeout"), 1)
    daemon.wait_counter('echod_connections_preamble{listener="echo-tcp"}', 0)


def test_one_that_ends_within_its_header_is_told(start):
    daemon = start(SERVED)
    peer = behind(daemon, proxying.told()[:20])
    peer.close()
    daemon.wait_counter(refused("preamble_cut"), 1)
    daemon.wait_log(r"^notice: connection refused: peer=127\S+ listener=echo-tcp reason=preamble_cut")


def test_health_checks_are_counted_and_not_logged(start):
    daemon = start(SERVED)
    daemon.connect().close()
    peers.reset(daemon.connect())
    daemon.wait_counter(refused("preamble_empty"), 2)
    peer = behind(daemon, proxying.block(command=proxying.LOCAL))
    peers.echo(peer, b"are you there?")
    peer.close()
    peer = daemon.connect()
    host, port = peer.getsockname()
    peer.sendall(proxying.line(host, port))
    peers.echo(peer, b"are you there?")
    peer.close()
    daemon.wait_counter('echod_connections_closed_total{listener="echo-tcp",reason="peer"}', 2)
    daemon.wait_counter(headers("local"), 2)
    assert not daemon.log.matching(r"connection (opened|closed|refused)")


def test_the_proxy_is_who_connects_where_it_does_not_know(start):
    daemon = start(SERVED)
    for header in b"PROXY UNKNOWN\r\n", proxying.block():
        peer = behind(daemon, header)
        peers.echo(peer, b"somebody")
        name = re.escape(peers.name_of(peer))
        daemon.wait_log(rf"^info: connection opened: peer={name} proxy={name} ")
    daemon.wait_counter(headers("unknown"), 2)


def test_those_who_wait_count_as_connections(start):
    daemon = start(SERVED, {"limits.connections": 2})
    waiting = [behind(daemon, b"PROXY ") for _ in range(2)]
    late = behind(daemon, proxying.line() + b"late")
    daemon.wait_log(r"^warning: limits.connections is reached")
    waiting[0].close()
    peers.assert_same(peers.receive(late, 4), b"late")


def test_a_drain_does_not_wait_for_them(start):
    daemon = start(SERVED)
    served = behind(daemon, proxying.line())
    peers.echo(served, b"served")
    waiting = behind(daemon, b"PROXY ")
    eventually(
        lambda: daemon.counter('echod_connections_preamble{listener="echo-tcp"}') == 1, "it waits"
    )
    daemon.drain(connections=1)
    assert peers.ends(waiting) == "reset"
    peers.echo_or_end(served, b"still served")
    served.close()
    assert daemon.wait_exit() == 0


def test_a_reload_changes_who_is_trusted_and_not_who_waits(start):
    daemon = start(SERVED)
    waiting = behind(daemon, b"PROXY ")
    eventually(
        lambda: daemon.counter('echod_connections_preamble{listener="echo-tcp"}') == 1, "it waits"
    )
    daemon.configure((listener(proxy_protocol=True, trusted_proxies=["127.0.0.2"]),))
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    waiting.sendall(b"UNKNOWN\r\n")
    peers.echo(waiting, b"waited")
    peers.echo(behind(daemon, proxying.line(), source="127.0.0.2"), b"trusted now")
    assert peers.is_reset(lambda: behind(daemon, proxying.line()))
    daemon.configure((listener(),))
    daemon.reload()
    peers.echo(daemon.connect(), b"PROXY is what anybody may say now\r\n")
