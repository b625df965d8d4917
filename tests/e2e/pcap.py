"""Writes captures by the letter of the pcap format, of packets that never passed: with fragments, out of order, over
IPv4 and IPv6."""

import ipaddress
import struct

ETHERNET, RAW = 1, 101
SYN = 2


def header(link=RAW, byte_order="<"):
    return struct.pack(byte_order + "IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, link)


def record(packet, seconds, microseconds=0, byte_order="<"):
    return struct.pack(byte_order + "IIII", int(seconds), microseconds, len(packet), len(packet)) + packet


def capture(packets, seconds, link=RAW):
    """A file with these packets, a millisecond apart."""
    return header(link) + b"".join(record(p, seconds, 1000 * i) for i, p in enumerate(packets))


def ip(protocol, payload, source="192.0.2.1", destination="192.0.2.2", identification=1, offset=0, more=False):
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if source.version == 6:
        return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + source.packed + destination.packed + payload
    flags = (0x2000 if more else 0) | offset // 8
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), identification, flags, 64, protocol, 0) \
        + source.packed + destination.packed + payload


def udp(payload, source=5060, destination=5070):
    return struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload


def tcp(sequence, payload=b"", flags=0, source=5060, destination=5070):
    return struct.pack(">HHIIBBHHH", source, destination, sequence, 0, 5 << 4, flags, 8192, 0, 0) + payload


def fragments(payload, size, **addresses):
    """An IPv4 datagram over UDP in pieces of `size` bytes (a multiple of 8)."""
    return [ip(17, payload[at:at + size], offset=at, more=at + size < len(payload), **addresses)
            for at in range(0, len(payload), size)]
