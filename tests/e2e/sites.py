"""The people and machines of a test: homes with keys, a certificate authority, sipseald, listeners.

All of it lies in one temporary folder and all of it runs until `Site.stop`. Names are those of the requirements
document: Alice is UA 1 behind Proxy 1 at home.example, Bob is UA 2 at far.example."""

import json
import os
import re
import shutil
import signal
import tempfile

from craft import Party
import sip
from processes import Process, children, run
from rules import RULES

ALICE, BOB = "alice@home.example", "bob@far.example"
PROXY1, PROXY2 = "proxy1.home.example", "proxy2.far.example"
AUDITOR, MALLORY = "auditor@home.example", "mallory@home.example"

# Proxy 1 reads and verifies what its own users send, and refuses what it cannot read.
ARCHIVE_RULE = {"methods": ["MESSAGE"], "direction": "from-domain", "content": ["text/*"],
                "require": ["view", "verify"], "plain": "refuse", "mode": "enforce"}


def build_folder():
    return os.path.realpath(os.environ["SIPSEAL_BUILD"])


class Home:
    """A user's or machine's own folder: nobody else's keys are in it."""

    def __init__(self, site, name):
        self.site = site
        self.name = name
        self.path = os.path.join(site.path, "home", name)
        self.keys = os.path.join(self.path, "data/sipseal/keys")
        os.makedirs(self.keys, mode=0o700)
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": self.path, "LANG": "C.UTF-8",
                            "XDG_DATA_HOME": os.path.join(self.path, "data"),
                            "XDG_CONFIG_HOME": os.path.join(self.path, "config")}
        for word in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if word in os.environ:
                self.environment[word] = os.environ[word]

    @property
    def party(self):
        """Certificate and key, for OpenSSL and BouncyCastle."""
        return Party(self.keys, self.name)

    def draft(self, recipient, text, *options):
        """The request that `sipseal send` would send, as bytes."""
        return self.sipseal("send", "--dry-run", "--as", self.name, *options, recipient, text)

    def issue(self, *options):
        self.sipseal("ca", "issue", "--ca", self.site.ca, "-o", self.keys, *options, self.name)
        return self

    def revoke(self, certificate):
        """Has a certificate revoked, and the list put among what this home trusts."""
        self.sipseal("ca", "revoke", "--ca", self.site.ca, "-o", self.keys, certificate)

    def knows(self, *names):
        """Adds the certificates of others as contacts."""
        for name in names:
            self.sipseal("contact", "add", self.site.home(name).party.certificate)
        return self

    def sipseal(self, *words, data=None, status=0):
        """Runs the command line as this user; gives its standard output as bytes."""
        return run([self.site.sipseal, *words], data, status, self.environment)

    def listen(self, *options, name=None):
        """Starts `sipseal listen`, on free ports of loopback unless the options say where."""
        if "--listen" not in options:
            options = ("--listen", "127.0.0.1:0", *options)
        return Listener(self, options, name or self.name)

    def call(self, proxy, recipient, *options):
        """Starts `sipseal call` as this user, which reports each event as a line of JSON."""
        process = Process([self.site.sipseal, "call", "--json", "--as", self.name, "--proxy", proxy, *options,
                           recipient], f"call as {self.name}", self.environment)
        return Call(self.site, process)

    def send(self, proxy, recipient, text, *options, status=0):
        """`sipseal send` as this user; gives its report."""
        told = self.sipseal("send", "--json", "--as", self.name, "--proxy", proxy, *options, recipient, text,
                            status=None)
        assert told.returncode == status, f"exit status {told.returncode}, not {status}: {told.stderr.decode()}"
        return json.loads(told.stdout) if told.stdout else None


class Call:
    """`sipseal call`."""

    def __init__(self, site, process):
        self.process = process
        site.at_end(self.stop)

    def event(self, name, limit=30):
        """The first event of that name, once it is there."""
        return json.loads(self.process.wait_for(r'^\{"event": ?"' + name + '".*', limit=limit)[0])

    def wait(self, status=0):
        """Waits for the end; gives the event of the end, if there was one."""
        code = self.process.wait(60)
        assert code == status, f"exit status {code}, not {status}: {self.process.log()}"
        ends = [line for line in self.process.lines if line.startswith('{"event":"ended"')]
        return json.loads(ends[0]) if ends else None

    def hang_up(self):
        """What Ctrl-C does."""
        self.process.process.send_signal(signal.SIGINT)

    def stop(self):
        if self.process.running():
            self.process.stop()


class Listener:
    """`sipseal listen`, which reports each message as a line of JSON."""

    def __init__(self, home, options, name):
        self.process = Process([home.site.sipseal, "listen", "--as", name, *options], f"listen as {name}",
                               home.environment)
        home.site.at_end(self.stop)
        self.addresses = {}
        for transport in ("tcp", "udp"):
            found = self.process.wait_for(rf"listening on (\S+):(\d+)/{transport}")
            self.addresses[transport] = (found[1].strip("[]"), int(found[2]))
        self.address = self.addresses["tcp"]
        if "--register" in options:
            self.process.wait_for(r"registered ")

    def uri(self, transport="tcp"):
        host, port = self.addresses[transport]
        shown = f"[{host}]" if ":" in host else host
        return f"sip:{shown}:{port};transport={transport}"

    def reports(self):
        """What it reported so far (with --json)."""
        return [json.loads(line) for line in self.process.log().splitlines() if line.startswith('{"')]

    def report_of(self, call_id):
        """The report of one message, once it is there."""
        self.process.wait_for(r'^\{".*' + re.escape(json.dumps(call_id)))
        return next(report for report in self.reports() if report["call_id"] == call_id)

    def event_of(self, call_id, name):
        """The first report with that name of one call, once it is there."""
        self.process.wait_for(r'^\{"event": ?"' + name + '".*' + re.escape(json.dumps(call_id)))
        return next(r for r in self.reports() if r["call_id"] == call_id and r["event"] == name)

    def stop(self):
        if self.process.running():
            self.process.stop()


class Daemon:
    """sipseald under the name of a proxy, as an ordinary user, in the foreground, on free ports of loopback."""

    def __init__(self, site, name, next_hop=None, policy=(), readers=(), routes=(), hosts=("127.0.0.1",),
                 registrar=None, **sections):
        """`next_hop`: where all domains but its own go. `readers`: names of those for whom the archive is encrypted;
        without any there is no archive. `sections` are added to the configuration."""
        self.site = site
        self.name = name
        self.home = site.home(name)
        self.path = os.path.join(site.path, "proxy", name)
        os.makedirs(self.path, exist_ok=True)
        self.archive = os.path.join(self.path, "archive.db")
        shown = [f"[{host}]" if ":" in host else host for host in hosts]
        listen = [f"{transport}://{host}:0" for host in shown for transport in ("udp", "tcp")]
        domain = name.split(".", 1)[1]
        configuration = {
            "server": {"names": [name], "listen": listen, "vaults": 2},
            "keys": {"certificate": self.home.party.certificate, "private_key": self.home.party.key,
                     "trust": os.path.join(self.home.keys, "trust.pem")},
            "routes": [{"domain": domain, "registrar": registrar or {"allow": ["127.0.0.0/8", "::1/128"]}}, *routes],
            "policy": list(policy),
        }
        if next_hop:
            configuration["routes"].append({"domain": "*", "next": next_hop})
        if readers:
            configuration["archive"] = {"path": self.archive,
                                        "readers": [site.home(reader).party.certificate for reader in readers]}
        for section, values in sections.items():
            configuration[section] = {**configuration.get(section, {}), **values}
        self.file = os.path.join(self.path, "sipseald.yaml")
        with open(self.file, "w", encoding="utf-8") as f:
            json.dump(configuration, f, indent=2)  # JSON is YAML
        self.process = None

    def start(self):
        environment = {k: v for k, v in self.home.environment.items() if not k.startswith("XDG_")}
        self.process = Process([self.site.sipseald, "-c", self.file], self.name, environment)
        self.site.at_end(self.stop)
        self.process.wait_for(r"process=parent event=ready\b")
        return self

    def address(self, transport="tcp", host="127.0.0.1"):
        """Where it listens: it was told to take free ports, and says which."""
        expression = rf"event=listening transport={transport} address={re.escape(host)} port=(\d+)"
        found = self.process.wait_for(expression, limit=1)
        return host, int(found[1])

    def uri(self, transport="tcp", host="127.0.0.1"):
        shown = f"[{host}]" if ":" in host else host
        return f"sip:{shown}:{self.address(transport, host)[1]};transport={transport}"

    def children(self):
        """Its processes: {name: pid}, such as net, vault-1, store."""
        found = {}
        for pid, words in children(self.process.pid).items():
            if len(words) > 1:  # else it has only just begun, or has ended
                found[words[1]] = pid
        return found

    def stop(self):
        if self.process and self.process.running():
            self.process.stop()


class Site:
    def __init__(self, build=None):
        build = build or build_folder()
        self.sipseal = os.path.join(build, "sipseal")
        self.sipseald = os.path.join(build, "sipseald")
        self.path = tempfile.mkdtemp(prefix="site-")
        self.ca = os.path.join(self.path, "ca")
        self._homes = {}
        self._ends = []
        run([self.sipseal, "ca", "init", "-o", self.ca], environment={"HOME": self.path, "PATH": "/usr/bin:/bin"})

    def home(self, name, *options):
        """`options` are those of `ca issue`, for a home that is new."""
        if name not in self._homes:
            self._homes[name] = Home(self, name)
            self._homes[name].issue(*options)
        return self._homes[name]

    def at_end(self, stop):
        """Something to stop, last first."""
        self._ends.append(stop)
        return stop

    def stop(self):
        errors = []
        while self._ends:
            try:
                self._ends.pop()()
            except AssertionError as error:
                errors.append(str(error))
        shutil.rmtree(self.path, ignore_errors=True)
        assert not errors, "\n".join(errors)


def refused(daemon, data, rule, call_id=None):
    """The daemon refuses the request by that rule: its response, its Warning, its log line. Gives the response."""
    status, sentence = RULES[rule]
    mark = daemon.process.mark()
    answer = sip.ask(daemon.address(), data)
    assert answer is not None, f"the connection was closed\n{daemon.process.log()}"
    told = f"{answer.start}; Warning: {answer['warning']}\n{daemon.process.log()[-3000:]}"
    assert answer.status == status, f"{rule} is answered {status}, not: {told}"
    assert answer["warning"] == f'399 {daemon.name} "{sentence}"', f"the Warning of {rule}: {told}"
    call_id = call_id or sip.Message(data)["call-id"]
    daemon.process.wait_for(rf'event=\S+ .*rule={rule}\b.*call_id="?{call_id}\b'
                            rf'|call_id="?{call_id}\b.*rule={rule}\b', after=mark)
    return answer
