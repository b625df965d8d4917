"""The control socket: `sipseald status`, `reload` and `counters` ask the sipseald that runs, and nobody else may."""

import json
import os
import shutil
import socket
import stat
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
import sip  # noqa: E402
from cases import case, run_cases  # noqa: E402
from processes import START_LIMIT, Process, children, run  # noqa: E402

BUILD = os.path.realpath(os.environ["SIPSEAL_BUILD"])
SIPSEALD = os.path.join(BUILD, "sipseald")
FOLDER = tempfile.mkdtemp(prefix="sipseal-control-")
AS_ROOT = os.geteuid() == 0
ENVIRONMENT = {"PATH": "/usr/bin:/bin"} | {
    word: os.environ[word] for word in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if word in os.environ}
REFUSED, USAGE, NETWORK = 1, 2, 5
SOCKET = os.path.join(FOLDER, "sipseald.sock")
CONFIG = os.path.join(FOLDER, "sipseald.yaml")


def write(text=None, **server):
    server = {"names": ["proxy1.home.example"], "listen": ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"], "vaults": 1} | server
    if AS_ROOT:
        server["user"] = "nobody"
    with open(CONFIG, "w", encoding="utf-8") as f:
        f.write(text or json.dumps({
            "server": server, "routes": [{"domain": "home.example", "registrar": {"allow": ["127.0.0.0/8"]}}],
            "keys": {"certificate": "proxy1.pem", "private_key": "proxy1.key", "trust": "ca.pem"},
            "store": {"path": "data/store.db"}}))


def start(environment=(), **server):
    write(**server)
    return Process([SIPSEALD, "-c", CONFIG], environment=ENVIRONMENT | dict(environment))


class Running:
    def __init__(self, **options):
        self.daemon = start(**options)

    def __enter__(self):
        self.daemon.wait_for(r"process=parent event=ready\b")
        return self.daemon

    def __exit__(self, *_):
        if self.daemon.running():
            self.daemon.stop()


def ask(*words, status=0):
    """sipseald with a command, about the configuration of these tests."""
    result = run([SIPSEALD, *words, "-c", CONFIG], status=None, environment=ENVIRONMENT)
    assert result.returncode == status, (words, result.returncode, result.stdout, result.stderr)
    return result.stdout.decode(), result.stderr.decode()


def status():
    return json.loads(ask("status", "--json")[0])["status"]


def talk(*pieces, path=SOCKET):
    """What the socket answers to bytes, up to the end of the connection."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(START_LIMIT)
        s.connect(path)
        answer = b""
        try:
            for piece in pieces:
                s.sendall(piece)
            while got := s.recv(65536):
                answer += got
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer


@case
def status_tells_of_processes_listeners_configuration_and_certificates():
    with Running() as daemon:
        told = status()
        assert told["pid"] == daemon.pid and told["state"] == "working", told
        assert told["configuration"]["path"] == os.path.realpath(CONFIG), told
        assert told["configuration"]["last_failure"] is None, told
        assert len(told["listen"]) == 2 and told["listen"][0].startswith("udp://127.0.0.1:"), told
        pids = {words[1]: pid for pid, words in children(daemon.pid).items()}
        assert {p["name"]: p["pid"] for p in told["processes"]} == pids, (told, pids)
        for process in told["processes"]:
            assert process["state"] == "ready" and process["restarts"] == 0, process
            assert process["memory_peak_bytes"] > 1 << 20, process
        (certificate,) = told["certificates"]
        assert certificate["use"] == "keys.certificate" and certificate["name"] == "proxy1.home.example", certificate
        assert 0 < certificate["days_left"] < 10000, certificate
        assert told["transactions"] == told["bindings"] == told["archive_records"] == 0, told


@case
def status_counts_what_was_asked_of_net_and_which_process_was_restarted():
    with Running() as daemon:
        port = int(daemon.wait_for(r"event=listening transport=udp address=127.0.0.1 port=(\d+)")[1])
        register = sip.request("REGISTER", "sip:home.example", [
            ("From", "<sip:alice@home.example>;tag=1"), ("To", "<sip:alice@home.example>"), ("Call-ID", "control"),
            ("CSeq", "1 REGISTER"), ("Contact", "<sip:alice@127.0.0.1:9>")], transport="UDP")
        answer = sip.ask(("127.0.0.1", port), register, transport="udp")
        assert answer and answer.status == 200, answer and answer.data
        told = status()
        assert told["bindings"] == 1 and told["transactions"] == 1, told
        old = {p["name"]: p["pid"] for p in told["processes"]}
        mark = daemon.mark()
        os.kill(old["vault-1"], 9)
        daemon.wait_for(r"process=vault-1 event=ready\b", after=mark)
        told = {p["name"]: p for p in status()["processes"]}
        assert told["vault-1"]["restarts"] == 1 and told["vault-1"]["pid"] != old["vault-1"], told
        assert told["net"]["restarts"] == 0 and told["net"]["pid"] == old["net"], told


@case
def status_for_people_says_the_same_in_words():
    with Running() as daemon:
        shown, _ = ask("status")
        for word in (f"process {daemon.pid}", os.path.realpath(CONFIG), "udp://127.0.0.1:", "vault-1", "store",
                     "proxy1.home.example", "days left", "MiB"):
            assert word in shown, (word, shown)


@case
def counters_are_those_of_every_process_by_group():
    with Running():
        told = json.loads(ask("counters", "--json")[0])["counters"]
        assert sorted(told) == ["net", "store", "vault-1"], told
        assert told["net"]["sip"]["requests"] == 0 and told["net"]["transport"]["accepted"] == 0, told
        assert told["vault-1"]["vault"]["jobs"] == 0 and told["store"]["store"]["asked"] == 0, told
        assert all(process["process"]["memory_peak_bytes"] > 0 for process in told.values()), told
        assert "net sip requests 0\n" in ask("counters")[0]


@case
def reload_waits_for_its_end_and_says_what_changed():
    with Running():
        assert ask("reload") == ("reloaded; changed: nothing\n", "")
        write(vaults=2)
        assert json.loads(ask("reload", "--json")[0]) == {"ok": True, "changed": "server"}
        told = status()
        assert told["configuration"]["loaded"] >= told["started"] and told["configuration"]["last_failure"] is None
        assert sorted(p["name"] for p in told["processes"] if p["state"] == "ready") == [
            "net", "store", "vault-2", "vault-3"], told


@case
def a_reload_that_is_refused_ends_with_its_faults_and_status_one():
    with Running():
        write("server: {names: [proxy1.home.example], listen: ['udp://127.0.0.1:0']}\nroute: []\n")
        shown, said = ask("reload", status=REFUSED)
        assert shown == "" and f"{CONFIG}:2:1: route: " in said and "routes: is missing" in said, (shown, said)
        told = status()["configuration"]
        assert any("route" in line for line in told["last_failure_errors"]) and told["last_failure"], told
        assert "last failure" in ask("status")[0]
        write()
        ask("reload")
        told = status()["configuration"]
        assert told["last_failure"] and told["loaded"] >= told["last_failure"], told


@case
def a_reload_says_which_address_cannot_be_bound():
    with socket.socket() as taken, Running():
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        write(listen=["udp://127.0.0.1:0", address])
        said = ask("reload", status=REFUSED)[1]
        assert f"{address}: Address already in use: another process listens there" in said, said


@case
def another_control_socket_needs_a_restart():
    with Running():
        write(control="other.sock")
        told = json.loads(run([SIPSEALD, "reload", "--json", "-c", CONFIG, "--control", SOCKET], status=None,
                              environment=ENVIRONMENT).stdout)
        assert not told["ok"] and any("server.control" in line for line in told["errors"]), told


@case
def the_socket_is_for_its_user_alone():
    with Running():
        mode = os.stat(SOCKET).st_mode
        assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, oct(mode)


@case
def what_is_no_question_is_not_answered_and_harms_nothing():
    with Running() as daemon:
        for said in (b"\n", b"status\n", b'{"command":"status"', b'{"command":"status"}\n{"command":"status"}\n',
                     b'{"command":"status","x":1}\n', b'{"command":"\\u0073tatus"}\n', b'{"command":""}\n',
                     b"x" * 300, b'{"command":"status"}' + b" " * 256 + b"\n", b"\0" * 20 + b"\n"):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(START_LIMIT)
                s.connect(SOCKET)
                s.sendall(said)
                s.shutdown(socket.SHUT_WR)
                try:
                    assert s.recv(100) == b"", said
                except ConnectionResetError:
                    pass
        assert json.loads(talk(b' { "command" : "status" } \r\n'))["ok"]
        assert json.loads(talk(b'{"comm', b'and":"status"}\n'))["ok"]
        told = json.loads(talk(b'{"command":"dance"}\n'))
        assert not told["ok"] and "knows no such command" in told["errors"][0], told
        assert daemon.running()


@case
def those_who_say_nothing_keep_nobody_else_out():
    with Running():
        silent = [socket.socket(socket.AF_UNIX) for _ in range(20)]
        for s in silent:
            s.connect(SOCKET)
        assert status()["state"] == "working"
        for s in silent:
            s.close()


@case
def a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not():
    with Running() as daemon:
        daemon.process.kill()
        daemon.wait()
    assert os.path.exists(SOCKET)
    with Running() as first:
        assert status()["pid"] == first.pid
        write(control=SOCKET)
        second = Process([SIPSEALD, "-c", CONFIG], environment=ENVIRONMENT)
        assert second.wait() == 1, second.log()
        assert "event=no-control-socket" in second.log() and "another sipseald answers there" in second.log()
        assert status()["pid"] == first.pid


@case
def without_a_name_in_the_configuration_a_socket_that_cannot_be_made_is_a_warning():
    if os.path.lexists(SOCKET):
        os.unlink(SOCKET)  # where the fence does not let sipseald remove it
    with open(SOCKET, "w", encoding="utf-8") as f:
        f.write("somebody's file\n")
    with Running() as daemon:
        assert "level=warning process=parent event=no-control-socket" in daemon.log()
        with open(SOCKET, encoding="utf-8") as f:
            assert f.read() == "somebody's file\n"
    os.unlink(SOCKET)


@case
def a_service_manager_says_where_it_is():
    place = os.path.join(FOLDER, "run")
    os.mkdir(place)
    with Running(environment={"RUNTIME_DIRECTORY": place}):
        assert stat.S_ISSOCK(os.stat(os.path.join(place, "sipseald.sock")).st_mode)
        said = ask("status", status=NETWORK)[1]
        assert "no sipseald answers there" in said or "it may not be reached" in said, said
        told = run([SIPSEALD, "status", "--json", "--control", os.path.join(place, "sipseald.sock")],
                   environment=ENVIRONMENT)
        assert json.loads(told)["ok"]


@case
def where_nobody_answers_the_status_is_that_of_the_network():
    write()
    said = ask("status", status=NETWORK)[1]
    assert SOCKET in said and "start it" in said, said


@case
def a_command_line_that_is_not_understood_is_said_to_be():
    for words in (["dance"], ["status", "reload"], ["status", "-t"], ["status", "-v"], ["--json"], ["status", "--control"]):
        said = ask(*words, status=USAGE)[1]
        assert "see sipseald --help" in said, (words, said)


@case
def the_end_ends_those_who_wait():
    with Running() as daemon, socket.socket(socket.AF_UNIX) as s:
        s.settimeout(START_LIMIT)
        s.connect(SOCKET)
        assert daemon.stop() == 0
        assert s.recv(1) == b""


def make_files():
    openssl.authority(FOLDER)
    openssl.issue(FOLDER, FOLDER, "proxy1", "DNS:proxy1.home.example")
    os.mkdir(os.path.join(FOLDER, "data"))
    if AS_ROOT:
        shutil.chown(os.path.join(FOLDER, "data"), "nobody")


if __name__ == "__main__":
    make_files()
    run_cases(lambda: shutil.rmtree(FOLDER, ignore_errors=True))
