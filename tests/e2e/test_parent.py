"""sipseald as its operator meets it: the configuration is checked, sockets are bound, processes are started, started
again and ended."""

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
from cases import case, run_cases, skip  # noqa: E402
from processes import Process, children, run, until  # noqa: E402

BUILD = os.path.realpath(os.environ["SIPSEAL_BUILD"])
SIPSEALD = os.path.join(BUILD, "sipseald")
SOURCE = os.environ.get("SIPSEAL_SOURCE") or os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
FOLDER = tempfile.mkdtemp(prefix="sipseal-parent-")
AS_ROOT = os.geteuid() == 0
NAMES = ["net", "store", "vault-1", "vault-2"]
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "SECRET_OF_THE_OPERATOR": "must not be inherited"} | {
    word: os.environ[word] for word in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if word in os.environ}
RULE = {"methods": ["MESSAGE"], "require": ["view", "verify"], "mode": "enforce"}


def file(name):
    return os.path.join(FOLDER, name)


def make_files():
    os.chmod(FOLDER, 0o755)
    openssl.authority(FOLDER)
    openssl.issue(FOLDER, FOLDER, "proxy1", "DNS:proxy1.home.example")
    openssl.issue(FOLDER, FOLDER, "other", "DNS:other.home.example")
    openssl.issue(FOLDER, FOLDER, "auditor", "URI:sip:auditor@home.example")
    openssl.issue(FOLDER, FOLDER, "signer", "DNS:proxy1.home.example", usage="digitalSignature")
    openssl.issue(FOLDER, FOLDER, "rsa", "URI:sip:rsa@home.example", usage="digitalSignature,keyEncipherment",
                  key=("rsa", "rsa_keygen_bits:2048"))
    openssl.issue(FOLDER, FOLDER, "p521", "URI:sip:p521@home.example", usage="digitalSignature,keyAgreement",
                  key=("ec", "ec_paramgen_curve:P-521"))
    openssl.issue(FOLDER, FOLDER, "old", "DNS:proxy1.home.example", start="20200101000000Z", end="20210101000000Z")
    openssl.authority(file("stranger"), "Stranger")
    os.mkdir(file("empty"))
    os.mkdir(file("data"))
    if AS_ROOT:
        shutil.chown(file("data"), "nobody")


def configuration(changes=()):
    """One that is good; `changes` are ("section.key", value), a value of None takes the key away."""
    config = {
        "server": {"names": ["proxy1.home.example"], "listen": ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"], "vaults": 2},
        "keys": {"certificate": "proxy1.pem", "private_key": "proxy1.key", "trust": "ca.pem"},
        "routes": [{"domain": "home.example", "registrar": {}}],
        "policy": [RULE],
        "archive": {"path": "data/archive.db", "readers": ["auditor.pem"]},
        "store": {"path": "data/store.db"},
    }
    if AS_ROOT:
        config["server"]["user"] = "nobody"
    for path, value in changes:
        section, _, key = path.partition(".")
        if not key:
            config[section] = value
        elif value is None:
            del config[section][key]
        else:
            config[section][key] = value
        if config[section] is None:
            del config[section]
    return config


def write(config):
    path = file("sipseald.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(config if isinstance(config, str) else json.dumps(config))
    return path


def check(config):
    """sipseald -t: (exit status, standard output, lines of standard error without the file's name)."""
    path = write(config)
    result = run([SIPSEALD, "-t", "-c", path], status=None, environment=ENVIRONMENT)
    errors = result.stderr.decode().replace(path + ":", "").splitlines()
    return result.returncode, result.stdout.decode(), errors


class Daemon(Process):
    """sipseald that is ended with the case."""

    def __init__(self, *changes, options=(), config=None):
        path = write(config or configuration(changes))
        super().__init__([SIPSEALD, "-c", path, *options], environment=ENVIRONMENT)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self.running():
            self.process.terminate()
            try:
                self.process.wait(20)
            except Exception:
                self.process.kill()
                raise

    def ready(self, after=0):
        self.wait_for(r"process=parent event=ready\b", after)
        return self

    def by_name(self):
        found = {}
        for pid in children(self.pid):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
            except OSError:
                continue
            if len(words) > 2 and words[0].startswith(b"sipseald-"):
                found[words[1].decode()] = pid
        return found

    def port(self, transport):
        return int(self.wait_for(rf"event=listening transport={transport} address=127.0.0.1 port=(\d+)", limit=1)[1])


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def answers(port):
    """Whether net serves the UDP socket: a request that it must answer itself is answered."""
    request = ("OPTIONS sip:nobody@nowhere.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{0};branch=z9hG4bK{1}\r\n"
               "From: <sip:a@home.example>;tag=a\r\nTo: <sip:nobody@nowhere.example>\r\nCall-ID: {1}\r\n"
               "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(20)
        s.sendto(request.format(s.getsockname()[1], os.urandom(8).hex()).encode(), ("127.0.0.1", port))
        return s.recv(65536).startswith(b"SIP/2.0 404 ")


# --- the command line ---

@case
def the_command_line_is_explained_and_refused_where_it_is_not_understood():
    assert b"--libexec DIR" in run([SIPSEALD, "--help"])
    assert re.fullmatch(rb"sipseald \d+\.\d+\.\d+\n", run([SIPSEALD, "--version"]))
    for words in (["--frobnicate"], ["-c"], ["word"], ["-x"]):
        result = run([SIPSEALD, *words], status=2)
        assert result == b""


@case
def the_processes_are_not_started_by_hand():
    for name in ("net", "vault", "store"):
        program = os.path.join(BUILD, f"sipseald-{name}")
        for words in ([], [name, "info"]):
            result = run([program, *words], status=None)
            assert result.returncode == 2 and b"a part of sipseald" in result.stderr, result


# --- sipseald -t ---

@case
def a_good_configuration_is_said_to_be_valid():
    assert check(configuration()) == (0, "configuration is valid\n", [])
    assert check(configuration([("keys.trust", "../" + os.path.basename(FOLDER) + "/ca.pem")]))[0] == 0


@case
def every_fault_is_told_with_its_place():
    status, output, errors = check("server: {names: [proxy1.home.example], listen: [tls://0.0.0.0:5061]}\n"
                                   "routes: [{domain: home.example, registrar: {allow: [127.0.0.1/8]}}]\n"
                                   "limts: {}\n")
    assert (status, output) == (1, "")
    assert errors == [
        "1:48: server.listen: has an entry for TLS, which needs a section tls with certificate, private_key and trust; "
        "add it, or remove the entry",
        '2:53: routes[0].registrar.allow[0]: "127.0.0.1/8" has bits set behind its prefix; set them to zero, or write '
        'a longer prefix',
        "3:1: limts: is not a known key; did you mean limits?"], errors


@case
def a_configuration_that_cannot_be_read_is_named():
    result = run([SIPSEALD, "-t", "-c", file("nothing.conf")], status=1, environment=ENVIRONMENT)
    assert result == b""
    result = run([SIPSEALD, "-t", "-c", file("nothing.conf")], status=None, environment=ENVIRONMENT)
    path = file("nothing.conf")
    assert result.stderr.decode() == (f"{path}:1:1: file: there is no file {path}; create it, or correct the path\n"), (
        result.stderr)
    result = run([SIPSEALD, "-t", "-c", FOLDER], status=None, environment=ENVIRONMENT)
    assert result.returncode == 1 and b"is not a regular file" in result.stderr


def assert_fault(changes, wanted):
    status, _, errors = check(configuration(changes))
    assert status == 1 and len(errors) == 1 and re.fullmatch(rf"1:\d+: {wanted}", errors[0]), errors


@case
def files_that_are_missing_or_hold_something_else_are_named():
    folder = re.escape(FOLDER)
    assert_fault([("keys.certificate", "none.pem")],
                 rf"keys\.certificate: there is no file {folder}/none\.pem; create it, or correct the path")
    assert_fault([("keys.certificate", "proxy1.key")],
                 r"keys\.certificate: .* does not hold one certificate in PEM; give it one CERTIFICATE block")
    assert_fault([("keys.private_key", "proxy1.pem")], r"keys\.private_key: .*others than its owner have rights.*")
    assert_fault([("keys.trust", "proxy1.key")], r"keys\.trust: .* holds neither a certificate nor a revocation list.*")
    assert_fault([("keys.trust", "empty")], r"keys\.trust: .* holds no certificate of an authority; put one there.*")
    assert_fault([("keys.trust", "none/")], r"keys\.trust: there is no file .*")
    assert_fault([("archive.readers", ["auditor.pem", "none.pem"])], r"archive\.readers\[1\]: there is no file .*")
    assert_fault([("archive.path", "none/archive.db")], r"archive\.path: there is no folder .*; create it, or .*")
    assert_fault([("store.path", "empty")], r"store\.path: .* is not a regular file; name a file")
    assert_fault([("server.user", "nobody-of-that-name")], r"server\.user: this system has no user .*")


@case
def a_private_key_that_others_may_read_is_refused():
    for mode in (0o640, 0o604, 0o620, 0o601):
        shutil.copy(file("proxy1.key"), file("open.key"))
        os.chmod(file("open.key"), mode)
        assert_fault([("keys.private_key", "open.key")],
                     r"keys\.private_key: others than its owner have rights to .*/open\.key; run chmod 600 on it")


@case
def keys_that_do_not_fit_are_refused():
    assert_fault([("keys.private_key", "other.key")], r"keys\.private_key: it is not the key of keys\.certificate; .*")
    assert_fault([("keys.certificate", "other.pem"), ("keys.private_key", "other.key")],
                 r"keys\.certificate: the certificate names none of server\.names; .*")
    assert_fault([("keys.certificate", "signer.pem"), ("keys.private_key", "signer.key")],
                 r"keys\.certificate: its key usage does not allow sealing; .*")
    assert_fault([("archive.readers", ["p521.pem"])],
                 r"archive\.readers\[0\]: the certificate's key is of a kind or size that is refused; .*")
    assert check(configuration([("archive.readers", ["rsa.pem"])]))[0] == 0
    with open(file("locked.key"), "wb") as f:
        f.write(run([openssl.PROGRAM, "pkcs8", "-topk8", "-in", file("proxy1.key"), "-passout", "pass:x"]))
    os.chmod(file("locked.key"), 0o600)
    assert_fault([("keys.private_key", "locked.key")],
                 r"keys\.private_key: .* does not hold one unencrypted PKCS#8 private key; convert it with openssl .*")


@case
def what_is_no_fault_is_a_warning():
    status, output, errors = check(configuration([("keys.certificate", "old.pem"), ("keys.private_key", "old.key")]))
    assert (status, output) == (0, "configuration is valid\n"), errors
    assert len(errors) == 1 and "keys.certificate: the certificate has expired; replace it (a warning)" in errors[0]
    status, output, errors = check(configuration([("keys.trust", "stranger/ca.pem")]))
    assert (status, output) == (0, "configuration is valid\n"), errors
    assert len(errors) == 1 and "does not chain to a trusted authority" in errors[0] and "(a warning)" in errors[0]


@case
def a_next_hop_is_found_by_its_name():
    to_localhost = [("routes", [{"domain": "*", "next": "sip:localhost:5999;transport=tcp"}])]
    try:
        socket.getaddrinfo("localhost", 5999)
    except socket.gaierror:  # a bare chroot has no /etc/hosts
        assert_fault(to_localhost, r'routes\[0\]\.next: "sip:localhost:.*" names a host that has no address now; .*')
    else:
        assert check(configuration(to_localhost))[0] == 0
    assert_fault([("routes", [{"domain": "*", "next": "sip:no-such-host.invalid"}])],
                 r'routes\[0\]\.next: "sip:no-such-host\.invalid" names a host that has no address now; .*')


@case
def the_manual_names_every_key():
    with open(os.path.join(SOURCE, "man/sipseald.conf.5"), encoding="utf-8") as f:
        page = f.read()
    described = set(re.findall(r"^\.(?:It Ic|Ss) (\w+)", page, re.M))
    known = set()
    bad = {"plugh-plugh-plugh": 1}
    changes = [("plugh-plugh-plugh", 1), ("routes", [{"registrar": bad} | bad]), ("policy", [bad])] + [
        (section, bad) for section in ("server", "keys", "tls", "archive", "store", "limits", "metrics", "hep",
                                       "policy_object")]
    for change in changes:
        for line in check(configuration([change]))[2]:
            listed = re.search(r"plugh: is not a known key; known here are (.*)", line)
            known |= set(listed[1].split(", ")) if listed else set()
    assert "idle_seconds" in known and "transactions" in known, known
    assert known - {"allow"} == described, known ^ described
    assert "allow" in page


# --- sockets ---

@case
def it_says_where_it_listens_and_when_it_is_ready():
    with Daemon() as daemon:
        ready = daemon.ready().wait_for(r"process=parent event=ready (.*)")[1]
        udp, tcp = daemon.port("udp"), daemon.port("tcp")
        assert ready == f"listen=udp://127.0.0.1:{udp} listen=tcp://127.0.0.1:{tcp} vaults=2", ready
        assert sorted(daemon.by_name()) == NAMES
        socket.create_connection(("127.0.0.1", tcp), 10).close()
        assert answers(udp)


@case
def an_address_in_use_is_named_and_nothing_is_started():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken, socket.socket() as listening:
        taken.bind(("127.0.0.1", 0))
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        addresses = [f"udp://127.0.0.1:{taken.getsockname()[1]}", f"tcp://127.0.0.1:{listening.getsockname()[1]}"]
        with Daemon(("server.listen", addresses)) as daemon:
            assert daemon.wait() == 1
            for address in addresses:
                daemon.wait_for(rf'event=cannot-listen listen={address} reason="Address already in use" '
                                r'advice="another process listens there; ')
            assert "event=started" not in daemon.log()


@case
def an_address_of_another_machine_is_named():
    with Daemon(("server.listen", ["tcp://192.0.2.1:5060"])) as daemon:
        assert daemon.wait() == 1
        daemon.wait_for(r"event=cannot-listen listen=tcp://192.0.2.1:5060 .*this machine has no such address")


# --- processes ---

@case
def each_process_that_dies_is_started_again():
    with Daemon() as daemon:
        daemon.ready()
        for name in NAMES:
            before, place = daemon.by_name(), daemon.mark()
            os.kill(before[name], signal.SIGKILL)
            daemon.wait_for(rf"event=ended child={name} pid={before[name]} how=signal code=9", place)
            daemon.wait_for(rf"event=started child={name} ", place)
            daemon.wait_for(rf"process={name} event=ready\b", place)
            after = daemon.by_name()
            assert sorted(after) == NAMES and after.pop(name) != before.pop(name) and after == before
            assert answers(daemon.port("udp"))
        assert "cannot-tell" not in daemon.log() and "bad-message" not in daemon.log(), daemon.log()


@case
def a_process_that_keeps_dying_waits_longer_each_time():
    with Daemon() as daemon:
        daemon.ready()
        for death in range(1, 6):
            place = daemon.mark()
            os.kill(daemon.by_name()["vault-1"], signal.SIGKILL)
            if death > 3:
                daemon.wait_for(rf"event=waiting child=vault-1 milliseconds={1000 << (death - 4)}\b", place)
            daemon.wait_for(r"process=vault-1 event=ready\b", place)
        assert daemon.log().count("event=waiting") == 2
        assert answers(daemon.port("udp"))


def stubs(store):
    """Programs in place of those of sipseald: `store` is a shell script."""
    folder = tempfile.mkdtemp(dir=FOLDER)
    os.chmod(folder, 0o755)
    for name in ("net", "vault"):
        os.symlink(os.path.join(BUILD, f"sipseald-{name}"), os.path.join(folder, f"sipseald-{name}"))
    path = os.path.join(folder, "sipseald-store")
    with open(path, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n" + store)
    os.chmod(path, 0o755)
    return folder


@case
def a_process_that_never_gets_ready_is_given_up_and_all_ends():
    with Daemon(options=["--libexec", stubs("exit 3\n")]) as daemon:
        assert daemon.wait() == 1
        assert daemon.log().count("event=started child=store ") == 6
        daemon.wait_for(r'event=ended child=store pid=\d+ how=exit code=3')
        daemon.wait_for(r'event=given-up child=store reason="it died again and again before it was ready"')
        assert "event=started child=net" not in daemon.log() and "event=ready listen" not in daemon.log()


@case
def a_process_that_says_what_it_must_not_is_killed():
    talk = "exec /usr/bin/python3 -c 'import os, time; os.write(3, b\"nonsense\"); time.sleep(60)'\n"
    with Daemon(options=["--libexec", stubs(talk)]) as daemon:
        daemon.wait_for(r'event=killed child=store reason="it said what it must not"')
        daemon.wait_for(r"event=ended child=store pid=\d+ how=signal code=9")


@case
def a_program_that_is_missing_is_named():
    with Daemon(options=["--libexec", file("empty")]) as daemon:
        assert daemon.wait() == 1
        daemon.wait_for(rf'event=no-program program={re.escape(file("empty"))}/sipseald-store reason="No such file')
        assert "event=started" not in daemon.log()


@case
def a_store_that_cannot_be_opened_ends_the_start_with_advice():
    with open(file("data/broken.db"), "wb") as f:
        f.write(b"this is no database" * 100)
    if AS_ROOT:
        shutil.chown(file("data/broken.db"), "nobody")
    with Daemon(("store.path", "data/broken.db")) as daemon:
        assert daemon.wait() == 1
        daemon.wait_for(r'event=given-up child=store reason=.* advice="look at store.path and archive.path: ')


@case
def without_keys_there_is_no_vault_and_the_rest_runs():
    with Daemon(("keys", None), ("policy", None), ("archive", None)) as daemon:
        daemon.ready()
        assert sorted(daemon.by_name()) == ["net", "store"]
        assert answers(daemon.port("udp"))


# --- what a process is given ---

def read_proc(pid, what):
    try:
        with open(f"/proc/{pid}/{what}", "rb") as f:
            return f.read()
    except PermissionError:
        skip("the processes are fenced against being looked at: needs root")
        return None


@case
def a_process_inherits_nothing_but_its_channel_and_the_log():
    with open(file("secret"), "w", encoding="utf-8") as held:
        os.set_inheritable(held.fileno(), True)
        process = Process(["/bin/sh", "-c", f"exec 9<{file('secret')} {SIPSEALD} -c {write(configuration())}"],
                          environment=ENVIRONMENT)
        try:
            process.wait_for(r"process=parent event=ready\b")
            for pid in children(process.pid):
                assert b"SECRET_OF_THE_OPERATOR" not in read_proc(pid, "environ")
                links = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
                assert links[0] == "/dev/null" and links[3].startswith("socket:"), links
                assert not any("secret" in link for link in links.values()), links
                assert not any(link.endswith((".key", ".pem", ".conf")) for link in links.values()), links
        finally:
            process.stop()


@case
def a_process_can_gain_no_privileges():
    with Daemon() as daemon:
        daemon.ready()
        for pid in daemon.by_name().values():
            status = dict(line.split(":\t", 1) for line in read_proc(pid, "status").decode().splitlines())
            assert status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == 0, status


# --- signals ---

@case
def sigterm_ends_every_process_and_net_first():
    with Daemon() as daemon:
        pids = daemon.ready().by_name()
        assert daemon.stop() == 0
        assert all(gone(pid) for pid in pids.values())
        ended = re.findall(r"event=ended child=(\S+) pid=\d+ how=exit code=0", daemon.log())
        assert ended[0] == "net" and sorted(ended) == NAMES, daemon.log()
        daemon.wait_for(r"process=parent event=stopped status=0")


@case
def sigint_in_a_terminal_reaches_all_and_still_ends_in_order():
    with Daemon() as daemon:
        for pid in daemon.ready().by_name().values():
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGTERM)
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.wait() == 0
        ended = re.findall(r"event=ended child=(\S+) pid=\d+ how=exit code=0", daemon.log())
        assert ended[0] == "net" and sorted(ended) == NAMES, daemon.log()


@case
def a_process_that_does_not_end_is_killed():
    with Daemon() as daemon:
        pids = daemon.ready().by_name()
        os.kill(pids["vault-2"], signal.SIGSTOP)
        assert daemon.stop() == 0
        assert all(gone(pid) for pid in pids.values())
        daemon.wait_for(r'event=killed child=vault-2 reason="it did not end in time"')


@case
def a_stop_before_everything_is_ready_ends_everything():
    with Daemon() as daemon:
        daemon.wait_for(r"event=started child=store ")
        assert daemon.stop() == 0
        until(lambda: not children(daemon.pid), "its children end")


@case
def the_death_of_the_parent_ends_all():
    with Daemon() as daemon:
        pids = daemon.ready().by_name()
        daemon.process.kill()
        daemon.wait()
        until(lambda: all(gone(pid) for pid in pids.values()), "the children of a killed parent end")


@case
def the_level_of_the_log_is_chosen():
    with Daemon(("server.log", "warning")) as daemon:
        until(lambda: sorted(daemon.by_name()) == NAMES, "all processes run")
        assert daemon.stop() == 0
        assert "level=info" not in daemon.log(), daemon.log()
    with Daemon(("server.log", "warning"), options=["-v"]) as daemon:
        daemon.ready().wait_for(r"level=debug process=parent event=child-ready child=net")


@case
def the_format_of_the_log_is_chosen_and_a_reload_changes_it():
    with Daemon(("server.log_format", "json")) as daemon:
        ready = json.loads(daemon.wait_for(r'.*"process":"parent","event":"ready".*')[0])
        assert ready["vaults"] == 2 and ready["level"] == "info" and len(ready["listen"]) == 2, ready
        for name in NAMES:
            daemon.wait_for(rf'^{{"time":"[^"]*","level":"info","process":"{name}","event":"ready"')
        lines = [line for line in daemon.log().splitlines() if "event=unfenced" not in line or "=parent" not in line]
        assert all(json.loads(line)["process"] in NAMES + ["parent"] for line in lines), lines
        mark = daemon.mark()
        write(configuration([("server.log_format", "text")]))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for(r"process=parent event=reloaded changed=server", mark)
        mark = daemon.mark()
        daemon.process.send_signal(signal.SIGUSR1)
        for name in ("net", "vault-3"):
            daemon.wait_for(rf"^time=\S+ level=info process={name} event=counters ", mark)


if __name__ == "__main__":
    make_files()
    run_cases(lambda: shutil.rmtree(FOLDER))
