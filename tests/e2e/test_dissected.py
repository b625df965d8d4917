#!/usr/bin/env python3
"""What sipseald and real peers really put on the wire, captured on loopback and read by tshark: none of it is
malformed, and each message is there that was sent. Needs root to capture."""
# timeout: 600

import os
import re
import socket
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

import sipp  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from kamailio import free_port  # noqa: E402
from names import Names  # noqa: E402
from phones import Baresip  # noqa: E402
from processes import Process, run, until  # noqa: E402
from sites import ALICE, BOB, PROXY1, Daemon, Site  # noqa: E402

CALLS = 30
# What tshark finds wrong: a dissector gave up, or its expert says "malformed" or "error". Headers and types that it
# does not know (Proxy-Inspect-Body, AuthEnvelopedData) are neither.
FAULTY = "_ws.malformed || _ws.expert.group == 0x07000000 || _ws.expert.severity == 0x00800000"
# INVITE, 100, 180, 200, ACK, BYE, 200 at the caller's side, and all but the 100 at the other; of a cancelled one
# INVITE, 100, 180, CANCEL, 200, 487, ACK in the same way.
MESSAGES_OF_A_CALL = 13

_sites = []


def site():
    if not _sites:
        _sites.append(Site())
    return _sites[0]


def finish():
    for one in _sites:
        one.stop()


class Capture:
    """tcpdump on loopback, for some ports."""

    END = b"the end of the capture"

    def __init__(self, name, ports):
        self.ports = ports
        self.path = os.path.join(site().path, name + ".pcap")
        self.last = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.last.bind(("127.0.0.1", 0))
        words = " or ".join(f"port {port}" for port in (*ports, self.last.getsockname()[1]))
        self.process = Process([need("tcpdump", "tcpdump"), "-i", "lo", "-U", "-s", "0", "-B", "32768", "-Z", "root",
                                "-w", self.path, words], "tcpdump")
        site().at_end(self.process.stop)
        self.process.wait_for("listening on lo")

    def stop(self):
        """Once all that has passed is in the file."""
        self.last.sendto(self.END, self.last.getsockname())
        until(self._has_ended, "tcpdump has written all")
        self.last.close()
        self.process.stop()

    def _has_ended(self):
        with open(self.path, "rb") as f:
            return self.END in f.read()

    def tshark(self, *words):
        """What tshark says of what was captured, line by line."""
        decode = [word for port in self.ports for transport in ("udp", "tcp")
                  for word in ("-d", f"{transport}.port=={port},sip")]
        told = run([need("tshark", "tshark"), "-n", "-r", self.path, *decode, *words],
                   environment={"HOME": site().path, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})
        return told.decode("utf-8", "replace").splitlines()

    def faults(self):
        return self.tshark("-Y", FAULTY, "-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message", "-e",
                           "_ws.col.Info")

    def messages(self):
        """Which there are, as often as they were sent: (ports, methods or statuses, Call-IDs, CSeqs) of each packet
        with the last of a message in it, which over TCP may have the last of several."""
        fields = ["srcport", "dstport"]
        words = [word for field in fields for t in ("udp", "tcp") for word in ("-e", f"{t}.{field}")]
        words += ["-e", "sip.Method", "-e", "sip.Status-Code", "-e", "sip.Call-ID", "-e", "sip.CSeq"]
        return [line.split("\t") for line in self.tshark("-Y", "sip", "-T", "fields", "-E", "aggregator=|", *words)]

    def count(self):
        """How many there are. A retransmission counts once; only over UDP there are any."""
        once = {tuple(message) for message in self.messages() if message[0]}
        return len(once) + sum(len(message[6].split("|")) for message in self.messages() if not message[0])


def daemon(name, next_hop=None, **sections):
    return Daemon(site(), name, next_hop=next_hop, server={"user": "root"}, **sections).start()


def calls(scenario, transport):
    """CALLS calls of SIPp to SIPp; gives what was captured of them."""
    uas, port = sipp.callee(scenario, transport, CALLS)
    proxy = daemon(f"{transport}-{scenario}.home.example", f"sip:127.0.0.1:{port};transport={transport}")
    capture = Capture(f"{scenario}-{transport}", [proxy.address(transport)[1], port])
    sipp.complete(scenario, transport, CALLS, proxy.address(transport), uas)
    proxy.stop()
    capture.stop()
    return capture


@case
def calls_that_are_answered_or_cancelled_are_on_the_wire_as_they_were_made_and_nothing_is_malformed():
    for scenario in ("call", "cancel"):
        for transport in ("udp", "tcp"):
            capture = calls(scenario, transport)
            assert not capture.faults(), capture.faults()
            assert capture.count() == CALLS * MESSAGES_OF_A_CALL, (scenario, transport, capture.count())


@case
def what_is_sealed_and_what_is_plain_is_on_the_wire_well_formed():
    site().home(ALICE).knows(BOB, PROXY1)
    listener = site().home(BOB).knows(ALICE).listen("--json")
    for transport in ("tcp", "udp"):
        proxy = daemon(f"{transport}-message.home.example", listener.uri(transport))
        capture = Capture(f"message-{transport}", [proxy.address(transport)[1], listener.addresses[transport][1]])
        told = [site().home(ALICE).send(proxy.uri(transport), BOB, "for the wire", *options)
                for options in (("--plain",), ("--middle", PROXY1)) if transport == "tcp" or "--plain" in options]
        for message in told:
            listener.report_of(message["call_id"])
        proxy.stop()
        capture.stop()
        assert not capture.faults(), capture.faults()
        assert capture.count() == 4 * len(told), capture.messages()


@case
def what_two_phones_say_they_sent_and_got_is_what_passed_and_nothing_is_malformed():
    names = Names()
    site().at_end(names.stop)
    for transport in ("udp", "tcp"):
        proxy = daemon(f"{transport}.home.example")
        port = proxy.address(transport)[1]
        own = [free_port(), free_port()]
        capture = Capture(f"phones-{transport}", [port, *own])
        uri = f"sip:127.0.0.1:{port};transport={transport}"
        alice, bob = [Baresip(site(), name, uri, os.path.join(site().ca, "ca.pem"), names, [other], listen).registered()
                      for name, other, listen in (("alice", "bob", own[0]), ("bob", "alice", own[1]))]
        alice.dial(bob.aor)
        bob.rings()
        bob.answer()
        alice.talks()
        alice.tell("hold")
        proxy.process.wait_for("status=200 method=INVITE", count=2)
        alice.tell("resume")
        proxy.process.wait_for("status=200 method=INVITE", count=3)
        bob.hang_up()
        alice.ends()
        alice.tell("message", "that was short")
        proxy.process.wait_for("status=200 method=MESSAGE")
        for phone in (alice, bob):
            phone.stop()
        proxy.stop()
        capture.stop()
        assert not capture.faults(), capture.faults()
        said = re.findall(rf"^{transport.upper()} 127\.0\.0\.1:(\d+) -> 127\.0\.0\.1:(\d+)$",
                          alice.process.log() + bob.process.log(), re.M)
        passed = sum(len(message[6].split("|")) for message in capture.messages())
        assert passed == len(said) > 30, (transport, passed, len(said))


@case
def one_message_that_is_malformed_is_found_among_good_ones():
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    port = receiver.getsockname()[1]
    capture = Capture("malformed", [port])
    good = (b"OPTIONS sip:bob@far.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\n"
            b"Max-Forwards: 70\r\nFrom: <sip:a@b.example>;tag=1\r\nTo: <sip:bob@far.example>\r\n"
            b"Call-ID: x\r\nCSeq: 1 OPTIONS\r\n"
            b"Content-Length: 0\r\n\r\n")
    for data in (good, good.replace(b"\r\n\r\n", b"\r\n"), good):
        receiver.sendto(data, receiver.getsockname())
        receiver.recv(65536)
    capture.stop()
    receiver.close()
    found = capture.faults()
    assert [line.split("\t")[0] for line in found] == ["2"], (found, capture.messages())


if __name__ == "__main__":
    run_cases(finish)
