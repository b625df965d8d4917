"""A wire tap: a relay on loopback, TCP and UDP, that passes bytes on as they are and keeps them, each way apart."""

import select
import socket
import threading

from sip import LIMIT, Message, messages_in

THERE, BACK = "there", "back"


class Tap:
    """Listens on a free port and relays to `target`. Where TCP and UDP are both needed, both have the same port."""

    def __init__(self, target, name="tap"):
        self.name = name
        self.target = target
        self.family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        self.listener = socket.socket(self.family, socket.SOCK_STREAM)
        self.listener.bind((target[0], 0))
        self.listener.listen()
        self.address = self.listener.getsockname()[:2]
        self.datagrams = socket.socket(self.family, socket.SOCK_DGRAM)
        self.datagrams.bind(self.address)
        self._news = threading.Condition()
        self._streams = []   # one {there: bytes, back: bytes} for each connection
        self._received = {THERE: [], BACK: []}  # datagrams
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._relay, daemon=True)
        self._thread.start()

    def uri(self, transport="tcp"):
        host = f"[{self.address[0]}]" if self.family == socket.AF_INET6 else self.address[0]
        return f"sip:{host}:{self.address[1]};transport={transport}"

    def _relay(self):
        ways = {}     # socket: (where to, record, direction)
        peers = {}    # a UDP client's address: the socket that speaks for it
        while True:
            ready, _, _ = select.select([self.listener, self.datagrams, self._woken, *ways, *peers.values()], [], [])
            if self._woken in ready:
                for one in [*ways, *peers.values()]:
                    one.close()
                return
            for source in ready:
                if source is self.listener:
                    self._accept(ways)
                elif source is self.datagrams:
                    self._datagram_there(peers)
                elif source in ways:
                    self._stream(source, ways)
                elif source in peers.values():
                    self._datagram_back(source, peers)

    def _accept(self, ways):
        client = self.listener.accept()[0]
        server = socket.socket(self.family, socket.SOCK_STREAM)
        try:
            server.connect(self.target)
        except OSError:
            client.close()
            return
        record = {THERE: b"", BACK: b""}
        with self._news:
            self._streams.append(record)
        ways[client] = (server, record, THERE)
        ways[server] = (client, record, BACK)

    def _stream(self, source, ways):
        other, record, direction = ways[source]
        try:
            data = source.recv(65536)
            if data:
                with self._news:
                    record[direction] += data
                    self._news.notify_all()
                other.sendall(data)
                return
        except OSError:
            pass
        for one in (source, other):
            ways.pop(one, None)
            one.close()

    def _datagram_there(self, peers):
        data, peer = self.datagrams.recvfrom(65536)
        if peer not in peers:
            peers[peer] = socket.socket(self.family, socket.SOCK_DGRAM)
            peers[peer].connect(self.target)
        with self._news:
            self._received[THERE].append(data)
            self._news.notify_all()
        peers[peer].send(data)

    def _datagram_back(self, source, peers):
        try:
            data = source.recv(65536)
        except ConnectionError:
            return
        peer = next(address for address, one in peers.items() if one is source)
        with self._news:
            self._received[BACK].append(data)
            self._news.notify_all()
        self.datagrams.sendto(data, peer)

    def raw(self):
        """Every byte that passed, both ways."""
        with self._news:
            return b"".join(r[d] for r in self._streams for d in (THERE, BACK)) + b"".join(
                data for d in (THERE, BACK) for data in self._received[d])

    def messages(self, direction=THERE):
        with self._news:
            streams = [m for record in self._streams for m in messages_in(record[direction])[0]]
            return streams + [Message(data) for data in self._received[direction] if data.strip()]

    def wait_for(self, fits, direction=THERE, limit=LIMIT):
        """The first message that went by for which `fits(message)` holds."""
        def found():
            return next((m for m in self.messages(direction) if fits(m)), None)
        with self._news:
            if not self._news.wait_for(found, limit):
                raise AssertionError(f"{self.name}: no such message passed within {limit} s")
            return found()

    def stop(self):
        self._wake.send(b".")
        self._thread.join(LIMIT)
        for one in (self.listener, self.datagrams, self._wake, self._woken):
            one.close()
