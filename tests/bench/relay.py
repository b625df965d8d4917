"""What relaying plain requests costs, beside Kamailio doing the same in the same run: docs/performance.md."""

import os
import statistics
import subprocess
import time

from kamailio import free_port
from processes import Process, children, until
from sites import PROXY1, Daemon

USER, NOBODY = "nobody", 65534
KAMAILIO = "/usr/sbin/kamailio"
KAMAILIO_TLS = "/usr/lib/x86_64-linux-gnu/kamailio/modules/tls.so"
TRANSPORTS = ("udp", "tcp", "tls")
WINDOW = 64  # requests or calls unfinished at a time
STEADY_RATE, STEADY_WINDOW = 2000, 1000  # requests begun in a second; unfinished at most
WARM = 20000      # requests before anything is measured: after that, memory that is freed is used again
WARM_REST = 6     # seconds that follow, in which Kamailio frees it (wt_timer, 5 s)
TRANSACTIONS = 1000000  # limits.transactions: no round is to meet it. Its tables are as large
GOALS = {"udp": ("<=", 0.4), "tcp": ("<=", 0.5), "tls": ("<=", 0.5)}
STEADY_GOAL = ("<=", 0.75)
OPEN = 50000
OPEN_GOAL = ("<=", 64)  # MiB
FLAT_GOAL = ("<=", 1.1)
FLAT_AT = (1000, 10000, 100000)
FLAT_ROUNDS, FLAT_COUNT = 9, 3000  # within the 32 s for which a request stays open

# Stateful relaying and nothing else: what sipseald does with a request that no rule is about.
CONFIG = """#!KAMAILIO
debug=-3
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
tcp_rd_buf_size=262144
listen={transport}:127.0.0.1:{port}
loadmodule "tm.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "sl.so"
loadmodule "rr.so"
{tls}
request_route {{
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (!loose_route() && method == "INVITE") record_route();
    $du = "sip:127.0.0.1:{next};transport={transport}";
    t_relay();
}}
"""
CONFIG_TLS = """enable_tls=yes
loadmodule "tls.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{certificate}")
modparam("tls", "private_key", "{key}")
modparam("tls", "ca_list", "{trust}")
modparam("tls", "verify_certificate", 1)
modparam("tls", "require_certificate", 0)
"""


class Keys:
    """Certificates for TLS: of the proxies, and of whom they send to."""

    def __init__(self, site):
        self.folder = os.path.join(site.path, "tls")
        self.trust = os.path.join(self.folder, "trust.pem")
        site.home(PROXY1).sipseal("ca", "issue", "--ca", site.ca, "-o", self.folder, "--tls", "localhost")
        self.certificate = os.path.join(self.folder, "localhost.tls.pem")
        self.key = os.path.join(self.folder, "localhost.tls.key")


class Generator:
    """The load generator at both sides of one proxy."""

    def __init__(self, build, transport, keys):
        words = [os.path.join(build, "tests/bench/bench_relay"), "--transport", transport, "--certificate",
                 keys.certificate, "--key", keys.key]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.hear("port")[0])

    def hear(self, word):
        line = self.process.stdout.readline().rstrip("\n").split("\t")
        if line[0] != word:
            raise AssertionError(f"the load generator was to say {word}, and said {line}")
        return line[1:]

    def say(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def order(self, kind, count, window=WINDOW, rate=None):
        self.say(kind, count, window, *([rate] if rate else []))
        count, cpu, elapsed, own, resent = map(float, self.hear("done"))
        return Round(cpu / count, elapsed / count, own / count, int(resent))

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Round:
    """Seconds a request or call: of the proxy's processes, of the clock, of the generator."""

    def __init__(self, cpu, elapsed, generator, resent):
        self.cpu, self.elapsed, self.generator, self.resent = cpu, elapsed, generator, resent


class Sipseald:
    name = "sipseald"

    def __init__(self, site, transport, keys, next_port, transactions=TRANSACTIONS):
        self.port = free_port()
        host = "localhost" if transport == "tls" else "127.0.0.1"
        server = {"listen": [f"{transport}://127.0.0.1:{self.port}"], "log": "error", "vaults": 1}
        sections = {"server": server, "limits": {"transactions": transactions}}
        if os.geteuid() == 0:
            server["user"] = USER
        if transport == "tls":
            sections["tls"] = {"certificate": keys.certificate, "private_key": keys.key, "trust": keys.trust,
                               "clients": "none"}
        self.daemon = Daemon(site, PROXY1, next_hop=f"sip:{host}:{next_port};transport={transport}", **sections)
        if os.geteuid() == 0:
            os.chown(self.daemon.path, NOBODY, NOBODY)
        self.daemon.process = Process([site.sipseald, "-c", self.daemon.file], self.name,
                                      self.daemon.home.environment)
        until(self.started, "sipseald has started")

    def started(self):
        """It logs nothing here, so it does not say so."""
        assert self.daemon.process.running(), f"sipseald ended:\n{self.daemon.process.log()}"
        return {"net", "store", "vault-1"} <= set(self.daemon.children())

    def pids(self):
        return [self.daemon.process.pid, *self.daemon.children().values()]

    def stop(self):
        self.daemon.stop()


class Kamailio:
    """`options`: how its memory is managed; as packaged where there are none."""

    def __init__(self, site, transport, keys, next_port, options):
        self.port = free_port()
        folder = os.path.join(site.path, f"kamailio-{self.port}")
        os.mkdir(folder)
        tls = CONFIG_TLS.format(certificate=keys.certificate, key=keys.key, trust=keys.trust)
        path = os.path.join(folder, "kamailio.cfg")
        with open(path, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(transport=transport, port=self.port, next=next_port,
                                  tls=tls if transport == "tls" else ""))
        self.process = Process([KAMAILIO, "-f", path, "-DD", "-E", "-Y", folder, "-w", folder, "-m", "2048", "-M", "64",
                                *options], "kamailio")
        self.seen = []
        until(self.settled, "Kamailio has started all its processes")

    def settled(self):
        """It forks one after the other, and does not say when it is done with that."""
        assert self.process.running(), f"Kamailio ended:\n{self.process.log()}"
        self.seen = (self.seen + [len(self.pids())])[-50:]
        return len(self.seen) == 50 and len(set(self.seen)) == 1 and self.seen[0] > 2

    def pids(self):
        return [self.process.pid, *children(self.process.pid)]

    def stop(self):
        self.process.stop()


PROXIES = {
    "sipseald": lambda *words: Sipseald(*words),
    "sipseald by default": lambda *words: Sipseald(*words, transactions=100000),
    "Kamailio": lambda *words: Kamailio(*words, []),
    "Kamailio -x fm": lambda *words: Kamailio(*words, ["-x", "fm"]),
}


class Lane:
    """A proxy between the two sides of a load generator of its own."""

    def __init__(self, build, site, name, transport, keys):
        self.generator = Generator(build, transport, keys)
        self.proxy = None
        try:
            self.proxy = PROXIES[name](site, transport, keys, self.generator.port)
            self.generator.say("connect", self.proxy.port, *self.proxy.pids())
        except BaseException:
            self.stop()
            raise

    def stop(self):
        self.generator.stop()
        if self.proxy:
            self.proxy.stop()


def alternate(lanes, rounds, order):
    """Rounds of all lanes, another one first each time: {name: [Round]}."""
    found = {name: [] for name in lanes}
    names = list(lanes)
    for _ in range(rounds):
        for name in names:
            found[name].append(lanes[name].generator.order(*order))
        names = names[1:] + names[:1]
    return found


def micro(values):
    return f"{1e6 * statistics.median(values):.1f}"


def add_comparison(results, label, found, goal):
    own = [r.cpu for r in found["sipseald"]]
    for name in found:
        if name == "sipseald":
            continue
        other = [r.cpu for r in found[name]]
        ratios = sorted(a / b for a, b in zip(own, other))
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        results.add(f"{label}: CPU of sipseald / {name}", statistics.median(ratios),
                    f"{micro(own)} / {micro(other)} us; half of the rounds within {low:.3f} to {high:.3f}",
                    goal if name.endswith("fm") else None)


def add_rates(results, label, found):
    for name, rounds in found.items():
        busy = statistics.median(r.cpu / r.elapsed for r in rounds)
        own = statistics.median(r.generator / r.elapsed for r in rounds)
        results.add(f"{label}: {name}, a second and core", 1 / statistics.median(r.cpu for r in rounds),
                    f"used {busy:.2f} processors, the load generator {own:.2f}", unit="1/s")
        results.warn_of_generator(label, name, own)


def compare(results, build, site, keys, transport, names, rounds):
    lanes = {}
    try:
        for name in names:
            lanes[name] = Lane(build, site, name, transport, keys)
        for lane in lanes.values():
            lane.generator.order("messages", WARM, WINDOW)
        time.sleep(WARM_REST)
        for label, order in (("messages", ("messages", 4000, WINDOW)), ("calls", ("calls", 1500, WINDOW))):
            found = alternate(lanes, rounds, order)
            add_comparison(results, f"{label} over {transport.upper()}", found, GOALS[transport])
            add_rates(results, f"{label} over {transport.upper()}", found)
        found = alternate(lanes, max(3, rounds // 3), ("messages", 2 * STEADY_RATE, STEADY_WINDOW, STEADY_RATE))
        add_comparison(results, f"messages over {transport.upper()}, {STEADY_RATE} a second", found, STEADY_GOAL)
    finally:
        for lane in lanes.values():
            lane.stop()


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return int(dict(line.split(":", 1) for line in f)["VmRSS"].split()[0])


def add_open_memory(results, build, site, keys):
    lane = Lane(build, site, "sipseald by default", "udp", keys)
    try:
        net = lane.proxy.daemon.children()["net"]
        before = resident_kib(net)
        lane.generator.order("open", OPEN, WINDOW)
        after = resident_kib(net)
        results.add(f"memory of net with {OPEN} open over UDP", after / 1024,
                    f"{before / 1024:.1f} MiB with none; {1024 * (after - before) / OPEN:.0f} bytes for each",
                    OPEN_GOAL, unit="MiB")
    finally:
        lane.stop()


def add_flatness(results, build, site, keys):
    """The same load on three of them at once, in turns, with so many requests open."""
    lanes = {}
    try:
        for count in FLAT_AT:
            lanes[count] = Lane(build, site, "sipseald", "tcp", keys)
            lanes[count].generator.order("messages", FLAT_COUNT, WINDOW)
        for count in FLAT_AT:
            lanes[count].generator.order("open", count, WINDOW)
        found = alternate(lanes, FLAT_ROUNDS, ("messages", FLAT_COUNT, WINDOW))
        least = [r.cpu for r in found[FLAT_AT[0]]]
        for count in FLAT_AT[1:]:
            cpu = [r.cpu for r in found[count]]
            results.add(f"messages over TCP: CPU with {count} open / {FLAT_AT[0]}",
                        statistics.median(a / b for a, b in zip(cpu, least)), f"{micro(cpu)} / {micro(least)} us",
                        FLAT_GOAL)
    finally:
        for lane in lanes.values():
            lane.stop()


def measure(results, build, site, rounds):
    """Adds the rows of relaying."""
    keys = Keys(site)
    names = ["sipseald"]
    if os.path.exists(KAMAILIO):
        names += ["Kamailio", "Kamailio -x fm"]
    else:
        results.skip("sipseald / Kamailio", "Kamailio is not installed: apt-get install kamailio")
    for transport in TRANSPORTS:
        known = names if transport != "tls" or os.path.exists(KAMAILIO_TLS) else names[:1]
        if len(known) < len(names):
            results.skip("TLS: sipseald / Kamailio", "not installed: apt-get install kamailio-tls-modules")
        print(f"relaying over {transport.upper()}: {', '.join(known)}", flush=True)
        compare(results, build, site, keys, transport, known, rounds)
    print(f"relaying with {OPEN} and more requests open", flush=True)
    add_open_memory(results, build, site, keys)
    add_flatness(results, build, site, keys)
