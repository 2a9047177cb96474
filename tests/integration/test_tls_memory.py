"""What TLS sessions take is bounded, and given back once their peers are gone."""

import pytest

import certificates
import kernel
import tls
from certificates import secure
from patience import SLOWNESS, eventually

pytestmark = pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")

MIB = 1 << 20
PEERS = 900
SOURCES = 16
# A record of 16 KiB begins, and in it a hello of 131,071 bytes, for which room is made.
ANNOUNCED = b"\x16\x03\x01\x40\x00\x01\x01\xff\xff"


@pytest.mark.skipif(SLOWNESS > 1, reason="sanitizers keep what is freed")
def test_of_peers_that_announce_much_and_leave(start):
    daemon = start(
        [secure(tls.pair("localhost", days=60))],
        {
            "workers": 1,
            "limits.connections": PEERS,
            "limits.connections_per_source": PEERS,
            "limits.connection_rate_per_source": 100000,
        },
    )
    daemon.connect("echo-tls").sendall(ANNOUNCED)
    before = kernel.resident_bytes(daemon.pid)

    def grown():
        return kernel.resident_bytes(daemon.pid) - before

    all_of_them = [
        daemon.connect("echo-tls", source=f"127.0.0.{2 + i % SOURCES}") for i in range(PEERS - 1)
    ]
    for peer in all_of_them:
        peer.sendall(ANNOUNCED)
    eventually(lambda: grown() > 20 * MIB, "their sessions are made")
    for peer in all_of_them:
        peer.close()
    eventually(lambda: grown() < 8 * MIB, "their memory is given back")
