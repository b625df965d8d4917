"""Each message of RFC 4475 and RFC 5118, from where they lie outside of the project, through a running sipseald as
proxy and as registrar, over UDP and TCP: what its RFC names becomes of it, and what is forwarded is as it came but
for the headers that a proxy writes. unit/sip_vectors has what the parser says of them, tests/corpus the project's own
cases."""
# timeout: 300

import os
import random
import re
import signal
import socket
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "corpus")]
import sip  # noqa: E402
from cases import case, run_cases  # noqa: E402
from rules import RULES  # noqa: E402
from sites import Daemon, Site  # noqa: E402
from untouched import compare  # noqa: E402
from vectors import folder  # noqa: E402

ROUTE = b"<sip:127.0.0.1:5080>"  # of mpart01.dat

# What becomes of each: as a proxy whose next hop takes everything, and as the registrar of example.com for what is a
# REGISTER. A name of a rule: refused with its response, or dropped where the line says so. "forwarded", and "served":
# 200 by the registrar. Behind "tcp": what differs over TCP, where a wrong length leaves the rest of the stream
# without a meaning ("and closed"), or lets more be expected ("more").
#
# The RFC would have the registrar take five that it refuses with sip.contact: a Contact with a host name cannot be
# registered yet, nor one with headers (regescrt.dat).
OUTCOMES = """
wsinv.dat       forwarded
intmeth.dat     forwarded
esc01.dat       forwarded
escnull.dat     forwarded                registrar sip.contact
esc02.dat       forwarded
lwsdisp.dat     forwarded
longreq.dat     forwarded
dblreq.dat      forwarded                registrar sip.contact
semiuri.dat     forwarded
transports.dat  forwarded
mpart01.dat     forwarded
unreason.dat    dropped sip.stray
noreason.dat    dropped sip.stray
badinv01.dat    sip.syntax
clerr.dat       sip.content-length       tcp more
ncl.dat         sip.content-length       tcp sip.content-length and closed
scalar02.dat    sip.cseq                 registrar sip.cseq
scalarlg.dat    dropped sip.cseq
quotbal.dat     sip.syntax
ltgtruri.dat    sip.uri
lwsruri.dat     sip.uri
lwsstart.dat    sip.syntax
trws.dat        sip.syntax
escruri.dat     sip.uri
baddate.dat     forwarded
regbadct.dat    forwarded                registrar sip.syntax
badaspec.dat    sip.syntax
baddn.dat       sip.syntax               tcp more
badvers.dat     sip.version
mismatch01.dat  sip.cseq
mismatch02.dat  sip.cseq
bigcode.dat     dropped sip.syntax
badbranch.dat   forwarded
insuf.dat       dropped sip.header-missing
unkscm.dat      sip.scheme
novelsc.dat     sip.scheme
unksm2.dat      forwarded                registrar sip.uri
bext01.dat      sip.proxy-require
invut.dat       forwarded
regaut01.dat    forwarded                registrar served
multi01.dat     sip.header-twice
mcl01.dat       sip.header-twice         tcp sip.header-twice and closed
bcast.dat       dropped sip.stray
zeromf.dat      sip.max-forwards
cparam01.dat    forwarded                registrar sip.contact
cparam02.dat    forwarded                registrar sip.contact
regescrt.dat    forwarded                registrar sip.contact
sdp01.dat       forwarded
inv2543.dat     forwarded                tcp sip.content-length and closed
test.dat        dropped sip.syntax
ipv6-good                     forwarded
ipv6-bad                      sip.uri
port-ambiguous                forwarded
port-unambiguous              forwarded
via-received-param-with-delim forwarded
via-received-param-no-delim   forwarded
ipv6-in-sdp                   sip.content-length tcp more
mult-ip-in-header             forwarded
mult-ip-in-sdp                forwarded  tcp forwarded and closed: sip.syntax
ipv4-mapped-ipv6              forwarded
ipv6-bug-abnf-3-colons        forwarded
ipv6-correct-abnf-2-colons    forwarded
"""


def expectations(role, transport):
    """[(name of the file, outcome)], for what is sent in this role."""
    found = []
    for line in OUTCOMES.strip().splitlines():
        name, rest = line.split(None, 1)
        words = re.match(r"(.*?)(?: registrar (.*?))?(?: tcp (.*))?$", " ".join(rest.split()))
        plain = words[2] if role == "registrar" else words[1]
        if plain:
            found.append((name, words[3] if transport == "tcp" and words[3] else plain))
    return found


def vector(name):
    with open(os.path.join(folder(), "rfc4475" if name.endswith(".dat") else "rfc5118/crlf", name), "rb") as f:
        return f.read()


class Element:
    """sipseald in one role, and what stands behind it."""

    def __init__(self, site, role, transport):
        self.transport = transport
        self.server = sip.Server()
        site.at_end(self.server.stop)
        own = [{"domain": "example.com", "registrar": {"allow": ["127.0.0.0/8"]}}] if role == "registrar" else []
        self.daemon = Daemon(site, f"{role}-{transport}.home.example", routes=own,
                             next_hop=self.server.uri(transport)).start()
        # A response over UDP goes to the port of the Via, which is 5060 where it has none: at an address of the
        # test's own.
        self.source = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"

        self.route = f"<{self.server.uri(transport)}>".encode()
        self._branches = set()

    def prepared(self, name):
        """One as it is sent: where it has the branch of one before, with another, else it would be its
        retransmission; where its Route leads to some port, with that of the next hop. Over a stream what follows a
        message is another."""
        data = vector(name).replace(ROUTE, self.route)
        if name == "dblreq.dat" and self.transport == "tcp":
            data = data[:data.index(b"\r\n\r\n") + 4]
        branch = re.search(rb"branch=(z9hG4bK[^;,\s]+)", data)
        if branch and branch[1] in self._branches:
            data = data.replace(branch[1], branch[1] + b"-" + name.split(".")[0].encode(), 1)
        self._branches.add(branch and branch[1])
        return data

    def open(self, data):
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM if self.transport == "tcp" else socket.SOCK_DGRAM)
        via = re.search(rb"^(?:via|v)\s*:\s*SIP\s*/\s*2\.0\s*/\s*\w+\s+(?:\[[^\]]*\]|[^\s:;,]+):(\d+)", data,
                        re.I | re.M)
        client.bind((self.source, 0 if self.transport == "tcp" else int(via[1]) if via else 5060))
        client.connect(self.daemon.address(self.transport))
        return client

    def rules(self):
        """How often each rule has refused or dropped something: {name: number}."""
        mark = self.daemon.process.mark()
        os.kill(self.daemon.process.pid, signal.SIGUSR1)
        found = self.daemon.process.wait_for(r"process=net event=counters group=rules (.*)", after=mark)[1]
        return {name: int(number) for name, number in re.findall(r"(\S+)=(\d+)", found) if number != "0"}


def final_response(client, transport):
    buffer = b""
    while True:
        data = client.recv(65536)
        assert data, f"the connection was closed after {buffer}"
        buffer = data if transport == "udp" else buffer + data
        for message in sip.messages_in(buffer)[0]:
            if message.status >= 200:
                return message


# --- the cases ---

_sites = []


def finish():
    for one in _sites:
        one.stop()


def send(element, name, outcome):
    """Sends one and looks at what becomes of it; gives the rule that it breaks."""
    data = element.prepared(name)
    mark = element.daemon.process.mark()
    client = element.open(data)
    client.settimeout(sip.LIMIT)
    client.send(data)
    rule = next((word for word in outcome.split() if word in RULES), None)
    try:
        if outcome.startswith("forwarded"):
            compare(data, element.server.next().data, element.daemon.name, element.route)
            assert "closed" in outcome or final_response(client, element.transport).status == 200
        elif outcome == "served":
            assert final_response(client, element.transport).status == 200
        elif outcome.startswith("dropped"):
            element.daemon.process.wait_for(rf"event=dropped rule={rule} ", after=mark)
        elif outcome != "more":
            answer = final_response(client, element.transport)
            assert answer.status == RULES[rule][0] or (answer.status == 420 and name == "bext01.dat"), answer.data
        if "closed" in outcome:
            while client.recv(65536):
                pass
    finally:
        client.close()
    assert element.server.nothing(), element.server.next().data
    return rule


def goes_as_its_rfc_says(role, transport):
    folder()  # else skipped before anything is started
    if not _sites:
        _sites.append(Site())
    element = Element(_sites[0], role, transport)
    told, failed = {}, []
    for name, outcome in expectations(role, transport):
        try:
            rule = send(element, name, outcome)
        except (AssertionError, OSError) as error:
            failed.append(f"{name} was to be: {outcome}; {type(error).__name__} {error}")
            continue
        if rule:
            told[rule] = told.get(rule, 0) + 1
    assert not failed, "\n".join(failed) + element.daemon.process.log()[-2000:]
    counted = element.rules()
    assert counted == {rule.replace(".", "_").replace("-", "_"): number for rule, number in told.items()}, counted


@case
def each_message_over_udp_is_forwarded_refused_or_dropped_by_a_proxy_as_its_rfc_says():
    goes_as_its_rfc_says("proxy", "udp")


@case
def each_message_over_tcp_is_forwarded_refused_or_dropped_by_a_proxy_as_its_rfc_says():
    goes_as_its_rfc_says("proxy", "tcp")


@case
def each_register_over_udp_is_taken_or_refused_by_the_registrar():
    goes_as_its_rfc_says("registrar", "udp")


@case
def each_register_over_tcp_is_taken_or_refused_by_the_registrar():
    goes_as_its_rfc_says("registrar", "tcp")


@case
def every_message_of_both_rfcs_is_in_the_table():
    there = {name for name in os.listdir(os.path.join(folder(), "rfc4475")) if name.endswith(".dat")}
    there |= set(os.listdir(os.path.join(folder(), "rfc5118/crlf")))
    assert {name for name, _ in expectations("proxy", "udp")} == there


if __name__ == "__main__":
    run_cases(finish)
