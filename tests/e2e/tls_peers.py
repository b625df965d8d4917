"""Peers over TLS: a server that records what it is sent, and OpenSSL's own client."""

import queue
import socket
import ssl
import subprocess
import threading
import time

import openssl
from sip import LIMIT, messages_in, response


class Server:
    """Takes TLS connections on a free port of loopback and answers every request with 200. What was wrong with a
    handshake is in `failures`; `bytes` counts what came after one."""

    def __init__(self, certificate, key, trust=None, version=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        if version:
            self.context.minimum_version = self.context.maximum_version = version
        if trust:
            self.context.load_verify_locations(trust)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.requests, self.failures, self.connections = queue.Queue(), queue.Queue(), queue.Queue()
        self.bytes = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def uri(self, host="localhost"):
        return f"sip:{host}:{self.port};transport=tls"

    def _serve(self):
        while True:
            try:
                plain = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._connection, args=(plain,), daemon=True).start()

    def _connection(self, plain):
        plain.settimeout(LIMIT)
        try:
            connection = self.context.wrap_socket(plain, server_side=True)
        except OSError as error:
            self.failures.put(str(error))
            plain.close()
            return
        self.connections.put(connection)
        buffer = b""
        try:
            while data := connection.recv(65536):
                self.bytes += len(data)
                found, buffer = messages_in(buffer + data)
                for message in found:
                    if not message.status:
                        self.requests.put((message, connection.getpeercert(binary_form=True)))
                        connection.sendall(response(message, 200, "OK"))
        except OSError:
            pass
        connection.close()

    def next(self):
        """The next request, and the DER of the certificate that its sender presented."""
        return self.requests.get(timeout=LIMIT)

    def failure(self):
        return self.failures.get(timeout=LIMIT)

    def stop(self):
        self.listener.close()


class Client:
    """`openssl s_client`: gives it a request and waits for the response. `options` are its own."""

    def __init__(self, port, trust, *options):
        self.process = subprocess.Popen(
            [openssl.PROGRAM, "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-CAfile", trust,
             "-verify_return_error", "-verify_hostname", "localhost", "-ign_eof", "-nocommands", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.told = b""

    def ask(self, request, limit=LIMIT):
        """The whole output up to the response; what there is at its end when the connection ends before."""
        end = time.monotonic() + limit
        try:
            self.process.stdin.write(request)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        while b"SIP/2.0 " not in self.told.replace(request, b"") and time.monotonic() < end:
            data = self.process.stdout.read1(65536)
            if not data:
                break
            self.told += data
        return self.told.decode("utf-8", "replace")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def ask(port, trust, request, *options):
    client = Client(port, trust, *options)
    try:
        return client.ask(request)
    finally:
        client.stop()
