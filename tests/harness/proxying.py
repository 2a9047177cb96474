"""What a proxy says first: headers of the PROXY protocol, made here to be sent to echod."""

import ipaddress
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
TCP4, TCP6, UNSPEC = 0x11, 0x21, 0x00


def line(source="192.0.2.1", source_port=1024, port=7):
    """Version 1."""
    family, destination = (6, "2001:db8::2") if ":" in source else (4, "192.0.2.2")
    return f"PROXY TCP{family} {source} {destination} {source_port} {port}\r\n".encode()


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def block(body=b"", command=PROXY, family=UNSPEC):
    """Version 2."""
    return SIGNATURE + struct.pack(">BBH", command, family, len(body)) + body


def ends(source="192.0.2.1", destination="192.0.2.2", source_port=1024, port=7):
    """The addresses of version 2."""
    packed = (ipaddress.ip_address(host).packed for host in (source, destination))
    return b"".join(packed) + struct.pack(">HH", source_port, port)


def told(source="192.0.2.1", source_port=1024, tlvs=b""):
    """Version 2: whose connection it is, and what else is known of it."""
    family = TCP6 if ":" in source else TCP4
    other = "::2" if ":" in source else "192.0.2.2"
    return block(ends(source, other, source_port) + tlvs, family=family)
