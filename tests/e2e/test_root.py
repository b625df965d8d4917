"""sipseald started as root: the processes run as server.user, and nothing brings root back."""

import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
from cases import case, run_cases  # noqa: E402
from processes import Process, children, run  # noqa: E402

BUILD = os.path.realpath(os.environ["SIPSEAL_BUILD"])
FOLDER = tempfile.mkdtemp(prefix="sipseal-root-")
NOBODY = 65534


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


if __name__ == "__main__":
    make_files()
    run_cases(lambda: shutil.rmtree(FOLDER))
