"""A name server on loopback that knows one address for every name: for phones, which ask one and look into no file."""

import socket
import threading

A, IN = 1, 1


class Names:
    """Answers questions for A with 127.0.0.1, and all others with nothing (RFC 1035 4.1)."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = self.socket.getsockname()
        self.asked = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            data, peer = self.socket.recvfrom(4096)
            if not data:
                return
            end, labels = 12, []
            while data[end]:
                labels.append(data[end + 1:end + 1 + data[end]].decode("ascii"))
                end += 1 + data[end]
            kind = int.from_bytes(data[end + 1:end + 3], "big")
            self.asked.append((".".join(labels), kind))
            answer = (b"\xc0\x0c" + A.to_bytes(2, "big") + IN.to_bytes(2, "big")
                      + bytes([0, 0, 0, 60, 0, 4, 127, 0, 0, 1]))
            has = kind == A
            self.socket.sendto(data[:2] + b"\x85\x80" + b"\0\1" + (b"\0\1" if has else b"\0\0") + bytes(4)
                               + data[12:end + 5] + (answer if has else b""), peer)

    def stop(self):
        self.socket.sendto(b"", self.address)
        self._thread.join()
        self.socket.close()
