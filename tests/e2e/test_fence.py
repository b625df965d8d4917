"""What each process of sipseald can no longer do once it has closed itself in, tried act by act (fence_probe.c), and
that the running processes have done so (docs/architecture.md, "Fences"). A sanitizer build has no fences: there every
act is done, which shows that it is the fence that stops it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
import sip  # noqa: E402
from cases import case, need, run_cases, skip  # noqa: E402
from craft import Draft  # noqa: E402
from processes import Process, children, run  # noqa: E402
from sites import ALICE, ARCHIVE_RULE, AUDITOR, BOB, PROXY1, Daemon, Site  # noqa: E402

BUILD = os.path.realpath(os.environ["SIPSEAL_BUILD"])
PROBE = os.path.join(BUILD, "fence-probe")
FOLDER = tempfile.mkdtemp(prefix="sipseal-fence-")
PORTS = 4    # the version of Landlock's interface that has TCP ports
SIGNALS = 6  # and signals

DONE, REFUSED, KILLED = 0, 1, -signal.SIGSYS
WORDS = {DONE: "done", REFUSED: "refused", KILLED: "fatal"}

# Opening, making and removing files: what a store does with its databases, and with nothing else.
FILES = ["read-file", "read-system-file", "write-file", "make-file", "list-folder", "remove-file"]
MORE_FILES = ["truncate-file", "rename-file", "link-file", "make-folder", "change-mode", "make-memory-file"]
# What net alone does with sockets, and what nobody does.
CONNECTIONS = ["tcp-socket", "connect-socket"]
PORT = ["bind-port"]
SOCKETS = ["udp-socket", "unix-socket", "netlink-socket", "make-channel", "listen-on-socket", "set-socket-option"]
PROCESSES = ["run-program", "fork-process", "signal-another", "trace", "read-process-memory", "make-code-of-data",
             "map-code", "change-user", "allow-dumps", "change-limits", "leave-namespaces", "make-io-ring"]
FORBIDDEN = FILES + MORE_FILES + CONNECTIONS + PORT + SOCKETS + PROCESSES

# What an intruder in the parent would like. The first need no privileges where the kernel has them; the others are
# refused to an ordinary user by the system too, and to root by the fence alone.
ESCAPES = ["trace", "read-process-memory", "make-code-of-data", "map-code", "map-writable-code", "allow-dumps",
           "leave-namespaces", "make-memory-file", "change-mode"]
# Not every system lets an ordinary user have one: none does in a changed root.
NAMESPACE = ["fork-into-namespace"]
MORE_ESCAPES = ["use-key-ring", "handle-page-faults", "have-io-ring", "audit-socket", "mount-folder", "change-root",
                "load-kernel-program", "load-kernel-module", "load-kernel", "watch-performance", "packet-socket",
                "crypto-socket", "set-clock"]
WRITING = ["write-file", "make-file", "truncate-file", "remove-file", "rename-file", "link-file", "make-folder"]

WORK = ["write-log", "use-memory", "ask-time-and-chance", "count-usage", "sort-much", "use-channel"]
WORK_OF = {"vault": WORK + ["wait-by-poll"], "store": WORK + ["wait-by-poll", "use-database"],
           "net": WORK + ["wait-by-events", "open-connection", "ask-own-address"]}
WORK_OF["parent"] = sorted(set(sum(WORK_OF.values(), []))) + [
    "read-file", "read-system-file", "list-folder", "make-channel", "listen-anew", "look-up-users-and-hosts",
    "fork-process", "start-program-of-its-own"]
INNER = ["vault", "store", "net"]  # those that die of what they must not do


def sanitized():
    with open(PROBE, "rb") as f:
        return b"__asan_init" in f.read()


def landlock():
    return int(subprocess.run([PROBE, "version"], stdout=subprocess.PIPE, check=True).stdout)


def need_landlock(version):
    if landlock() < version:
        skip(f"this kernel has version {landlock()} of Landlock, and this is about version {version}")


def attempt(fence, act, version=None):
    """One act, in a folder as the probe wants it; gives what became of it and what the probe said."""
    command = [PROBE, fence, act] + ([str(version)] if version else [])
    with tempfile.TemporaryDirectory(dir=FOLDER) as place:
        os.mkdir(os.path.join(place, "inside"))
        for name in ("outside", "inside/data"):
            with open(os.path.join(place, name), "wb") as f:
                f.write(b"content")
        shutil.copy("/bin/true", os.path.join(place, "inside/program"))
        result = subprocess.run(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=60, check=False)
        return result.returncode, result.stdout.decode("utf-8", "backslashreplace")


def expect(fence, acts, wanted, version=None):
    """All of them are tried before one that went another way is a failure."""
    wrong = []
    for act in acts:
        outcome, said = attempt(fence, act, version)
        if outcome != wanted:
            wrong.append(f"{act}: {WORDS.get(outcome, outcome)}, not {WORDS[wanted]} {said}")
    assert not wrong, f"within the fence '{fence}':\n" + "\n".join(wrong)


@case
def without_a_fence_every_act_is_done():
    expect("none", FORBIDDEN + ESCAPES + WRITING + sorted(set(sum(WORK_OF.values(), []))), DONE)


@case
def without_a_fence_a_namespace_is_had_where_the_system_gives_one():
    if subprocess.run([need("unshare", "util-linux"), "--user", "true"], stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        skip("this system gives an ordinary user no namespaces")
    expect("none", NAMESPACE, DONE)


@case
def each_process_can_do_its_own_work():
    for fence, acts in WORK_OF.items():
        expect(fence, acts, DONE)


@case
def a_sanitizer_build_has_no_fence_and_does_every_act():
    if sanitized():
        for fence in INNER:
            expect(fence, FORBIDDEN, DONE)
        expect("parent", WRITING + ["run-program"], DONE)
    else:
        expect("vault", FORBIDDEN[:1], KILLED)


if not sanitized():
    @case
    def what_is_not_a_vaults_work_is_fatal_to_it():
        expect("vault", FORBIDDEN + ["wait-by-events", "open-connection", "ask-own-address", "use-database"],
               KILLED)

    @case
    def what_is_not_a_stores_work_is_fatal_to_it():
        expect("store", MORE_FILES + CONNECTIONS + PORT + SOCKETS + PROCESSES + ["wait-by-events", "open-connection",
                                                                     "ask-own-address"], KILLED)

    @case
    def a_store_reaches_no_file_outside_the_folders_of_its_databases():
        need_landlock(1)
        expect("store", FILES, REFUSED)

    @case
    def what_is_not_nets_work_is_fatal_to_it():
        expect("net", FILES + MORE_FILES + SOCKETS + PROCESSES + ["wait-by-poll", "use-database"], KILLED)

    @case
    def net_binds_no_port_of_its_own_choice():
        need_landlock(PORTS)
        expect("net", PORT, REFUSED)

    @case
    def what_is_not_the_parents_work_is_refused_to_it():
        expect("parent", ESCAPES + NAMESPACE + MORE_ESCAPES, REFUSED)

    @case
    def the_parent_writes_nothing_but_databases_and_runs_nothing_but_its_programs():
        need_landlock(1)
        expect("parent", WRITING + ["run-program"], REFUSED)
        for version in range(1, landlock() + 1):
            expect("parent-files", [act for act in WRITING if act != "truncate-file" or version >= 3]
                   + ["run-program"], REFUSED, version)
            expect("parent-files", WORK_OF["parent"], DONE, version)

    @case
    def the_parent_signals_nobody_but_its_children():
        need_landlock(SIGNALS)
        expect("parent", ["signal-another"], REFUSED)

    @case
    def landlock_alone_keeps_every_process_from_files_and_programs():
        """Seccomp would stop most of this first; the second fence holds without it."""
        need_landlock(1)
        for fence in ("vault-files", "store-files", "net-files"):
            expect(fence, FILES + ["rename-file", "link-file", "make-folder", "run-program"], REFUSED)
        for fence in ("vault-files", "net-files"):
            expect(fence, ["use-database"], REFUSED)
        expect("store-files", ["use-database"], DONE)

    @case
    def an_older_kernel_keeps_files_and_programs_away_just_as_well():
        for version in range(1, landlock()):
            expect("vault-files", FILES + ["run-program"], REFUSED, version)
            expect("store-files", FILES + ["run-program"], REFUSED, version)
            expect("store-files", ["use-database"], DONE, version)
            expect("net-files", FILES, REFUSED, version)
            expect("net-files", ["open-connection"], DONE, version)
            expect("net-files", PORT, REFUSED if version >= PORTS else DONE, version)

    @case
    def landlock_alone_keeps_every_process_from_ports_and_others_from_signals():
        need_landlock(SIGNALS)
        for fence in ("vault-files", "store-files", "net-files"):
            expect(fence, PORT + ["signal-another"], REFUSED)
        expect("net-files", ["open-connection"], DONE)


# --- the running processes ---

def start():
    path = os.path.join(FOLDER, "sipseald.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write("server: {names: [proxy1.home.example], vaults: 2,\n"
                "         listen: ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0']}\n"
                "keys: {certificate: proxy1.pem, private_key: proxy1.key, trust: ca.pem}\n"
                "routes: [{domain: home.example, registrar: {}}]\n")
    need(openssl.PROGRAM, "openssl")
    openssl.authority(FOLDER)
    openssl.issue(FOLDER, FOLDER, "proxy1", "DNS:proxy1.home.example")
    return Process([os.path.join(BUILD, "sipseald"), "-c", path])


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f)


@case
def every_running_process_is_behind_its_fence_and_can_gain_no_privileges():
    daemon = start()
    try:
        daemon.wait_for(r"process=parent event=ready\b")
        running = children(daemon.pid)
        assert sorted(words[1] for words in running.values()) == ["net", "store", "vault-1", "vault-2"], running
        for pid, words in running.items():
            status = status_of(pid)
            assert status["NoNewPrivs"] == "1", (words, status)
            assert status["Seccomp"] == ("0" if sanitized() else "2"), (words, status)
        own = status_of(daemon.pid)
        assert (own["NoNewPrivs"], own["Seccomp"]) == ("1", "0" if sanitized() else "2"), own
        fenced = [line for line in daemon.lines if "event=fenced" in line]
        assert len(fenced) == (0 if sanitized() else 5), daemon.log()
        assert ("event=unfenced" in daemon.log()) == sanitized(), daemon.log()
        assert all(f"landlock={landlock()}" in line for line in fenced), fenced
    finally:
        assert daemon.stop() == 0


@case
def a_process_that_was_started_anew_is_behind_its_fence_too():
    daemon = start()
    try:
        daemon.wait_for(r"process=parent event=ready\b")
        old = {words[1]: pid for pid, words in children(daemon.pid).items()}
        mark = daemon.mark()
        os.kill(old["vault-1"], signal.SIGKILL)
        daemon.wait_for(r"process=vault-1 event=ready\b", after=mark)
        new = {words[1]: pid for pid, words in children(daemon.pid).items()}
        assert new["vault-1"] != old["vault-1"]
        assert status_of(new["vault-1"])["Seccomp"] == ("0" if sanitized() else "2")
    finally:
        assert daemon.stop() == 0


# --- what libraries do late ---

REVOKED = 5000  # entries: enough for a library to ask how much memory there is before it sorts them


def revocation_list(ca):
    """A list of the authority in that folder, of many certificates that nobody has. PEM."""
    place = os.path.join(FOLDER, "list")
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, "index.txt"), "w", encoding="utf-8") as f:
        for number in range(REVOKED):
            f.write(f"R\t400101000000Z\t250101000000Z\t{REVOKED - number + 0x10000000:X}\tunknown\t/CN={number}\n")
    with open(os.path.join(place, "crlnumber"), "w", encoding="utf-8") as f:
        f.write("01\n")
    with open(os.path.join(place, "ca.cnf"), "w", encoding="utf-8") as f:
        f.write(openssl.CA_CONFIG.format(folder=place).replace("serial =", f"crlnumber = {place}/crlnumber\n"
                "default_crl_days = 30\ncrl_extensions = list\nserial =")
                + "[list]\nauthorityKeyIdentifier=keyid\n")
    return run([openssl.PROGRAM, "ca", "-config", f"{place}/ca.cnf", "-gencrl", "-cert", f"{ca}/ca.pem", "-keyfile",
                f"{ca}/ca.key"])


@case
def a_long_revocation_list_is_searched_within_the_fence():
    need(openssl.PROGRAM, "openssl")
    site = Site()
    try:
        alice, bob, proxy1 = (site.home(name) for name in (ALICE, BOB, PROXY1))
        with open(os.path.join(proxy1.keys, "trust.pem"), "ab") as f:
            f.write(revocation_list(site.ca))
        uas = sip.Server()
        site.at_end(uas.stop)
        daemon = Daemon(site, PROXY1, next_hop=uas.uri(), policy=[ARCHIVE_RULE], readers=[AUDITOR],
                        server={"vaults": 1}).start()
        answer = sip.ask(daemon.address(), Draft(alice.party, [bob.party, proxy1.party]).message())
        assert answer and answer.status == 200, f"{answer and answer.data!r}\n{daemon.process.log()}"
        uas.next()
        assert "event=ended" not in daemon.process.log(), daemon.process.log()
    finally:
        site.stop()


if __name__ == "__main__":
    run_cases(lambda: shutil.rmtree(FOLDER, ignore_errors=True))
