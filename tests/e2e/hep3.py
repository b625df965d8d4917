"""A reader of HEP version 3 by the letter of its specification, for tests: every byte must belong to a chunk."""

import socket
import struct

NUMBERS = {1: "B", 2: "B", 7: "H", 8: "H", 9: "I", 10: "I", 11: "B", 12: "I"}
NAMES = {1: "family", 2: "protocol", 3: "source", 4: "destination", 5: "source", 6: "destination", 7: "source_port",
         8: "destination_port", 9: "seconds", 10: "microseconds", 11: "type", 12: "id", 14: "password", 15: "payload",
         17: "correlation"}


def read(packet):
    """{name: value} of one packet."""
    magic, length = struct.unpack_from("!4sH", packet)
    assert magic == b"HEP3" and length == len(packet), (magic, length, len(packet))
    found, at = {}, 6
    while at < length:
        vendor, kind, size = struct.unpack_from("!HHH", packet, at)
        data = packet[at + 6:at + size]
        assert vendor == 0 and kind in NAMES and size >= 6 and at + size <= length, (vendor, kind, size)
        assert NAMES[kind] not in found, f"chunk {kind} stands twice"
        if kind in NUMBERS:
            assert len(data) == struct.calcsize("!" + NUMBERS[kind]), (kind, data)
            data, = struct.unpack("!" + NUMBERS[kind], data)
        elif kind in (3, 4):
            data = socket.inet_ntop(socket.AF_INET, data)
        elif kind in (5, 6):
            data = socket.inet_ntop(socket.AF_INET6, data)
        found[NAMES[kind]] = data
        at += size
    assert at == length
    ipv4 = found["family"] == 2
    assert (ipv4 or found["family"] == 10) and (":" in found["source"]) != ipv4, found
    assert found["type"] == 1 and found["protocol"] in (6, 17), found
    for name in ("destination", "source_port", "destination_port", "seconds", "microseconds", "id", "payload"):
        assert name in found, name
    assert found["microseconds"] < 1000000, found
    return found


class Server:
    """A capture server that keeps what it is told."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "udp:127.0.0.1:%d" % self.socket.getsockname()[1]

    def next(self, limit=30):
        self.socket.settimeout(limit)
        return read(self.socket.recv(65536))

    def some(self, count):
        return [self.next() for _ in range(count)]

    def nothing(self):
        """Whether nothing waits now: to be asked when what would have made it has happened."""
        self.socket.setblocking(False)
        try:
            return not self.socket.recv(65536)
        except BlockingIOError:
            return True

    def stop(self):
        self.socket.close()
