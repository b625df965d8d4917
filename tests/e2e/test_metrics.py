"""/metrics and /health, as those who look after the server see them over HTTP on loopback."""

import json
import os
import re
import shutil
import signal
import socket
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
import prometheus  # noqa: E402
import sip  # noqa: E402
from cases import case, run_cases  # noqa: E402
from processes import START_LIMIT, Process, children, run, until  # noqa: E402

BUILD = os.path.realpath(os.environ["SIPSEAL_BUILD"])
SOURCE = os.environ.get("SIPSEAL_SOURCE") or os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
SIPSEALD = os.path.join(BUILD, "sipseald")
FOLDER = tempfile.mkdtemp(prefix="sipseal-metrics-")
CONFIG = os.path.join(FOLDER, "sipseald.yaml")
HEAD_MAX = 4096  # HTTP_HEAD_MAX
ENVIRONMENT = {"PATH": "/usr/bin:/bin"} | {
    word: os.environ[word] for word in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if word in os.environ}


def write(listen="127.0.0.1:0", **sections):
    server = {"names": ["proxy1.home.example"], "listen": ["udp://127.0.0.1:0"], "vaults": 1}
    config = {"server": server, "routes": [{"domain": "home.example", "registrar": {"allow": ["127.0.0.0/8"]}}],
              "keys": {"certificate": "proxy1.pem", "private_key": "proxy1.key", "trust": "ca.pem"},
              "store": {"path": "data/store.db"}}
    if os.geteuid() == 0:
        server["user"] = "nobody"
    if listen:
        config["metrics"] = {"listen": listen}
    with open(CONFIG, "w", encoding="utf-8") as f:
        json.dump(config | sections, f)


class Running:
    def __init__(self, listen="127.0.0.1:0", **sections):
        write(listen, **sections)
        self.daemon = Process([SIPSEALD, "-c", CONFIG], environment=ENVIRONMENT)

    def __enter__(self):
        self.daemon.wait_for(r"process=parent event=ready\b")
        self.moved()
        return self

    def moved(self, after=0):
        found = self.daemon.wait_for(r"event=metrics-listening address=(\S+) port=(\d+)", after)
        self.address = (found[1], int(found[2]))

    def __exit__(self, *_):
        if self.daemon.running():
            self.daemon.stop()

    def connect(self):
        s = socket.create_connection(self.address)
        s.settimeout(START_LIMIT)
        return s

    def ask(self, path, method="GET", rest="Host: localhost\r\n\r\n"):
        """(status, {header: value}, body)"""
        return self.say(f"{method} {path} HTTP/1.1\r\n{rest}".encode())

    def say(self, *pieces):
        with self.connect() as s:
            for piece in pieces:
                s.sendall(piece)
            return answer_of(s)

    def metrics(self):
        status, headers, body = self.ask("/metrics")
        assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4"), headers
        return prometheus.read(body.decode("ascii"))

    def value(self, name, **labels):
        family = self.metrics().get(name)
        return family and family.samples.get((name, tuple(labels.items())))

    def health(self):
        status, headers, body = self.ask("/health")
        assert headers["content-type"] == "application/json", headers
        return status, json.loads(body)

    def pids(self):
        return {words[1]: pid for pid, words in children(self.daemon.pid).items() if len(words) > 1}


def answer_of(s):
    data = b""
    while got := s.recv(65536):
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in lines)}
    assert line.startswith("HTTP/1.1 ") and headers["connection"] == "close", data[:200]
    return int(line.split()[1]), headers, body


def page():
    """{name of a metric: (type, help)} by sipseald(8), read apart from what the build makes of it."""
    with open(os.path.join(SOURCE, "man/sipseald.8"), encoding="utf-8") as f:
        text = f.read()
    found = {}
    counters = re.search(r"^\.Ss Counters\n(.*?)^\.Ss Metrics\n(.*?)^\.Sh ", text, re.S | re.M)
    group = None
    for line in counters[1].splitlines():
        if matched := re.fullmatch(r"\.Li (\w+)(?: [:,])?", line):
            group = matched[1]
        elif line.startswith(".It Li "):
            names = re.findall(r"\w+", line[7:])
        elif re.match(r"[A-Z]", line) and group and names:
            for name in names:
                gauge = line.startswith("Now:")
                found[f"sipseal_{group}_{name}" + ("" if gauge else "_total")] = "gauge" if gauge else "counter"
            names = []
    for name, first in re.findall(r"^\.It Li (\w+)\n(.*)", counters[2], re.M):
        kind = "gauge" if first.startswith("Now:") else "counter" if name.endswith("_total") else "histogram"
        found[name] = kind
    return found


@case
def every_metric_is_one_of_the_manual_page_and_every_one_of_the_page_is_there():
    with Running() as running:
        until(lambda: running.value("sipseal_store_asked_total", process="store") == 0
              and running.value("sipseal_vault_jobs_total", process="vault-1") == 0
              and running.value("sipseal_parent_reloads_total", process="parent") == 0, "all have told")
        told = {name: family.type for name, family in running.metrics().items()}
        assert len(told) > 60, told
        wanted = page()
        assert told == wanted, sorted(set(told.items()) ^ set(wanted.items()))


@case
def metrics_count_what_happens_and_name_nobody():
    with Running() as running:
        port = int(running.daemon.wait_for(r"event=listening transport=udp address=127.0.0.1 port=(\d+)")[1])
        with sip.Client(("127.0.0.1", port), "udp") as client:
            headers = [("From", "<sip:alice@home.example>;tag=1"), ("To", "<sip:alice@home.example>"),
                       ("Call-ID", "metrics"), ("CSeq", "1 REGISTER")]
            contact = [("Contact", f"<sip:alice@127.0.0.1:{client.socket.getsockname()[1]}>")]
            assert client.ask(sip.request("REGISTER", "sip:home.example", headers + contact, transport="UDP")).status == 200
            assert running.value("sipseal_sip_requests_total", process="net") == 1
            assert running.value("sipseal_sip_bindings", process="net") == 1
            bad = headers[:-1] + [("CSeq", "2 REGISTER"), ("Max-Forwards", "0")]
            assert client.ask(sip.request("OPTIONS", "sip:bob@nowhere.example", bad, transport="UDP")).status >= 400
        body = running.ask("/metrics")[2].decode()
        broken = prometheus.read(body)["sipseal_rules_broken_total"].samples
        assert sum(broken.values()) == 1 and all(dict(labels)["process"] == "net" for _, labels in broken), broken
        for word in ("alice", "127.0.0.1", "nowhere.example"):
            assert word not in body, word


@case
def the_time_that_requests_are_held_is_a_histogram():
    server = sip.Server(host="127.0.0.1")
    try:
        with Running(routes=[{"domain": "far.example", "next": server.uri("udp")}]) as running:
            port = int(running.daemon.wait_for(r"event=listening transport=udp address=127.0.0.1 port=(\d+)")[1])
            headers = [("From", "<sip:alice@home.example>;tag=1"), ("To", "<sip:bob@far.example>"), ("Call-ID", "held"),
                       ("CSeq", "1 OPTIONS")]
            answer = sip.ask(("127.0.0.1", port), sip.request("OPTIONS", "sip:bob@far.example", headers,
                                                              transport="UDP"), "udp")
            assert answer and answer.status == 200, answer and answer.data
            held = running.metrics()["sipseal_request_held_seconds"]
            assert held.type == "histogram" and held.samples[("sipseal_request_held_seconds_count", ())] == 1, held.samples
    finally:
        server.stop()


@case
def a_process_that_dies_is_told_of():
    with Running() as running:
        until(lambda: running.value("sipseal_process_up", process="vault-1") == 1, "the vault is up")
        before = running.value("sipseal_process_start_time_seconds", process="vault-1")
        os.kill(running.pids()["vault-1"], signal.SIGKILL)
        until(lambda: running.value("sipseal_process_restarts_total", process="vault-1") == 1, "the restart is told of")
        assert running.value("sipseal_process_start_time_seconds", process="vault-1") >= before
        assert running.value("sipseal_process_restarts_total", process="store") == 0


@case
def what_a_process_told_grows_old_and_says_so():
    with Running() as running:
        until(lambda: running.value("sipseal_process_report_age_seconds", process="store") is not None, "it has told")
        assert running.value("sipseal_process_report_age_seconds", process="net") == 0
        store = running.pids()["store"]
        os.kill(store, signal.SIGSTOP)
        try:
            until(lambda: running.value("sipseal_process_report_age_seconds", process="store") > 8, "it grows old")
        finally:
            os.kill(store, signal.SIGCONT)
        until(lambda: running.value("sipseal_process_report_age_seconds", process="store") < 8, "it has told again")


@case
def health_is_ok_and_says_why_it_is_not():
    with Running() as running:
        assert running.health() == (200, {"status": "ok", "reasons": []})
        assert running.value("sipseal_healthy") == 1
        pids = running.pids()
        os.kill(running.daemon.pid, signal.SIGSTOP)  # or it would start another one at once
        try:
            os.kill(pids["vault-1"], signal.SIGKILL)
            until(lambda: running.health() == (503, {"status": "failing", "reasons": ["vault-down"]}), "the vault is missed")
            os.kill(pids["store"], signal.SIGKILL)
            until(lambda: running.health()[1]["reasons"] == ["vault-down", "store-down"], "the store is missed")
            assert running.value("sipseal_healthy") == 0
        finally:
            os.kill(running.daemon.pid, signal.SIGCONT)
        until(lambda: running.health()[0] == 200, "both are back")


@case
def nothing_else_is_there_and_nothing_else_is_done():
    with Running() as running:
        for path in ("/", "/metric", "/metrics/", "/../metrics", "http://localhost/metrics", "*", "/health%00"):
            assert running.ask(path)[0] == 404, path
        assert running.ask("/health?verbose=1")[0] == 200
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get"):
            status, headers, _ = running.ask("/metrics", method)
            assert status == 405 and headers["allow"] == "GET, HEAD", (method, status)


@case
def head_says_what_get_would_say_without_its_body():
    with Running() as running:
        got = running.ask("/health")
        status, headers, body = running.ask("/health", "HEAD")
        assert (status, headers, body) == (got[0], got[1], b"") and headers["content-length"] == str(len(got[2]))


@case
def what_is_no_request_is_refused():
    with Running() as running:
        for line in (b"\r\n", b"GET /metrics\r\n", b"GET  /metrics HTTP/1.1\r\n", b"GET /metrics HTTP/2\r\n",
                     b"GET /metrics HTTP/1.1 x\r\n", b"\x16\x03\x01\x02\x00\x01\r\n", b"GET /\0 HTTP/1.1\r\n"):
            assert running.say(line + b"\r\n")[0] == 400, line
        assert running.say(b"GET /health HTTP/1.0\r\n", b"X: 1\r\n", b"\r\n")[0] == 200
        for line in (b"GET /", b"GET /health HTTP/1.1\r\nX: "):
            assert running.say(line + b"x" * (HEAD_MAX - len(line)))[0] == 431, line
        assert running.daemon.running()


@case
def those_who_say_nothing_keep_nobody_else_out():
    with Running() as running:
        silent = [running.connect() for _ in range(30)]
        assert running.health()[0] == 200
        gone = 0
        for s in silent:
            with s:
                gone += s.recv(1) == b""  # at the limit of time at the latest
        assert gone == 30


@case
def a_reload_moves_the_socket_keeps_it_or_takes_it_away():
    with Running() as running:
        address, mark = running.address, running.daemon.mark()
        run([SIPSEALD, "reload", "-c", CONFIG], environment=ENVIRONMENT)
        assert running.health()[0] == 200 and "metrics-listening" not in "\n".join(running.daemon.lines[mark:])
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        write(f"127.0.0.1:{port}")
        assert run([SIPSEALD, "reload", "-c", CONFIG], environment=ENVIRONMENT) == b"reloaded; changed: metrics\n"
        running.moved(mark)
        assert running.address[1] == port and running.health()[0] == 200
        write(None)
        run([SIPSEALD, "reload", "-c", CONFIG], environment=ENVIRONMENT)
        for place in (address, running.address):
            with socket.socket() as s:
                assert s.connect_ex(place) != 0, place


@case
def it_listens_on_loopback_alone():
    for listen, problem in (("0.0.0.0:9464", "can be reached from outside"), ("192.0.2.1:9464", "from outside"),
                            ("[::]:9464", "from outside"), ("localhost:9464", "is no address with a port"),
                            ("127.0.0.1", "is no address with a port"), ("[::1]", "is no address with a port")):
        write(listen)
        result = run([SIPSEALD, "-t", "-c", CONFIG], status=None, environment=ENVIRONMENT)
        assert result.returncode == 1 and problem in result.stderr.decode(), (listen, result)
    with Running("[::1]:0") as running:
        assert running.address[0] == "::1" and running.health()[0] == 200


def make_files():
    openssl.authority(FOLDER)
    openssl.issue(FOLDER, FOLDER, "proxy1", "DNS:proxy1.home.example")
    os.mkdir(os.path.join(FOLDER, "data"))
    if os.geteuid() == 0:
        shutil.chown(os.path.join(FOLDER, "data"), "nobody")


if __name__ == "__main__":
    make_files()
    run_cases(lambda: shutil.rmtree(FOLDER, ignore_errors=True))
