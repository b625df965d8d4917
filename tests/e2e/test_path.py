"""The whole path on real sockets: UA 1, Proxy 1 (sipseald), Proxy 2 (Kamailio), UA 2, and back (protocol.md 9,
figure-2; RFC 4189 2.1). Between any two of them a tap keeps what passes."""
# timeout: 600

import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
import sip  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from kamailio import Kamailio  # noqa: E402
from processes import Process, until  # noqa: E402
from rules import RULES  # noqa: E402
from sites import ALICE, ARCHIVE_RULE, AUDITOR, BOB, MALLORY, PROXY1, PROXY2, Daemon, Site  # noqa: E402
from tap import BACK, Tap  # noqa: E402

HERE = os.path.dirname(os.path.realpath(__file__))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class World:
    def __init__(self):
        need(openssl.PROGRAM, "openssl")
        kamailio = need("/usr/sbin/kamailio", "kamailio")
        self.site = Site()
        self.alice = self.site.home(ALICE).knows(BOB, PROXY1)
        self.bob = self.site.home(BOB).knows(ALICE)
        self.proxy2 = Kamailio(os.path.join(self.site.path, "kamailio"), program=kamailio)
        self.hop2 = self.tap(self.proxy2.address, "Proxy 1 to Proxy 2")
        self.proxy1 = Daemon(self.site, PROXY1, next_hop=self.hop2.uri(), policy=[ARCHIVE_RULE],
                             readers=[AUDITOR]).start()
        self.hop1 = self.tap(self.proxy1.address(), "UA 1 to Proxy 1")
        self.back2 = self.tap(self.proxy1.address(), "Proxy 2 to Proxy 1")
        self.ua1 = self.alice.listen("--json", "--register", self.proxy1.uri())
        self.ua2 = self.bob.listen("--json")
        self.hop3 = self.tap(self.ua2.address, "Proxy 2 to UA 2")
        self.proxy2.start({"far.example": self.hop3.uri(), "home.example": self.back2.uri()})
        self.site.at_end(self.proxy2.stop)

    def tap(self, address, name):
        tap = Tap(address, name)
        self.site.at_end(tap.stop)
        return tap

    def there(self, text, *options, status=0):
        """Alice sends to Bob; gives the request at each of the three hops."""
        call_id = self.alice.send(self.hop1.uri(), BOB, text, "--middle", PROXY1, *options, status=status)["call_id"]
        return [tap.wait_for(lambda m: m["call-id"] == call_id and m.method == "MESSAGE")
                for tap in (self.hop1, self.hop2, self.hop3)]

    def records(self):
        listed = self.site.home(AUDITOR).sipseal("archive", "list", "--json", "--archive", self.proxy1.archive)
        return [json.loads(line) for line in listed.splitlines()]

    def complete(self, call_id):
        """The record of a message, when it has its final response."""
        return next((r for r in self.records() if r["call_id"] == call_id and r["status"]), None)


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def finish():
    for one in _world:
        one.site.stop()


def can_read(body, name):
    party = world().site.home(name).party
    return openssl.opened(body, party.certificate, party.key) is not None


@case
def a_sealed_message_reaches_bob_with_alices_proven_identity_and_the_list_of_its_readers():
    w = world()
    text = "the parcel is here"
    message = w.there(text)[0]
    report = w.ua2.report_of(message["call-id"])
    part = report["parts"][0]
    assert part["text"].rstrip("\r\n") == text, part
    assert (part["proven"], part["rule"]) == ("user", "ok") and part["identity"] == f"sip:{ALICE}", part
    named = json.dumps(part["readers"])
    assert BOB in named and PROXY1 in named and len(part["readers"]) == 2, named


@case
def the_body_that_arrives_is_the_body_that_was_sent_through_sipseald_and_kamailio():
    w = world()
    for text in ("x", "line one\nline two\r\nline three\n", "y" * 3000, "\u03b1" * 30000):
        sent, between, arrived = w.there(text)
        assert sha256(sent.body) == sha256(between.body) == sha256(arrived.body)
        report = w.ua2.report_of(sent["call-id"])
        assert report["body_sha256"] == sha256(sent.body)
        for name in ("proxy-inspect-body", "content-id", "content-type", "content-disposition", "date", "from", "to"):
            assert sent.all_of(name) == arrived.all_of(name), name


@case
def proxy_1_and_bob_can_read_it_and_proxy_2_and_alices_own_key_and_the_auditor_cannot():
    w = world()
    for message in w.there("for two readers"):
        assert [can_read(message.body, name) for name in (PROXY1, BOB)] == [True, True]
        assert [can_read(message.body, name) for name in (PROXY2, ALICE, AUDITOR, MALLORY)] == [False] * 4


@case
def what_was_sealed_is_nowhere_in_the_clear_on_the_wire_or_in_a_log():
    w = world()
    text = "canary" + os.urandom(8).hex()
    w.there(text)
    for tap in (w.hop1, w.hop2, w.hop3):
        assert text.encode() not in tap.raw(), tap.name
    for process in (w.proxy1.process, w.proxy2.process):
        assert text not in process.log(), process.name
    assert text in w.ua2.process.log(), "it did not arrive"


@case
def the_archive_has_it_with_the_proven_sender_and_the_final_response():
    w = world()
    text = "to be kept"
    message = w.there(text)[0]
    # The final response is noted after it was sent on.
    record = until(lambda: w.complete(message["call-id"]), "the record has its final response")
    assert (record["status"], record["signer"], record["proof"]) == (200, f"sip:{ALICE}", "user"), record
    number = str(record["id"])
    archive = ["archive", "show", "--archive", w.proxy1.archive]
    shown = w.site.home(AUDITOR).sipseal(*archive, "--as", AUDITOR, number)
    assert text.encode() in shown and ALICE.encode() in shown, shown
    for name in (ALICE, BOB, PROXY1, MALLORY):
        result = w.site.home(name).sipseal(*archive, "--as", name, number, status=None)
        assert result.returncode == 3 and text.encode() not in result.stdout + result.stderr, (name, result)


@case
def bobs_own_message_is_closed_to_proxy_1_which_forwards_it_unchanged():
    w = world()
    text = "for Alice alone"
    records = len(w.records())
    w.bob.send(w.proxy2.uri(), ALICE, text)
    between = w.back2.wait_for(lambda m: m.method == "MESSAGE")
    report = w.ua1.report_of(between["call-id"])
    assert report["parts"][0]["text"].rstrip("\r\n") == text and report["parts"][0]["proven"] == "user", report
    assert report["body_sha256"] == sha256(between.body)
    assert can_read(between.body, ALICE) and not can_read(between.body, PROXY1)
    assert len(w.records()) == records, "what Proxy 1 cannot read is in its archive"


@case
def without_a_label_for_proxy_1_alice_gets_496_and_bob_gets_nothing():
    w = world()
    seen = len(w.ua2.reports())
    refused = w.alice.sipseal("send", "--as", ALICE, "--proxy", w.hop1.uri(), BOB, "sealed to Bob alone", status=None)
    assert refused.returncode == 1 and b"496" in refused.stderr, refused
    assert RULES["policy.view"][1].encode() in refused.stderr, refused.stderr
    answer = w.hop1.wait_for(lambda m: m.status == 496, BACK)
    assert answer.all_of("warning") == [f'399 {PROXY1} "{RULES["policy.view"][1]}"'], answer.data
    w.there("and the next one passes")
    assert len(w.ua2.reports()) == seen + 1


@case
def a_recipient_without_a_certificate_is_exit_3_and_the_command_to_run():
    w = world()
    told = w.alice.sipseal("send", "--as", ALICE, "--proxy", w.hop1.uri(), "carol@far.example", "hello", status=3)
    assert told == b""
    told = w.alice.sipseal("send", "--as", ALICE, "--proxy", w.hop1.uri(), "carol@far.example", "hello", status=None)
    assert b"sipseal contact add" in told.stderr, told.stderr


@case
def what_is_sealed_to_bob_is_493_for_somebody_else_and_403_when_it_was_sealed_again():
    w = world()
    carol_name = "carol@far.example"
    carol = w.site.home(carol_name)
    message = w.there("not for Carol")[0]
    to_carol = message.data.replace(b"MESSAGE sip:bob@", b"MESSAGE sip:carol@", 1)
    ua3 = carol.listen("--json")
    answer = sip.ask(ua3.address, to_carol)
    assert answer.status == 493, answer.data
    ua3.stop()
    # Bob may read it, and seals it again for Carol.
    inside = openssl.opened(message.body, w.bob.party.certificate, w.bob.party.key)
    body = openssl.seal(inside, [carol.party.certificate])
    head = to_carol[:len(to_carol) - len(message.body)].replace(
        b"Content-Length: %d" % len(message.body), b"Content-Length: %d" % len(body))
    ua3 = carol.listen("--json")  # another: the first would take it for the same request (RFC 3261 8.2.2.2)
    answer = sip.ask(ua3.address, head + body)
    assert answer.status == 403, answer.data
    ua3.process.wait_for(r"signature\.")
    assert not any(report["event"] == "message" for report in ua3.reports())
    ua3.stop()


# --- other ways ---

@case
def messages_cross_over_ipv6():
    w = world()
    bob = w.bob.listen("--json", "--listen", "[::1]:0")
    there = w.tap(bob.address, "to Bob over IPv6")
    daemon = Daemon(w.site, "proxy6.home.example", next_hop=there.uri(), policy=[], hosts=["::1"]).start()
    w.alice.send(daemon.uri(host="::1"), BOB, "over IPv6")
    message = there.wait_for(lambda m: m.method == "MESSAGE")
    report = bob.report_of(message["call-id"])
    assert report["parts"][0]["text"].rstrip("\r\n") == "over IPv6" and report["source"].startswith("[::1]"), report
    daemon.stop()
    bob.stop()


@case
def a_small_plain_message_crosses_over_udp():
    w = world()
    daemon = Daemon(w.site, "proxy4.home.example", next_hop=w.ua2.uri("udp")).start()
    tap = w.tap(daemon.address("udp"), "over UDP")
    w.alice.send(tap.uri("udp"), BOB, "small and plain", "--plain")
    message = tap.wait_for(lambda m: m.method == "MESSAGE")
    assert "/UDP" in message["via"]
    report = w.ua2.report_of(message["call-id"])
    assert report["transport"] == "udp" and report["parts"][0]["proven"] == "none", report
    daemon.stop()


@case
def a_signed_message_in_the_clear_is_verified_by_the_proxy_and_passes():
    w = world()
    rule = {**ARCHIVE_RULE, "require": ["verify"]}
    there = w.tap(w.ua2.address, "signed only")
    daemon = Daemon(w.site, "proxy5.home.example", next_hop=there.uri(), policy=[rule]).start()
    w.alice.send(daemon.uri(), BOB, "for everybody, from Alice", "--sign-only", "--middle", "proxy5.home.example")
    report = w.ua2.report_of(there.wait_for(lambda m: m.method == "MESSAGE")["call-id"])
    assert report["parts"][0]["proven"] == "user" and not report["parts"][0]["sealed"], report
    daemon.stop()


@case
def whom_the_configuration_does_not_allow_cannot_register_and_who_is_not_registered_is_480():
    w = world()
    daemon = Daemon(w.site, "proxy7.home.example", registrar={"allow": ["192.0.2.0/24"]}).start()
    refused = w.alice.sipseal("listen", "--as", ALICE, "--listen", "127.0.0.1:0", "--register", daemon.uri(),
                              status=None)
    assert refused.returncode == 1 and b"403" in refused.stderr, refused
    daemon.process.wait_for(r"rule=sip\.register-denied")
    answer = sip.ask(daemon.address(), sip.request("MESSAGE", f"sip:{ALICE}", [
        ("From", f"<sip:{BOB}>;tag=1"), ("To", f"<sip:{ALICE}>"), ("Call-ID", "nobody@home"), ("CSeq", "1 MESSAGE"),
        ("Content-Type", "text/plain")], b"hello"))
    assert answer.status == 480, answer.data
    daemon.stop()


@case
def sipp_calls_sipp_through_sipseald_over_tcp_and_udp():
    w = world()
    sipp = need("sipp", "sip-tester")
    for transport in ("udp", "tcp"):
        flag = {"udp": "u1", "tcp": "t1"}[transport]
        count = "50"
        uas_port = Kamailio(w.site.path).address[1]
        uas = Process([sipp, "-sf", os.path.join(HERE, "sipp_uas.xml"), "-i", "127.0.0.1", "-p", str(uas_port),
                       "-t", flag, "-m", count, "-nostdin", "-timeout", "60", "-timeout_error"], "SIPp UAS")
        daemon = Daemon(w.site, f"{transport}.home.example",
                        next_hop=f"sip:127.0.0.1:{uas_port};transport={transport}").start()
        host, port = daemon.address(transport)
        uac = Process([sipp, "-sf", os.path.join(HERE, "sipp_uac.xml"), "-i", "127.0.0.1", "-t", flag, "-m", count,
                       "-r", "50", "-nostdin", "-timeout", "60", "-timeout_error", f"{host}:{port}"], "SIPp UAC")
        assert uac.wait(90) == 0, uac.log()[-3000:] + daemon.process.log()[-3000:]
        assert uas.wait(90) == 0, uas.log()[-3000:]
        daemon.stop()


if __name__ == "__main__":
    run_cases(finish)
