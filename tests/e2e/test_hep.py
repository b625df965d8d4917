"""Messages told to a capture server over HEP: each one received and sent, with every chunk, and content only where the
configuration says so."""

import json
import os
import re
import shutil
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import hep3  # noqa: E402
import sip  # noqa: E402
from cases import case, run_cases  # noqa: E402
from processes import Process, run  # noqa: E402
from sites import ALICE, BOB, PROXY1, Daemon, Site  # noqa: E402

BUILD = os.path.realpath(os.environ["SIPSEAL_BUILD"])
SIPSEALD = os.path.join(BUILD, "sipseald")
FOLDER = tempfile.mkdtemp(prefix="sipseal-hep-")
CONFIG = os.path.join(FOLDER, "sipseald.yaml")
ENVIRONMENT = {"PATH": "/usr/bin:/bin"} | {
    word: os.environ[word] for word in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if word in os.environ}
UDP, TCP = 17, 6


class Scene:
    """A proxy on all transports, a next hop behind it, and a capture server beside it."""

    def __init__(self, transport="udp", host="127.0.0.1", to=None, **options):
        self.captured = hep3.Server()
        self.next_hop = sip.Server(host=host)
        self.options = options
        shown = f"[{host}]" if ":" in host else host
        self.host = host
        server = {"names": ["proxy1.home.example"], "listen": [f"{kind}://{shown}:0" for kind in ("udp", "tcp")]}
        if os.geteuid() == 0:
            server["user"] = "nobody"
        self.config = {"server": server, "hep": {"to": to or self.captured.address} | options,
                       "routes": [{"domain": "far.example", "next": self.next_hop.uri(transport)}],
                       "store": {"path": "data/store.db"}}
        self.write()

    def write(self):
        with open(CONFIG, "w", encoding="utf-8") as f:
            json.dump(self.config, f)

    def __enter__(self):
        self.daemon = Process([SIPSEALD, "-c", CONFIG], environment=ENVIRONMENT)
        self.daemon.wait_for(r"process=parent event=ready\b")
        return self

    def __exit__(self, *_):
        if self.daemon.running():
            self.daemon.stop()
        self.next_hop.stop()
        self.captured.stop()

    def port(self, transport):
        return int(self.daemon.wait_for(rf"event=listening transport={transport} address=\S+ port=(\d+)")[1])

    def send(self, call_id, body=b"hello", headers=(), transport="udp"):
        """One MESSAGE, as bytes; its response; and the request as the next hop got it."""
        with sip.Client((self.host, self.port(transport)), transport) as client:
            self.client_port = client.socket.getsockname()[1]
            request = sip.request("MESSAGE", "sip:bob@far.example", [
                ("From", "<sip:alice@home.example>;tag=1"), ("To", "<sip:bob@far.example>"), ("Call-ID", call_id),
                ("CSeq", "1 MESSAGE"), ("Content-Type", "text/plain"), *headers], body,
                via=client.via(), transport=transport.upper())
            response = client.ask(request)
        assert response and response.status == 200, response and response.data
        return request, response.data, self.next_hop.next()

    def counters(self):
        return json.loads(run([SIPSEALD, "counters", "--json", "-c", CONFIG],
                              environment=ENVIRONMENT))["counters"]["net"]["hep"]


def head_of(data):
    return data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


@case
def each_message_is_told_once_with_every_chunk():
    with Scene(id=2001, password="open sesame", bodies="wire") as scene:
        before = time.time()
        request, response, forwarded = scene.send("c1@ua1")
        told = scene.captured.some(4)
        assert scene.captured.nothing()
        proxy, next_hop = scene.port("udp"), int(scene.next_hop.uri("udp").split(":")[2].split(";")[0])
        ends = [(scene.client_port, proxy), (proxy, next_hop), (next_hop, proxy), (proxy, scene.client_port)]
        assert [(t["source_port"], t["destination_port"]) for t in told] == ends, (told, ends)
        for t in told:
            assert (t["family"], t["protocol"], t["type"], t["id"]) == (2, UDP, 1, 2001), t
            assert (t["source"], t["destination"]) == ("127.0.0.1", "127.0.0.1"), t
            assert t["password"] == b"open sesame" and t["correlation"] == b"c1@ua1", t
            assert before - 1 <= t["seconds"] <= time.time(), t
        assert told[0]["payload"] == request and told[1]["payload"] == forwarded.data, told
        assert told[3]["payload"] == response and told[2]["payload"].startswith(b"SIP/2.0 200"), told
        assert scene.counters() == {"told": 4, "lost": 0, "cut": 0, "left_out": 0}


@case
def content_and_credentials_stay_here_by_default():
    with Scene() as scene:
        secret = [("Proxy-Authorization", 'Digest username="alice", response="0123"'), ("Authorization", "Digest x=y")]
        request, _, _ = scene.send("c2@ua1", b"the plan", secret)
        told = scene.captured.some(4)
        for t in told:
            assert b"the plan" not in t["payload"] and b"0123" not in t["payload"], t
            assert b"uthorization" not in t["payload"] and t["payload"].endswith(b"\r\n\r\n"), t
            assert "password" not in t and t["id"] == 1, t
        kept = re.sub(rb"(Proxy-)?Authorization: [^\r]*\r\n", b"", head_of(request))
        assert told[0]["payload"] == kept, told[0]


@case
def over_a_stream_and_ipv6_the_ends_are_those_of_the_connections():
    with Scene("tcp", "::1", bodies="wire") as scene:
        request, _, forwarded = scene.send("c3@ua1", transport="tcp")
        told = scene.captured.some(4)
        assert all((t["family"], t["protocol"]) == (10, TCP) for t in told), told
        assert all((t["source"], t["destination"]) == ("::1", "::1") for t in told), told
        proxy, next_hop = scene.port("tcp"), int(scene.next_hop.uri("tcp").rsplit(":", 1)[1].split(";")[0])
        assert (told[0]["source_port"], told[0]["destination_port"]) == (scene.client_port, proxy), told[0]
        assert told[1]["destination_port"] == next_hop and told[1]["source_port"] not in (0, proxy), told[1]
        assert (told[2]["source_port"], told[2]["destination_port"]) == (next_hop, told[1]["source_port"]), told[2]
        assert (told[3]["source_port"], told[3]["destination_port"]) == (proxy, scene.client_port), told[3]
        assert (told[0]["payload"], told[1]["payload"]) == (request, forwarded.data)


@case
def a_message_that_fits_no_packet_is_cut_and_counted():
    with Scene("tcp", bodies="wire") as scene:
        request, _, _ = scene.send("c4@ua1", b"x" * 100000, transport="tcp")
        told = scene.captured.some(4)
        assert 60000 < len(told[0]["payload"]) < 65536 and request.startswith(told[0]["payload"]), len(told[0]["payload"])
        assert scene.counters() == {"told": 4, "lost": 0, "cut": 2, "left_out": 0}


@case
def what_is_not_well_formed_is_told_only_where_content_may_leave():
    for bodies, told in (("none", 0), ("wire", 1)):
        with Scene(bodies=bodies) as scene:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(b"GET the plan\n\nout of here", ("127.0.0.1", scene.port("udp")))
            scene.send("c5@ua1")
            got = scene.captured.some(4 + told)
            assert scene.captured.nothing()
            assert sum(b"the plan" in t["payload"] for t in got) == told, got
            assert all("correlation" not in t for t in got if b"the plan" in t["payload"])
            assert scene.counters()["left_out"] == 1 - told, scene.counters()


@case
def where_nobody_listens_messages_go_on_and_the_loss_is_counted():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with Scene(to=f"udp:127.0.0.1:{port}") as scene:
        for i in range(3):
            scene.send(f"c6-{i}@ua1")
        counted = scene.counters()
        assert counted["lost"] > 0 and counted["told"] + counted["lost"] == 12, counted


@case
def a_reload_begins_and_ends_it():
    with Scene() as scene:
        scene.send("c7@ua1")
        scene.captured.some(4)
        hep = scene.config.pop("hep")
        scene.write()
        assert run([SIPSEALD, "reload", "-c", CONFIG], environment=ENVIRONMENT) == b"reloaded; changed: hep\n"
        scene.send("c8@ua1")
        scene.config["hep"] = hep | {"bodies": "wire"}
        scene.write()
        assert run([SIPSEALD, "reload", "-c", CONFIG], environment=ENVIRONMENT) == b"reloaded; changed: hep\n"
        scene.send("c9@ua1", b"hello")
        told = scene.captured.some(4)
        assert scene.captured.nothing()
        assert all(t["correlation"] == b"c9@ua1" for t in told), told
        assert told[0]["payload"].endswith(b"hello"), told[0]
        assert scene.counters()["told"] == 8


@case
def what_is_sealed_leaves_sealed():
    captured = hep3.Server()
    site = Site()
    try:
        site.home(BOB)
        alice, proxy = site.home(ALICE).knows(BOB), site.home(PROXY1)
        server = sip.Server()
        site.at_end(server.stop)
        daemon = Daemon(site, PROXY1, next_hop=server.uri(), hep={"to": captured.address, "bodies": "wire"}).start()
        assert proxy.name == PROXY1
        alice.send(daemon.uri(), BOB, "the plan")
        received = server.next()
        told = captured.some(2)
        assert told[1]["payload"] == received.data, told
        assert all(b"the plan" not in t["payload"] and b"pkcs7-mime" in t["payload"] for t in told), told
    finally:
        site.stop()
        captured.stop()


@case
def content_that_leaves_the_machine_is_a_warning_and_a_wrong_place_a_fault():
    with Scene(to="udp:192.0.2.1:9060", bodies="wire") as scene:
        scene.daemon.wait_for(r"level=warning process=parent event=exporting to=udp://192\.0\.2\.1:9060 bodies=wire", limit=1)
    for to in ("tcp:127.0.0.1:9060", "127.0.0.1:9060", "udp:homer.example:9060", "udp:127.0.0.1"):
        scene.config["hep"]["to"] = to
        scene.write()
        result = run([SIPSEALD, "-t", "-c", CONFIG], status=None, environment=ENVIRONMENT)
        assert result.returncode == 1 and "hep.to" in result.stderr.decode(), (to, result)


if __name__ == "__main__":
    os.mkdir(os.path.join(FOLDER, "data"))
    if os.geteuid() == 0:
        shutil.chown(os.path.join(FOLDER, "data"), "nobody")
    run_cases(lambda: shutil.rmtree(FOLDER, ignore_errors=True))
