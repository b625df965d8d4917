"""Just enough SIP to send crafted requests and to record what arrives: no more than a test peer needs."""

import queue
import re
import select
import socket
import threading
import time
import uuid

LIMIT = 30  # seconds to wait for a message


class Message:
    """A message as it was on the wire. Header names in lower case; `all_of` keeps the order."""

    COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "l": "content-length", "m": "contact",
               "c": "content-type", "e": "content-encoding"}

    def __init__(self, data):
        self.data = data
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n")
        self.start = lines[0].decode("utf-8", "replace")
        self.headers = []
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            name = name.strip().lower().decode("utf-8", "replace")
            self.headers.append((self.COMPACT.get(name, name), value.strip().decode("utf-8", "replace")))

    def all_of(self, name):
        return [value for key, value in self.headers if key == name.lower()]

    def __getitem__(self, name):
        values = self.all_of(name)
        return values[0] if values else ""

    @property
    def status(self):
        """Of a response; 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self):
        return self.start.split()[0]


def messages_in(buffer):
    """The whole messages at the beginning of a stream, and what is left."""
    found = []
    while True:
        buffer = buffer.lstrip(b"\r\n")
        head, empty, rest = buffer.partition(b"\r\n\r\n")
        if not empty:
            return found, buffer
        length = re.search(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d+)", head, re.I | re.M)
        need = int(length[1]) if length else 0
        if len(rest) < need:
            return found, buffer
        whole = len(head) + 4 + need
        found.append(Message(buffer[:whole]))
        buffer = buffer[whole:]


def branch():
    return "z9hG4bK" + uuid.uuid4().hex


def request(method, uri, headers, body=b"", via="127.0.0.1:9", transport="TCP"):
    """A request with a Via and a Content-Length of its own; `headers` is a list of (name, value)."""
    lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/{transport} {via};branch={branch()};rport", "Max-Forwards: 70"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def response(to, status, reason, headers=(), tag="peer", body=b""):
    lines = [f"SIP/2.0 {status} {reason}"]
    lines += [f"Via: {value}" for value in to.all_of("via")]
    target = to["to"] if re.search(r";\s*tag\s*=", to["to"]) else f"{to['to']};tag={tag}"
    lines += [f"From: {to['from']}", f"To: {target}", f"Call-ID: {to['call-id']}", f"CSeq: {to['cseq']}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class Client:
    """Sends bytes to one address over TCP or UDP and waits for responses."""

    def __init__(self, address, transport="tcp", source=None):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.transport = transport
        self.socket = socket.socket(family, socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM)
        self.socket.settimeout(LIMIT)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def via(self):
        host, port = self.socket.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, limit=LIMIT):
        """The next message; None when the other side closed the connection."""
        end = time.monotonic() + limit
        while True:
            found, rest = messages_in(self.buffer)
            if found:
                self.buffer = self.buffer[self.buffer.index(found[0].data) + len(found[0].data):]
                return found[0]
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                raise AssertionError(f"no message within {limit} s; there is {rest[:200]!r}") from None
            except ConnectionError:
                return None
            if not data:
                return None
            self.buffer = data if self.transport == "udp" else self.buffer + data

    def final(self, limit=LIMIT):
        """The next final response; None when the connection was closed instead."""
        while True:
            message = self.receive(limit)
            if message is None or message.status >= 200:
                return message

    def ask(self, data, limit=LIMIT):
        self.send(data)
        return self.final(limit)


def ask(address, data, transport="tcp", limit=LIMIT):
    """Sends one request on a connection of its own; gives the final response."""
    with Client(address, transport) as client:
        return client.ask(data, limit)


class Server:
    """A UAS on a free port, UDP and TCP, that records every request's bytes and answers it. `answer` takes the request
    and gives (status, reason), perhaps with headers, a tag and a body, or None for silence."""

    def __init__(self, host="127.0.0.1", answer=lambda request: (200, "OK")):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answer = answer
        self.requests = queue.Queue()
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.bind((host, 0))
        self.listener.listen()
        self.address = self.listener.getsockname()[:2]
        self.datagrams = socket.socket(family, socket.SOCK_DGRAM)
        self.datagrams.bind(self.address)
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def uri(self, transport="tcp"):
        host = f"[{self.address[0]}]" if ":" in self.address[0] else self.address[0]
        return f"sip:{host}:{self.address[1]};transport={transport}"

    def _take(self, message, reply):
        if message.status:
            return
        self.requests.put(message)
        answer = self.answer(message)
        if answer:
            reply(response(message, *answer))

    def _serve(self):
        streams = {}
        while True:
            ready, _, _ = select.select([self.listener, self.datagrams, self._woken, *streams], [], [])
            if self._woken in ready:
                for stream in streams:
                    stream.close()
                return
            for source in ready:
                if source is self.listener:
                    streams[source.accept()[0]] = b""
                elif source is self.datagrams:
                    data, peer = source.recvfrom(65536)
                    self._take(Message(data), lambda answer, peer=peer: self.datagrams.sendto(answer, peer))
                else:
                    self._stream(source, streams)

    def _stream(self, source, streams):
        try:
            data = source.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            del streams[source]
            source.close()
            return
        found, streams[source] = messages_in(streams[source] + data)
        for message in found:
            self._take(message, source.sendall)

    def next(self, limit=LIMIT):
        """The next request that arrived."""
        try:
            return self.requests.get(timeout=limit)
        except queue.Empty:
            raise AssertionError(f"no request arrived within {limit} s") from None

    def nothing(self):
        """Whether no further request has arrived so far."""
        return self.requests.empty()

    def stop(self):
        self._wake.send(b".")
        self._thread.join(LIMIT)
        for one in (self.listener, self.datagrams, self._wake, self._woken):
            one.close()
