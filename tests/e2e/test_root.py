"""sipseald started as root: the processes run as server.user, and nothing brings root back."""

import json
import os
import re
import shutil
import socket
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
from cases import case, run_cases  # noqa: E402
from processes import Process, children, run  # noqa: E402

BUILD = os.path.realpath(os.environ["SIPSEAL_BUILD"])
FOLDER = tempfile.mkdtemp(prefix="sipseal-root-")
NOBODY = 65534
SHADOW = 1 << 36  # a mapping this large is a sanitizer's own book-keeping, terabytes without data of the program


def configuration(user):
    path = os.path.join(FOLDER, "sipseald.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write("server: {names: [proxy1.home.example], listen: ['udp://127.0.0.1:0'], vaults: 1"
                + (f", user: {user}" if user else "") + "}\n"
                "keys: {certificate: proxy1.pem, private_key: proxy1.key, trust: ca.pem}\n"
                "routes: [{domain: home.example, registrar: {}}]\n"
                "store: {path: data/store.db}\n")
    return path


def make_files():
    os.chmod(FOLDER, 0o755)
    if "TMPDIR" in os.environ:  # the home of this test alone; the processes must be able to pass through
        os.chmod(os.environ["TMPDIR"], 0o711)
    openssl.authority(FOLDER)
    openssl.issue(FOLDER, FOLDER, "proxy1", "DNS:proxy1.home.example")
    os.mkdir(os.path.join(FOLDER, "data"))
    shutil.chown(os.path.join(FOLDER, "data"), NOBODY)


def start(user):
    environment = {"PATH": "/usr/bin:/bin"} | {
        word: os.environ[word] for word in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if word in os.environ}
    daemon = Process([os.path.join(BUILD, "sipseald"), "-c", configuration(user)], environment=environment)
    return daemon


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f)


@case
def root_without_a_user_is_refused():
    program = os.path.join(BUILD, "sipseald")
    for words in ([], ["-t"]):
        result = run([program, "-c", configuration(None), *words], status=None)
        assert result.returncode == 1 and result.stdout == b"", result
        assert b"sipseald.conf:1:1: server.user: is missing, and this is root; name the user" in result.stderr, result


@case
def the_processes_run_as_the_user_and_have_no_way_back():
    daemon = start("nobody")
    try:
        daemon.wait_for(r"process=parent event=ready\b")
        assert status_of(daemon.pid)["Uid"].split() == ["0"] * 4
        pids = children(daemon.pid)
        assert len(pids) == 3, pids
        for pid in pids:
            status = status_of(pid)
            assert status["Uid"].split() == [str(NOBODY)] * 4 and status["Gid"].split() == [str(NOBODY)] * 4, status
            assert set(status["Groups"].split()) <= {str(NOBODY)}, status
            assert all(int(status[word], 16) == 0 for word in ("CapInh", "CapPrm", "CapEff", "CapAmb")), status
            assert status["NoNewPrivs"] == "1", status
        store = os.stat(os.path.join(FOLDER, "data/store.db"))
        assert store.st_uid == NOBODY and store.st_mode & 0o777 == 0o600, oct(store.st_mode)
    finally:
        assert daemon.stop() == 0


@case
def a_private_key_of_root_is_read_and_serves():
    key = os.stat(os.path.join(FOLDER, "proxy1.key"))
    assert key.st_uid == 0 and key.st_mode & 0o777 == 0o600
    daemon = start("nobody")
    try:
        daemon.wait_for(r"process=vault-1 event=ready keys=1\b")
    finally:
        assert daemon.stop() == 0


def answer_to_another(path):
    """What the control socket says to a user that is neither root nor that of the parent."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setresuid(NOBODY, NOBODY, NOBODY)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            try:
                s.sendall(b'{"command":"status"}\n')
                os.write(writing, s.recv(10) or b"nothing")
            except (BrokenPipeError, ConnectionResetError):
                os.write(writing, b"nothing")
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as f:
        return f.read()


@case
def the_control_socket_answers_root_and_not_another_user_even_where_its_mode_lets_it_in():
    daemon = start("nobody")
    path = os.path.join(FOLDER, "sipseald.sock")
    try:
        daemon.wait_for(r"process=parent event=ready\b")
        told = json.loads(run([os.path.join(BUILD, "sipseald"), "status", "--json", "--control", path]))
        assert told["status"]["pid"] == daemon.pid, told
        os.chmod(path, 0o666)
        assert answer_to_another(path) == b"nothing"
        daemon.wait_for(r"event=control-refused")
    finally:
        assert daemon.stop() == 0


def scalar(key):
    """The private number of a P-256 key, as files and as OpenSSL's numbers in memory have it."""
    text = run([openssl.PROGRAM, "pkey", "-in", key, "-noout", "-text"]).decode()
    digits = re.search(r"priv:\n((?:\s+[0-9a-f:]+\n)+)", text)[1]
    number = bytes.fromhex(re.sub(r"[\s:]", "", digits))[-32:]
    return number, number[::-1]


def mappings(pid):
    """The readable mappings of a process: (first byte, byte after the last, flags)."""
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as f:
        for line in f:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if head:
                place = (int(head[1], 16), int(head[2], 16))
            elif re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                place = None
            elif line.startswith("VmFlags:") and place and place[1] - place[0] < SHADOW:
                yield (*place, line.split()[1:])


def where_is(secrets, pid):
    """The flags of each mapping that holds one of the secrets."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for begin, end, flags in mappings(pid):
            at, rest = begin, b""
            while at < end:
                memory.seek(at)
                try:
                    part = memory.read(min(end - at, 1 << 20))
                except (OSError, ValueError):
                    break
                if not part:
                    break
                if any(secret in rest + part for secret in secrets):
                    found.append(flags)
                at, rest = at + len(part), part[-len(secrets[0]):]
    return found


@case
def the_parent_holds_the_private_key_in_protected_memory_alone():
    """Not dumped (dd), not copied by a fork (dc); locked (lo) too, but a sanitizer does not let a program lock."""
    secrets = scalar(os.path.join(FOLDER, "proxy1.key"))
    daemon = start("nobody")
    try:
        daemon.wait_for(r"process=parent event=ready\b")
        found = where_is(secrets, daemon.pid)
        assert found, "the parent keeps the key for new vaults, and it was not found"
        wanted = {"dd", "dc"} if "event=unfenced" in daemon.log() else {"dd", "dc", "lo"}
        assert all(wanted <= set(flags) for flags in found), found
        names = {words[1]: pid for pid, words in children(daemon.pid).items()}
        assert where_is(secrets, names["vault-1"]), "the vault works with the key, and it was not found"
        for name in ("net", "store"):
            assert not where_is(secrets, names[name]), name
    finally:
        assert daemon.stop() == 0


if __name__ == "__main__":
    make_files()
    run_cases(lambda: shutil.rmtree(FOLDER))
