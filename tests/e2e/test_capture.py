#!/usr/bin/env python3
"""`sipseal inspect` of what was captured on the wire: which messages it finds, and that it says what it did not see."""

import json
import os
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

import pcap  # noqa: E402
from cases import case, run_cases  # noqa: E402
from processes import run  # noqa: E402
from sites import ALICE, BOB, PROXY1, Site  # noqa: E402

DONE, REFUSED, USAGE, UNREADABLE, UNVERIFIED = range(5)

_sites = []


def site():
    if not _sites:
        _sites.append(Site())
        _sites[0].home(ALICE).knows(BOB, PROXY1)
        _sites[0].home(BOB).knows(ALICE)
    return _sites[0]


def finish():
    for one in _sites:
        one.stop()


def draft(*options, text="the parcel is here"):
    return site().home(ALICE).sipseal("send", "--dry-run", "--as", ALICE, *options, BOB, text)


def inspect(capture, *options, status=DONE, says=""):
    """What Bob sees in a capture: standard output, and standard error."""
    home = site().home(BOB)
    path = os.path.join(home.path, "capture.pcap")
    with open(path, "wb") as f:
        f.write(capture)
    result = run([site().sipseal, "inspect", *options, path], None, None, home.environment)
    told = result.stderr.decode()
    assert result.returncode == status, f"exit status {result.returncode}, not {status}: {told}"
    assert says in told, f"{told!r} does not say {says!r}"
    assert "Sanitizer" not in told and "runtime error" not in told, told
    return result.stdout.decode()


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


@case
def a_sealed_message_in_fragments_is_found_and_opened():
    message = draft("--middle", PROXY1)
    assert len(message) > 2000
    packets = pcap.fragments(pcap.udp(message), 1024)
    seen = lines(inspect(pcap.capture(packets[::-1], time.time()), "--json", "--as", BOB))
    assert len(seen) == 1, seen
    assert [part["kind"] for part in seen[0]["parts"]] == ["sealed", "signed", "content"], seen
    assert seen[0]["parts"][2]["text"] == "the parcel is here", seen
    assert seen[0]["captured"]["source"] == "192.0.2.1:5060" and seen[0]["captured"]["transport"] == "UDP", seen


@case
def messages_of_a_connection_are_found_although_its_segments_come_out_of_order():
    one, two = draft(text="first"), draft(text="second")
    stream = one + two
    parts = [(at, stream[at:at + 700]) for at in range(0, len(stream), 700)]
    packets = [pcap.ip(6, pcap.tcp(99, flags=pcap.SYN))]
    for at, part in parts[1::2] + parts[0::2] + parts[:2]:
        packets.append(pcap.ip(6, pcap.tcp(100 + at, part)))
    seen = lines(inspect(pcap.capture(packets, time.time()), "--json", "--as", BOB))
    assert [m["parts"][2]["text"] for m in seen] == ["first", "second"], seen
    assert [m["captured"]["number"] for m in seen] == [1, 2], seen


@case
def a_message_over_ipv6_is_shown_with_its_place():
    shown = inspect(pcap.capture([pcap.ip(17, pcap.udp(draft()), source="2001:db8::1", destination="2001:db8::2")],
                                 time.time()), "--as", BOB)
    assert "[2001:db8::1]:5060 > [2001:db8::2]:5070" in shown and "the parcel is here" in shown, shown


@case
def dates_are_judged_as_at_the_time_of_the_capture():
    packets = [pcap.ip(17, pcap.udp(draft()))]
    inspect(pcap.capture(packets, time.time()), "--as", BOB, status=DONE)
    shown = inspect(pcap.capture(packets, time.time() - 5000), "--as", BOB, status=UNVERIFIED)
    assert "not valid at this time" in shown or "not within the window" in shown, shown
    inspect(pcap.capture(packets, time.time() - 5000), "--as", BOB, "--at", "message", status=DONE)


@case
def messages_are_listed_and_one_is_picked():
    packets = [pcap.ip(17, pcap.udp(draft(text=text))) for text in ("first", "second", "third")]
    capture = pcap.capture(packets, time.time())
    listed = inspect(capture, "--list")
    assert listed.count("MESSAGE sip:bob@far.example SIP/2.0") == 3 and "sealed" not in listed, listed
    assert [m["number"] for m in lines(inspect(capture, "--list", "--json"))] == [1, 2, 3]
    shown = inspect(capture, "--message", "2", "--as", BOB)
    assert "second" in shown and "first" not in shown and "third" not in shown, shown
    inspect(capture, "--message", "4", status=REFUSED, says="--list")
    inspect(capture, "--message", "0", status=USAGE)
    inspect(draft(), "--list", status=USAGE, says="no capture")


@case
def what_was_not_seen_is_said():
    message = draft()
    tls = pcap.ip(6, pcap.tcp(100, b"\x16\x03\x01\x02\x00\x01"))
    start = pcap.ip(6, pcap.tcp(99, flags=pcap.SYN))
    inspect(pcap.capture([start, tls], time.time()), status=REFUSED, says="TLS")
    cut = pcap.ip(17, pcap.udp(message))[:500]
    inspect(pcap.capture([cut], time.time()), status=REFUSED, says="cut off")
    inspect(pcap.capture(pcap.fragments(pcap.udp(message), 1024)[1:], time.time()), status=REFUSED, says="fragments")
    inspect(pcap.capture([start, pcap.ip(6, pcap.tcp(100, message[:900]))], time.time()), status=REFUSED,
            says="bytes of a TCP connection are missing")


@case
def a_message_that_cannot_be_read_does_not_hide_the_others():
    broken = b"MESSAGE sip:bob@far.example SIP/2.0\r\nVia: nonsense\r\n\r\n"
    packets = [pcap.ip(17, pcap.udp(m)) for m in (broken, draft())]
    shown = inspect(pcap.capture(packets, time.time()), "--as", BOB, status=REFUSED, says="sip.syntax")
    assert "the parcel is here" in shown, shown


@case
def files_that_are_no_whole_captures_are_refused():
    capture = pcap.capture([pcap.ip(17, pcap.udp(draft()))], time.time())
    inspect(capture[:20], status=REFUSED, says="pcap")
    shown = inspect(capture + b"\0" * 7, "--as", BOB, status=REFUSED, says="capture it again")
    assert "the parcel is here" in shown, shown
    inspect(pcap.capture([], time.time(), link=147), status=REFUSED, says="link layer")


if __name__ == "__main__":
    run_cases(finish)
