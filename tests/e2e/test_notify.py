"""What sipseald tells the service manager that has started it (sd_notify(3)), and when."""

import json
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
from cases import Skipped, case, run_cases, skip  # noqa: E402
from processes import START_LIMIT, Process, children  # noqa: E402

SIPSEALD = os.path.join(os.path.realpath(os.environ["SIPSEAL_BUILD"]), "sipseald")
FOLDER = tempfile.mkdtemp(prefix="sipseal-notify-")
ABSTRACT = f"@sipseal-notify-{os.getpid()}"


def write(store="data/store.db", **server):
    server = {"names": ["proxy1.home.example"], "listen": ["udp://127.0.0.1:0"], "vaults": 1} | server
    if os.geteuid() == 0:
        server["user"] = "nobody"
    path = os.path.join(FOLDER, "sipseald.yaml")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"server": server, "routes": [{"domain": "home.example", "registrar": {}}],
                   "keys": {"certificate": "proxy1.pem", "private_key": "proxy1.key", "trust": "ca.pem"},
                   "store": {"path": store}}, f)
    return path


def start(name, store="data/store.db"):
    environment = {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": name} | {
        word: os.environ[word] for word in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if word in os.environ}
    return Process([SIPSEALD, "-c", write(store)], environment=environment)


class Manager:
    """The socket of a service manager, and sipseald as it has started it. Without `name` the socket is a file."""

    def __init__(self, name=None, before=None, **options):
        self.name = name or os.path.join(tempfile.mkdtemp(dir=FOLDER), "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address())
        self.socket.settimeout(START_LIMIT)
        if before:
            before(self)
        self.daemon = start(self.name, **options)

    def address(self):
        return "\0" + self.name[1:] if self.name[0] == "@" else self.name

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind and kind is not Skipped:
            print(self.daemon.log()[-4000:])
        if self.daemon.running():
            self.daemon.stop()
        self.socket.close()

    def next(self):
        """The next message: {word: value}."""
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))

    def silent(self):
        self.socket.setblocking(False)
        try:
            return not self.socket.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(START_LIMIT)

    def hang_up(self):
        self.daemon.process.send_signal(signal.SIGHUP)


def usual_life(manager):
    """From the start to the end, with a reload that takes place and one that does not."""
    assert manager.next() == {"READY": "1", "STATUS": "at work"}
    manager.daemon.wait_for(r"process=parent event=ready\b")
    for server, how, event in (({"vaults": 2}, "at work, reloaded", "reloaded changed=server"),
                               ({"frobs": 1}, "at work, not reloaded: it has faults; the log says more",
                                'not-reloaded reason="it has faults"')):
        mark, before = manager.daemon.mark(), time.monotonic_ns() // 1000
        write(**server)
        manager.hang_up()
        begun = manager.next()
        assert begun.pop("RELOADING") == "1" and set(begun) == {"MONOTONIC_USEC", "STATUS"}, begun
        assert before <= int(begun["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000, begun
        assert manager.next() == {"READY": "1", "STATUS": how}
        manager.daemon.wait_for(f"process=parent event={event}", mark)
    assert manager.silent()
    manager.daemon.process.send_signal(signal.SIGTERM)
    assert manager.next() == {"STOPPING": "1", "STATUS": "finishing what is under way"}
    assert manager.daemon.wait() == 0 and manager.silent()
    assert "cannot-notify" not in manager.daemon.log()


@case
def a_manager_with_a_path_is_told_of_start_reloads_and_end():
    with Manager() as manager:
        usual_life(manager)


@case
def a_manager_with_an_abstract_socket_is_told_the_same():
    with Manager(ABSTRACT) as manager:
        usual_life(manager)


@case
def a_start_that_fails_is_never_called_ready():
    with open(os.path.join(FOLDER, "data/broken.db"), "wb") as f:
        f.write(b"this is no database" * 100)
    if os.geteuid() == 0:
        shutil.chown(os.path.join(FOLDER, "data/broken.db"), "nobody")
    with Manager(store="data/broken.db") as manager:
        assert manager.next()["STOPPING"] == "1"
        assert manager.daemon.wait() == 1 and manager.silent()


@case
def a_reload_that_an_end_cuts_short_has_ended_before():
    with Manager() as manager:
        manager.next()
        manager.daemon.wait_for(r"process=parent event=ready\b")
        write(vaults=2)
        manager.hang_up()
        assert "RELOADING" in manager.next()
        manager.daemon.process.send_signal(signal.SIGTERM)
        assert manager.next()["READY"] == "1" and manager.next()["STOPPING"] == "1"


@case
def no_other_process_has_the_socket_or_its_name():
    with Manager() as manager:
        manager.next()
        found = children(manager.daemon.pid)
        assert len(found) == 3, found
        for pid in found:
            try:
                with open(f"/proc/{pid}/environ", encoding="utf-8", errors="replace") as f:
                    assert "NOTIFY_SOCKET" not in f.read()
                links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
            except PermissionError:
                skip("the processes are fenced against being looked at: needs root")
            parent = {os.readlink(f"/proc/{manager.daemon.pid}/fd/{fd}")
                      for fd in os.listdir(f"/proc/{manager.daemon.pid}/fd")}
            shared = {link for link in links & parent if link.startswith("socket:")}
            assert not {link for link in shared if is_datagram(manager.daemon.pid, link)}, shared


def is_datagram(pid, link):
    """Whether a link in /proc is a UNIX datagram socket (type 0002)."""
    inode = re.fullmatch(r"socket:\[(\d+)\]", link)[1]
    with open(f"/proc/{pid}/net/unix", encoding="utf-8") as f:
        return any(line.split()[6] == inode and line.split()[4] == "0002" for line in f.readlines()[1:])


@case
def a_socket_that_cannot_be_reached_is_a_warning():
    for name in ("notify", os.path.join(FOLDER, "nobody"), "@sipseal-nobody", "@", "/" + "x" * 200):
        daemon = start(name)
        try:
            daemon.wait_for(r"process=parent event=ready\b")
            daemon.wait_for(rf"level=warning process=parent event=cannot-notify socket={re.escape(name)[:60]}", limit=1)
        finally:
            assert daemon.stop() == 0


def fill(manager):
    manager.flood = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.flood.setblocking(False)
    manager.flood.connect(manager.address())
    try:
        while True:
            manager.flood.send(b"X=1")
    except BlockingIOError:
        pass


@case
def a_manager_that_does_not_read_does_not_halt_anything():
    with Manager(before=fill) as manager:
        manager.daemon.wait_for(r"event=cannot-notify status=\"at work\" reason=\"Resource temporarily unavailable\"")
        assert manager.daemon.stop() == 0
        manager.flood.close()


if __name__ == "__main__":
    os.chmod(FOLDER, 0o755)
    openssl.authority(FOLDER)
    openssl.issue(FOLDER, FOLDER, "proxy1", "DNS:proxy1.home.example")
    os.mkdir(os.path.join(FOLDER, "data"))
    if os.geteuid() == 0:
        shutil.chown(os.path.join(FOLDER, "data"), "nobody")
    run_cases(lambda: shutil.rmtree(FOLDER))
