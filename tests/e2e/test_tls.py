"""TLS with real peers: OpenSSL's client and server, Kamailio with mutual TLS, and sipseal at both ends (protocol.md 8,
RFC 5922). Everything listens on loopback, so that the name which servers must prove is "localhost"."""
# timeout: 600

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
import sip  # noqa: E402
import tls_peers  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from kamailio import Kamailio  # noqa: E402
from processes import Process, run  # noqa: E402
from sites import ALICE, BOB, PROXY1, Daemon, Site  # noqa: E402

PURPOSES = "serverAuth,clientAuth,1.3.6.1.5.5.7.3.20"
LISTEN = ["udp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://127.0.0.1:0"]
HANDSHAKE_LIMIT = 5  # seconds: NET_CONNECT_MAX_S


class World:
    """One authority, and proxies that listen for TLS as "localhost"."""

    def __init__(self):
        need(openssl.PROGRAM, "openssl")
        self.site = Site()
        self.keys = os.path.join(self.site.path, "tls")
        self.trust = os.path.join(self.keys, "trust.pem")
        self.site.home(PROXY1).sipseal("ca", "issue", "--ca", self.site.ca, "-o", self.keys, "--tls", "localhost",
                                       "far.example", "revoked.example")
        self.site.home(PROXY1).sipseal("ca", "revoke", "--ca", self.site.ca, "-o", self.keys,
                                       self.certificate("revoked.example"))
        self.other = openssl.authority(os.path.join(self.site.path, "other"))
        self._daemons = {}

    def certificate(self, name):
        return os.path.join(self.keys, name + ".tls.pem")

    def key(self, name):
        return os.path.join(self.keys, name + ".tls.key")

    def odd(self, name, names, ca=None, **terms):
        """A certificate that `sipseal ca` would not make; gives its path and that of its key."""
        folder = os.path.join(self.site.path, "odd")
        certificate = openssl.issue(ca or self.site.ca, folder, name, names, usage="digitalSignature",
                                    **{"purpose": PURPOSES, **terms})
        return certificate, os.path.join(folder, name + ".key")

    def daemon(self, clients="optional", routes=(), name="localhost"):
        """Proxy 1, one for each way to ask clients for certificates, or one with routes of its own."""
        if clients in self._daemons and not routes:
            return self._daemons[clients]
        daemon = Daemon(self.site, PROXY1, routes=list(routes), server={"listen": LISTEN},
                        tls={"certificate": self.certificate(name), "private_key": self.key(name),
                             "trust": self.trust, "clients": clients}).start()
        if not routes:
            self._daemons[clients] = daemon
        return daemon


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def finish():
    for one in _world:
        one.site.stop()


def options():
    return sip.request("OPTIONS", f"sip:{PROXY1}", [("From", "<sip:alice@home.example>;tag=1"),
                                                    ("To", f"<sip:{PROXY1}>"), ("Call-ID", os.urandom(8).hex()),
                                                    ("CSeq", "1 OPTIONS")], transport="TLS")


def message(domain, body=b"hello"):
    return sip.request("MESSAGE", f"sip:bob@{domain}", [("From", "<sip:alice@home.example>;tag=1"),
                                                        ("To", f"<sip:bob@{domain}>"), ("Call-ID", os.urandom(8).hex()),
                                                        ("CSeq", "1 MESSAGE"), ("Content-Type", "text/plain")],
                       body)


def ask(daemon, *words):
    return tls_peers.ask(daemon.address("tls")[1], world().trust, options(), *words)


def presented(name):
    return "-cert", world().certificate(name), "-key", world().key(name)


# --- who connects ---

@case
def tls_1_2_and_1_3_are_spoken_with_a_server_that_proves_its_name():
    daemon = world().daemon()
    for option, protocol in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
        told = ask(daemon, option)
        assert "SIP/2.0 200 OK" in told and f"New, {protocol}, Cipher is " in told, told
        assert "Verify return code: 0 (ok)" in told or "Verification: OK" in told, told


@case
def tls_1_1_and_suites_without_forward_secrecy_or_aead_are_refused():
    daemon = world().daemon()
    for words in (("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:AES128-SHA"),
                  ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"), ("-tls1_2", "-cipher", "AES128-GCM-SHA256")):
        mark = daemon.process.mark()
        told = ask(daemon, *words)
        assert "SIP/2.0" not in told and "alert" in told, (words, told)
        daemon.process.wait_for(r"event=tls-failed rule=tls.handshake peer=127\.0\.0\.1:\d+$", after=mark)
    assert "SIP/2.0 200 OK" in ask(daemon, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")


@case
def a_session_is_resumed():
    daemon = world().daemon()
    for version in ("-tls1_2", "-tls1_3"):
        kept = os.path.join(world().site.path, "session" + version)
        assert "New, TLS" in ask(daemon, version, "-sess_out", kept, *presented("far.example"))
        told = ask(daemon, version, "-sess_in", kept, *presented("far.example"))
        assert "Reused, TLS" in told and "SIP/2.0 200 OK" in told, told


@case
def a_client_needs_a_certificate_only_where_one_is_required():
    assert "SIP/2.0 200 OK" in ask(world().daemon("none"))
    assert "SIP/2.0 200 OK" in ask(world().daemon("optional"))
    daemon = world().daemon("required")
    for version in ("-tls1_2", "-tls1_3"):
        mark = daemon.process.mark()
        assert "SIP/2.0" not in ask(daemon, version)
        daemon.process.wait_for(r"event=tls-failed rule=tls.no-certificate", after=mark)
        assert "SIP/2.0 200 OK" in ask(daemon, version, *presented("far.example"))


@case
def a_client_certificate_that_does_not_hold_is_refused_even_where_none_is_required():
    w, daemon = world(), world().daemon("optional")
    stranger = w.odd("stranger.example", "DNS:stranger.example", ca=w.other)
    old = w.odd("old.example", "DNS:old.example", start="20200101000000Z", end="20210101000000Z")
    mail = w.odd("mail.example", "DNS:mail.example", purpose="emailProtection")
    revoked = w.certificate("revoked.example"), w.key("revoked.example")
    for (certificate, key), rule in ((stranger, "untrusted"), (old, "expired"), (mail, "usage"), (revoked, "revoked")):
        for version in ("-tls1_2", "-tls1_3"):
            mark = daemon.process.mark()
            told = ask(daemon, version, "-cert", certificate, "-key", key)
            assert "SIP/2.0" not in told, told
            daemon.process.wait_for(rf"event=tls-failed rule=certificate.{rule}\b", after=mark)


@case
def plain_sip_and_noise_on_the_port_for_tls_end_the_connection():
    daemon = world().daemon()
    for noise in (options(), b"\x16\x03\x01\xff\xff" + os.urandom(200), os.urandom(1000), b"GET / HTTP/1.0\r\n\r\n"):
        mark = daemon.process.mark()
        with sip.Client(daemon.address("tls")) as client:
            client.send(noise)
            assert b"SIP/2.0" not in rest_of(client.socket)
        daemon.process.wait_for(r"event=tls-failed rule=tls.handshake", after=mark)
    assert "SIP/2.0 200 OK" in ask(daemon)


def rest_of(connection):
    """What comes until the other end closes."""
    told = b""
    try:
        while data := connection.recv(65536):
            told += data
    except ConnectionError:
        pass
    return told


@case
def a_handshake_that_is_silent_or_slow_ends_in_time():
    daemon = world().daemon()
    mark, begin = daemon.process.mark(), time.monotonic()
    silent, slow = (socket.create_connection(daemon.address("tls")) for _ in range(2))
    with silent, slow:
        silent.settimeout(sip.LIMIT)
        slow.settimeout(0.3)  # a byte of a hello, three times a second
        hello = b"\x16\x03\x01\x01\x00" + bytes(256)
        for byte in hello:
            try:
                slow.send(bytes([byte]))
                if slow.recv(1) == b"":
                    break
            except socket.timeout:
                continue
            except ConnectionError:
                break
        took = time.monotonic() - begin
        assert HANDSHAKE_LIMIT <= took + 0.1 and took < HANDSHAKE_LIMIT + 10, took
        assert rest_of(silent) == b""
    daemon.process.wait_for(r"event=tls-failed rule=tls.timeout", after=mark, count=2)


# --- whom sipseald connects to ---

def route(domain, uri):
    return {"domain": domain, "next": uri}


@case
def a_next_hop_is_sent_a_request_only_when_it_proves_to_be_the_host_of_the_route():
    w = world()
    good = (w.certificate("localhost"), w.key("localhost"))
    servers = {
        "good.example": (good, None),
        "dns.example": (w.odd("dns", "DNS:LocalHost"), None),
        "uri.example": (w.odd("uri", "URI:sip:localhost,DNS:other.example"), None),
        "name.example": (w.odd("other", "DNS:other.example"), "tls.name"),
        "user.example": (w.odd("user", "URI:sip:bob@localhost"), "tls.name"),
        "hidden.example": (w.odd("hidden", "URI:sip:other.example,DNS:localhost"), "tls.name"),
        "cn.example": (w.odd("localhost", ""), "tls.name"),
        "wild.example": (w.odd("wild", "DNS:*,DNS:*.localhost,DNS:localhost.example"), "tls.name"),
        "unknown.example": (w.odd("unknown", "DNS:localhost", ca=w.other), "certificate.untrusted"),
        "old.example": (w.odd("old", "DNS:localhost", start="20200101000000Z", end="20210101000000Z"),
                        "certificate.expired"),
        "mail.example": (w.odd("mail", "DNS:localhost", purpose="emailProtection"), "certificate.usage"),
        "revoked.example": ((w.certificate("revoked.example"), w.key("revoked.example")), "certificate.revoked"),
    }
    peers = {domain: tls_peers.Server(*pair) for domain, (pair, _) in servers.items()}
    for peer in peers.values():
        w.site.at_end(peer.stop)
    daemon = w.daemon(routes=[route(domain, peer.uri()) for domain, peer in peers.items()])
    for domain, (_, rule) in servers.items():
        mark = daemon.process.mark()
        answer = sip.ask(daemon.address(), message(domain))
        if rule is None:
            assert answer.status == 200, (domain, answer.data, daemon.process.log())
            request, _ = peers[domain].next()
            assert request.all_of("via")[0].startswith("SIP/2.0/TLS proxy1.home.example:"), request.data
            assert request.body == b"hello"
        else:
            assert answer.status == 500, (domain, answer.data)
            daemon.process.wait_for(rf"event=tls-failed rule={rule} peer=127\.0\.0\.1:{peers[domain].port} "
                                    r"host=localhost$", after=mark)
            assert peers[domain].failure() and peers[domain].bytes == 0
    assert daemon.stop() is None


@case
def a_next_hop_by_its_address_has_no_name_to_prove_and_one_without_tls_gets_nothing():
    w = world()
    peer = tls_peers.Server(w.certificate("localhost"), w.key("localhost"))
    plain = sip.Server()
    w.site.at_end(peer.stop)
    w.site.at_end(plain.stop)
    daemon = w.daemon(routes=[route("a.example", peer.uri("127.0.0.1")),
                              route("b.example", f"sip:localhost:{plain.address[1]};transport=tls")])
    assert sip.ask(daemon.address(), message("a.example")).status == 500
    daemon.process.wait_for(r"event=tls-failed rule=tls.name .* host=127\.0\.0\.1$")
    assert peer.bytes == 0
    assert sip.ask(daemon.address(), message("b.example")).status == 500
    assert plain.nothing()
    daemon.stop()


@case
def a_next_hop_that_asks_is_shown_the_certificate_and_a_connection_serves_many_requests():
    w = world()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        peer = tls_peers.Server(w.certificate("localhost"), w.key("localhost"), w.trust, version)
        w.site.at_end(peer.stop)
        daemon = w.daemon(routes=[route("far.example", peer.uri())])
        for _ in range(3):
            assert sip.ask(daemon.address(), message("far.example")).status == 200
            assert peer.next()[1] == openssl.der(w.certificate("localhost"))
        assert peer.connections.qsize() == 1
        daemon.stop()
        log = daemon.process.log()
        assert "tls_handshakes=1 " in log, log


@case
def a_connection_that_was_closed_without_a_word_is_opened_again_with_the_session_of_before():
    w = world()
    peer = tls_peers.Server(w.certificate("localhost"), w.key("localhost"), w.trust)
    w.site.at_end(peer.stop)
    daemon = w.daemon(routes=[route("far.example", peer.uri())])
    assert sip.ask(daemon.address(), message("far.example")).status == 200
    first = peer.connections.get(timeout=sip.LIMIT)
    first.shutdown(socket.SHUT_RDWR)  # no close_notify: an end of the stream like any other
    answer = sip.ask(daemon.address(), message("far.example"))
    if answer.status == 500:  # it had not been heard of yet
        answer = sip.ask(daemon.address(), message("far.example"))
    assert answer.status == 200, answer.data
    assert peer.connections.get(timeout=sip.LIMIT).session_reused
    daemon.stop()
    assert "tls_handshakes=2 tls_resumed=1 " in daemon.process.log(), daemon.process.log()


@case
def openssl_s_server_as_next_hop_gets_the_request_by_either_version():
    w = world()
    for version in ("-tls1_2", "-tls1_3"):
        server = Process([openssl.PROGRAM, "s_server", "-accept", "127.0.0.1:0", version, "-cert",
                          w.certificate("localhost"), "-key", w.key("localhost"), "-CAfile", w.trust, "-Verify", "2"],
                         "s_server", stdin=subprocess.PIPE)
        w.site.at_end(server.stop)
        port = server.wait_for(r"ACCEPT 127\.0\.0\.1:(\d+)")[1]
        daemon = w.daemon(routes=[route("far.example", f"sip:localhost:{port};transport=tls")])
        with sip.Client(daemon.address()) as client:
            client.send(message("far.example", b"hello\r\n"))  # it prints whole lines
            server.wait_for(r"^hello")
            told = server.log()
            request = sip.Message(told[told.index("MESSAGE sip:bob@far.example"):].replace("\n", "\r\n").encode())
            server.process.stdin.write(sip.response(request, 200, "OK"))
            server.process.stdin.flush()
            assert client.final().status == 200
        daemon.stop()
        server.process.kill()
        server.wait()


# --- sipseal at both ends ---

@case
def a_sealed_message_passes_from_send_to_listen_with_tls_on_every_hop():
    w = world()
    daemon = w.daemon("optional")
    alice, bob = w.site.home(ALICE).knows("carol@home.example"), w.site.home("carol@home.example").knows(ALICE)
    proxy = f"sip:localhost:{daemon.address('tls')[1]};transport=tls"
    listener = bob.listen("--json", "--register", proxy)
    for text in ("hello", "y" * 12000, "y" * 30000):  # 12000: sealed, most of one record
        report = alice.send(proxy, "carol@home.example", text)
        assert report["delivered"] and report["transport"] == "tls", report
        got = listener.report_of(report["call_id"])
        assert got["transport"] == "tls" and got["parts"][0]["text"].rstrip("\r\n") == text, got
        assert got["body_sha256"] == report["body_sha256"]
    # Registered again by the same contact: one binding, over the new connection.
    listener.stop()
    again = bob.listen("--json", "--register", proxy)
    report = alice.send(proxy, "carol@home.example", "again")
    assert again.report_of(report["call_id"])["parts"][0]["text"].rstrip("\r\n") == "again"


@case
def a_user_whose_connection_is_gone_is_reached_by_no_other():
    w = world()
    daemon = w.daemon("optional")
    dave = w.site.home("dave@home.example")
    w.site.home(ALICE).knows("dave@home.example")
    proxy = f"sip:localhost:{daemon.address('tls')[1]};transport=tls"
    listener = dave.listen("--json", "--register", proxy)
    listener.process.process.kill()
    listener.process.wait()
    report = w.site.home(ALICE).send(proxy, "dave@home.example", "hello", "--timeout", "20", status=1)
    assert not report["delivered"] and report["status"] in (480, 500), report


@case
def send_tells_why_a_server_is_not_believed_and_sends_nothing():
    w = world()
    other = tls_peers.Server(*w.odd("other", "DNS:other.example"))
    unknown = tls_peers.Server(*w.odd("unknown", "DNS:localhost", ca=w.other))
    plain = sip.Server()
    for one in (other, unknown, plain):
        w.site.at_end(one.stop)
    alice = w.site.home(ALICE).knows(BOB)
    for uri, rule in ((other.uri(), "tls.name"), (unknown.uri(), "certificate.untrusted"),
                      (f"sip:localhost:{plain.address[1]};transport=tls", "tls.timeout")):
        told = alice.sipseal("send", "--as", ALICE, "--proxy", uri, "--timeout", "20", BOB, "hello", status=None)
        assert told.returncode == 5 and f"[{rule}]" in told.stderr.decode(), told.stderr.decode()
    assert other.bytes == unknown.bytes == 0 and plain.nothing()
    # The same server, when its authority is named.
    assert alice.send(unknown.uri(), BOB, "hello", "--tls-trust", f"{w.other}/ca.pem")["delivered"]


@case
def send_shows_its_certificate_where_the_keys_have_one():
    w = world()
    peer = tls_peers.Server(w.certificate("localhost"), w.key("localhost"), w.trust)
    w.site.at_end(peer.stop)
    erin = w.site.home("erin@home.example").knows(BOB)
    told = erin.sipseal("send", "--as", "erin@home.example", "--proxy", peer.uri(), "--timeout", "20", BOB, "x",
                        status=None)
    assert told.returncode == 5, told.stderr
    erin.issue("--tls")
    assert erin.send(peer.uri(), BOB, "hello")["delivered"]
    assert peer.next()[1] == openssl.der(os.path.join(erin.keys, "erin@home.example.tls.pem"))


@case
def what_is_sent_plain_goes_over_tls_too():
    w = world()
    peer = tls_peers.Server(w.certificate("localhost"), w.key("localhost"))
    w.site.at_end(peer.stop)
    frank = w.site.home("frank@home.example")
    report = frank.send(peer.uri(), BOB, "hello", "--plain", "--tls-trust", w.trust)
    assert report["delivered"] and report["transport"] == "tls", report
    assert peer.next()[0].body == b"hello"


# --- Kamailio ---

@case
def kamailio_is_next_hop_and_previous_hop_with_mutual_tls():
    w = world()
    kamailio = Kamailio(os.path.join(w.site.path, "kamailio"), program=need("/usr/sbin/kamailio", "kamailio"))
    need("/usr/lib/x86_64-linux-gnu/kamailio/modules/tls.so", "kamailio-tls-modules")
    uas = sip.Server()
    w.site.at_end(uas.stop)
    daemon = w.daemon("required", routes=[route("far.example", f"sip:localhost:{kamailio.tls_address[1]};transport=tls"),
                                          route("back.example", uas.uri())])
    back = f"sip:127.0.0.1:{daemon.address('tls')[1]};transport=tls"
    w.site.at_end(kamailio.stop)
    kamailio.start({"far.example": uas.uri(), "back.example": back},
                   {"certificate": w.certificate("localhost"), "key": w.key("localhost"), "trust": w.trust})
    answer = sip.ask(daemon.address(), message("far.example"))
    assert answer.status == 200, (answer.data, daemon.process.log(), kamailio.process.log())
    assert [via.split()[0] for via in uas.next().all_of("via")] == ["SIP/2.0/TCP", "SIP/2.0/TLS", "SIP/2.0/TCP"]
    answer = sip.ask(kamailio.address, message("back.example"))
    assert answer.status == 200, (answer.data, daemon.process.log(), kamailio.process.log())
    assert [via.split()[0] for via in uas.next().all_of("via")] == ["SIP/2.0/TCP", "SIP/2.0/TLS", "SIP/2.0/TCP"]
    daemon.stop()


# --- what a configuration is refused for ---

def refused(daemon):
    told = run([daemon.site.sipseald, "-t", "-c", daemon.file], status=None, environment=daemon.home.environment)
    assert told.returncode == 1, told
    return told.stderr.decode()


@case
def a_key_that_also_opens_messages_and_a_certificate_without_a_domain_are_refused():
    w = world()
    home = w.site.home(PROXY1)
    cn = w.odd("localhost", "")
    for (certificate, key), words in (((home.party.certificate, home.party.key), "its key is that of keys.certificate"),
                                      (cn, "its subjectAltName has no domain"),
                                      ((w.certificate("localhost"), w.key("far.example")), "it is not the key of tls.cer")):
        told = refused(Daemon(w.site, PROXY1, server={"listen": LISTEN},
                              tls={"certificate": certificate, "private_key": key, "trust": w.trust}))
        assert words in told and "tls." in told, told
    told = refused(Daemon(w.site, PROXY1, server={"listen": LISTEN}))
    assert "needs a section tls" in told, told


@case
def a_server_with_no_keys_but_those_for_tls_speaks_it():
    w = world()
    daemon = Daemon(w.site, PROXY1, server={"listen": LISTEN},
                    tls={"certificate": w.certificate("localhost"), "private_key": w.key("localhost"), "trust": w.trust})
    with open(daemon.file, encoding="utf-8") as f:
        configuration = json.load(f)
    del configuration["keys"]
    del configuration["server"]["vaults"]
    with open(daemon.file, "w", encoding="utf-8") as f:
        json.dump(configuration, f)
    daemon.start()
    assert "SIP/2.0 200 OK" in ask(daemon)
    daemon.stop()


# --- another configuration ---

class Open:
    """A connection of Python's own TLS to a daemon, which stays open."""

    def __init__(self, daemon):
        context = ssl.create_default_context(cafile=world().trust)
        context.check_hostname = False  # names are looked at by `names`
        self.socket = context.wrap_socket(socket.create_connection(daemon.address("tls")))
        self.socket.settimeout(20)

    def names(self):
        return [value for _, value in self.socket.getpeercert()["subjectAltName"]]

    def status(self):
        self.socket.sendall(options())
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = self.socket.recv(4096)
            assert part, "the connection was closed"
            answer += part
        return int(answer.split(b" ", 2)[1])


def reload(daemon, configuration):
    with open(daemon.file, "w", encoding="utf-8") as f:
        json.dump(configuration, f)
    mark = daemon.process.mark()
    daemon.process.process.send_signal(signal.SIGHUP)
    return daemon.process.wait_for(r"process=parent event=((?:not-)?reloaded) (?:changed=(\S+)|reason)", mark)


@case
def keys_under_other_file_names_are_taken_at_a_reload_and_open_connections_stay():
    w = world()
    daemon = Daemon(w.site, PROXY1, server={"listen": LISTEN},
                    tls={"certificate": w.certificate("localhost"), "private_key": w.key("localhost"),
                         "trust": w.trust}).start()
    with open(daemon.file, encoding="utf-8") as f:
        configuration = json.load(f)
    old = Open(daemon)
    assert "localhost" in old.names() and old.status() == 200
    configuration["tls"].update(certificate=w.certificate("far.example"), private_key=w.key("far.example"))
    told = reload(daemon, configuration)
    assert (told[1], told[2]) == ("reloaded", "tls"), told[0]
    new = Open(daemon)
    assert "far.example" in new.names() and new.status() == 200
    assert old.status() == 200
    # What does not fit together changes nothing.
    configuration["tls"]["private_key"] = w.key("localhost")
    assert reload(daemon, configuration)[1] == "not-reloaded"
    assert "far.example" in Open(daemon).names() and old.status() == 200 and new.status() == 200
    daemon.stop()


if __name__ == "__main__":
    run_cases(finish)
