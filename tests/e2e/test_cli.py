#!/usr/bin/env python3
"""The command line as a person or a script meets it: what each command does, refuses and says, and its exit codes."""

import json
import os
import pty
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from datetime import datetime

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

import openssl  # noqa: E402
import sip  # noqa: E402
from cases import case, run_cases  # noqa: E402
from processes import run, until  # noqa: E402
from sites import ALICE, ARCHIVE_RULE, AUDITOR, BOB, PROXY1, Daemon, Site  # noqa: E402

DONE, REFUSED, USAGE, UNREADABLE, UNVERIFIED, NETWORK = range(6)

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


def ask(home, *words, status, says="", data=None):
    """Runs a command that must end with this status and, when it fails, say so in one line with what to do next."""
    result = home.sipseal(*words, status=None, data=data)
    told = result.stderr.decode()
    assert result.returncode == status, f"{words}: exit status {result.returncode}, not {status}: {told}"
    if status != DONE:
        line = [line for line in told.splitlines() if line.startswith("sipseal: ")]
        assert len(line) == 1 and "; " in line[0], f"{words}: {told!r}"
        assert says in line[0], f"{words}: {line[0]!r} does not say {says!r}"
    assert "Sanitizer" not in told and "runtime error" not in told, told
    return result.stdout.decode()


def as_json(text):
    return [json.loads(line) for line in text.splitlines()]


def draft(home, *options, text="the parcel is here", recipient=BOB):
    """A request as it would be sent."""
    return home.sipseal("send", "--dry-run", "--as", home.name, *options, recipient, text)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# --- keys and certificates ---

@case
def an_authority_is_made_once_and_never_replaced():
    home = site().home(ALICE)
    folder = os.path.join(home.path, "own-ca")
    ask(home, "ca", "init", "-o", folder, "--name", "Trial CA", "--days", "30", status=DONE)
    assert (mode(f"{folder}/ca.key"), mode(f"{folder}/ca.pem")) == (0o600, 0o644)
    shown = run([openssl.PROGRAM, "x509", "-in", f"{folder}/ca.pem", "-noout", "-text"]).decode()
    assert "CN = Trial CA" in shown and "CA:TRUE" in shown, shown
    with open(f"{folder}/ca.key", "rb") as f:
        key = f.read()
    ask(home, "ca", "init", "-o", folder, status=REFUSED, says="already")
    with open(f"{folder}/ca.key", "rb") as f:
        assert f.read() == key


@case
def issued_keys_are_ready_to_use_for_users_and_for_hosts():
    home = site().home(ALICE)
    out = os.path.join(home.path, "issued")
    told = as_json(ask(home, "ca", "issue", "--ca", site().ca, "-o", out, "--json", "carol@far.example",
                       "proxy9.far.example", status=DONE))
    assert [one["name"] for one in told] == ["carol@far.example", "proxy9.far.example"], told
    for name, names, purpose in (("carol@far.example", "URI:sip:carol@far.example", "E-mail Protection"),
                                 ("proxy9.far.example", "DNS:proxy9.far.example", "1.3.6.1.5.5.7.3.20")):
        assert mode(f"{out}/{name}.key") == 0o600
        run([openssl.PROGRAM, "verify", "-CAfile", f"{out}/trust.pem", f"{out}/{name}.pem"])
        shown = run([openssl.PROGRAM, "x509", "-in", f"{out}/{name}.pem", "-noout", "-text"]).decode()
        assert names in shown and purpose in shown, shown
        of_key = run([openssl.PROGRAM, "pkey", "-in", f"{out}/{name}.key", "-pubout"])
        assert of_key == run([openssl.PROGRAM, "x509", "-in", f"{out}/{name}.pem", "-noout", "-pubkey"])
        with open(f"{out}/{name}.key", encoding="ascii") as f:
            assert f.readline().strip() == "-----BEGIN PRIVATE KEY-----"


@case
def issuing_makes_all_names_or_none_and_replaces_only_when_told():
    home = site().home(ALICE)
    out = os.path.join(home.path, "all-or-none")
    issue = ["ca", "issue", "--ca", site().ca, "-o", out]
    ask(home, *issue, "a@x.example", status=DONE)
    ask(home, *issue, "b@x.example", "a@x.example", status=REFUSED, says="already")
    ask(home, *issue, "b@x.example", "no name", status=USAGE)
    assert not os.path.exists(f"{out}/b@x.example.key")
    before = openssl.der(f"{out}/a@x.example.pem")
    ask(home, *issue, "--replace", "a@x.example", status=DONE)
    assert openssl.der(f"{out}/a@x.example.pem") != before
    assert mode(f"{out}/a@x.example.key") == 0o600
    assert sorted(os.listdir(out)) == ["a@x.example.key", "a@x.example.pem", "trust.pem"], "something is left over"


@case
def one_command_makes_an_authority_and_keys():
    home = site().home(ALICE)
    folder = os.path.join(home.path, "first-time")
    ask(home, "ca", "issue", "--ca", f"{folder}/ca", "-o", f"{folder}/keys", ALICE, status=REFUSED, says="--init")
    ask(home, "ca", "issue", "--init", "--ca", f"{folder}/ca", "-o", f"{folder}/keys", ALICE, status=DONE)
    ask(home, "ca", "issue", "--init", "--ca", f"{folder}/ca", "-o", f"{folder}/keys", BOB, status=DONE)
    run([openssl.PROGRAM, "verify", "-CAfile", f"{folder}/ca/ca.pem", f"{folder}/keys/{ALICE}.pem",
         f"{folder}/keys/{BOB}.pem"])


@case
def a_bundle_keeps_the_other_authorities_in_it():
    home = site().home(ALICE)
    out = os.path.join(home.path, "bundle")
    other = openssl.authority(os.path.join(home.path, "other-ca"))
    os.makedirs(out)
    with open(f"{other}/ca.pem", "rb") as f, open(f"{out}/trust.pem", "wb") as g:
        g.write(f.read())
    for name in ("a@x.example", "b@x.example"):
        ask(home, "ca", "issue", "--ca", site().ca, "-o", out, name, status=DONE)
    with open(f"{out}/trust.pem", "rb") as f:
        bundle = f.read()
    assert bundle.count(b"BEGIN CERTIFICATE") == 2, bundle
    run([openssl.PROGRAM, "verify", "-CAfile", f"{out}/trust.pem", f"{other}/ca.pem", f"{site().ca}/ca.pem"])


@case
def a_revoked_certificate_is_in_the_list_and_refused_by_those_who_have_it():
    s = site()
    ca = os.path.join(s.path, "revoking-ca")
    home = s.home(ALICE)
    keys = os.path.join(home.path, "revoking")
    common = ["--keys", keys, "--contacts", os.path.join(home.path, "no-contacts")]
    ask(home, "ca", "issue", "--init", "--ca", ca, "-o", keys, ALICE, BOB, status=DONE)
    message = home.sipseal("send", *common, "--dry-run", "--as", ALICE, BOB, "signed while it was valid")
    ask(home, "inspect", *common, "--as", BOB, "-", data=message, status=DONE)
    ask(home, "ca", "revoke", "--ca", ca, "-o", keys, ALICE, status=DONE)
    shown = run([openssl.PROGRAM, "crl", "-in", f"{ca}/crl.pem", "-noout", "-text", "-CAfile", f"{ca}/ca.pem"]).decode()
    assert shown.count("Serial Number:") == 1, shown
    shown = ask(home, "inspect", *common, "--as", BOB, "-", data=message, status=UNVERIFIED)
    assert "the certificate is revoked" in shown, shown
    ask(home, "send", *common, "--dry-run", "--as", BOB, ALICE, "x", status=UNREADABLE, says="revoked")
    # Once more: the number of the list grows, nothing is lost, and the bundle holds one list.
    ask(home, "ca", "revoke", "--ca", ca, "-o", keys, f"{keys}/{BOB}.pem", status=DONE)
    ask(home, "ca", "revoke", "--ca", ca, "-o", keys, status=DONE)
    shown = run([openssl.PROGRAM, "crl", "-in", f"{ca}/crl.pem", "-noout", "-text"]).decode()
    assert shown.count("Serial Number:") == 2 and re.search(r"CRL Number:\s+3\b", shown), shown
    with open(f"{keys}/trust.pem", "rb") as f:
        assert f.read().count(b"BEGIN X509 CRL") == 1
    ask(home, "ca", "revoke", "--ca", ca, s.home(BOB).party.certificate, status=REFUSED, says="another authority")
    # Whatever a certificate is for: its own authority takes it back, and another does not.
    for authority, status, says in ((ca, DONE, ""), (s.ca, REFUSED, "another authority")):
        odd = os.path.join(home.path, "odd")
        openssl.issue(authority, odd, "server", "DNS:server.example", usage="keyCertSign", purpose="serverAuth")
        ask(home, "ca", "revoke", "--ca", ca, f"{odd}/server.pem", status=status, says=says)


# --- contacts ---

@case
def a_contact_is_checked_shown_and_kept():
    s = site()
    home = s.home("dora@home.example")
    told = as_json(ask(home, "contact", "add", "--json", s.home(BOB).party.certificate, status=DONE))
    assert told[0]["name"] == BOB and told[0]["sha256"] == s.home(BOB).party.hash, told
    shown = ask(home, "contact", "show", BOB, status=DONE)
    digits = s.home(BOB).party.hash.upper()
    assert ":".join(digits[i:i + 2] for i in range(0, 64, 2)) in shown, shown
    assert BOB in ask(home, "contact", "list", status=DONE)
    ask(home, "contact", "add", s.home(BOB).party.certificate, status=DONE)  # the same key again
    ask(home, "contact", "show", "nobody@far.example", status=REFUSED)
    ask(home, "contact", "add", "--name", ALICE, s.home(BOB).party.certificate, status=UNVERIFIED, says="does not name")
    ask(home, "contact", "add", "/nowhere/x.pem", status=REFUSED, says="no such file")
    ask(home, "contact", "add", s.home(BOB).party.key, status=REFUSED)


@case
def a_key_that_changes_is_told_and_an_untrusted_one_is_refused():
    s = site()
    home = s.home("dora@home.example")
    home.knows(BOB)
    fresh = os.path.join(home.path, "fresh")
    run([s.sipseal, "ca", "issue", "--ca", s.ca, "-o", fresh, BOB], environment=home.environment)
    ask(home, "contact", "add", f"{fresh}/{BOB}.pem", status=REFUSED, says="--replace")
    assert s.home(BOB).party.hash == as_json(ask(home, "contact", "show", "--json", BOB, status=DONE))[0]["sha256"]
    ask(home, "contact", "add", "--replace", f"{fresh}/{BOB}.pem", status=DONE)
    assert s.home(BOB).party.hash != as_json(ask(home, "contact", "show", "--json", BOB, status=DONE))[0]["sha256"]
    other = openssl.authority(os.path.join(home.path, "mallorys-ca"))
    openssl.issue(other, other, "eve", f"URI:sip:{BOB}")
    ask(home, "contact", "add", "--replace", f"{other}/eve.pem", status=UNVERIFIED, says="trusted authority")


# --- send and listen ---

@case
def a_text_arrives_with_its_proven_sender_and_its_readers_over_tcp_and_ipv6():
    s = site()
    for address in ("127.0.0.1:0", "[::1]:0"):
        ua = s.home(BOB).listen("--json", "--listen", address)
        told = s.home(ALICE).send(ua.uri(), BOB, "Grüße\naus zwei Zeilen", "--middle", PROXY1)
        report = ua.report_of(told["call_id"])
        part = report["parts"][0]
        assert told["delivered"] and told["status"] == 200, told
        assert [r["name"] for r in told["readers"]] == [BOB, PROXY1], told
        assert part["text"] == "Grüße\r\naus zwei Zeilen", part
        assert (part["proven"], part["identity"]) == ("user", f"sip:{ALICE}"), part
        # Bob has no contact for the proxy: its certificate came along, and chains to what he trusts.
        assert [r["name"] for r in part["readers"]] == [BOB, PROXY1] and part["readers"][0]["self"], part
        assert report["body_sha256"] == told["body_sha256"] and part["content_sha256"] == told["content_sha256"]
        cid = report["parts"][0]["cid"]
        asked = [{"host": PROXY1, "cids": [cid], "actions": ["view", "verify"]}]
        assert report["labels"] == report["parts"][0]["asked"] == asked, report
        ua.stop()


@case
def a_small_plain_message_goes_by_udp_and_is_shown_as_not_proven():
    s = site()
    ua = s.home(BOB).listen()
    told = s.home(ALICE).send(ua.uri("udp"), BOB, "plain words", "--plain")
    assert told["transport"] == "udp" and told["delivered"], told
    ua.process.wait_for(r"NOT PROVEN: there is no signature")
    ua.process.wait_for(r"readable by everyone")
    ua.process.wait_for(r"^  plain words$")
    ask(s.home(ALICE), "send", "--as", ALICE, "--proxy", ua.uri("udp"), BOB, "sealed", status=REFUSED,
        says="transport=tcp")
    ua.stop()


@case
def what_a_person_sees_names_the_sender_and_the_readers():
    s = site()
    ua = s.home(BOB).listen()
    shown = ask(s.home(ALICE), "send", "--as", ALICE, "--proxy", ua.uri(), "--middle", PROXY1, BOB, "hello",
                status=DONE)
    assert f"readable by {BOB} (recipient), {PROXY1} (middle), and nobody else" in shown and "delivered" in shown, shown
    ua.process.wait_for(rf"^from {ALICE}, proven by signature$")
    ua.process.wait_for(rf"^readable by {BOB} \(you\) and {PROXY1}, and nobody else$")
    ua.process.wait_for(r"^  hello$")
    ua.stop()


@case
def a_text_cannot_control_the_terminal():
    s = site()
    ua = s.home(BOB).listen()
    s.home(ALICE).send(ua.uri(), BOB, "\x1b]0;title\x07\x1b[31mred\rover\u202e")
    line = ua.process.wait_for(r"^  .*title.*$")[0]
    assert line == "  \\x1b]0;title\\x07\\x1b[31mred", line
    assert ua.process.wait_for(r"^  over")[0] == "  over"
    assert "\x1b" not in ua.process.log()
    ua.stop()


@case
def a_recipient_or_a_middle_without_a_certificate_is_exit_3_and_the_command_to_run():
    home = site().home(ALICE)
    for words in (["carol@far.example", "x"], ["--middle", "unknown.example", BOB, "x"]):
        name = words[0] if len(words) == 2 else "unknown.example"
        ask(home, "send", "--as", ALICE, "--proxy", "sip:127.0.0.1:9;transport=tcp", *words, status=UNREADABLE,
            says=f"sipseal contact add FILE --name {name}")


@case
def nobody_at_the_other_end_is_exit_5():
    s = site()
    ua = s.home(BOB).listen()
    uris = [ua.uri(), ua.uri("udp")]
    ua.stop()
    for uri in uris:
        ask(s.home(ALICE), "send", "--as", ALICE, "--proxy", uri, "--plain", BOB, "x", status=NETWORK,
            says="cannot be reached")
    silent = sip.Server(answer=lambda request: None)
    ask(s.home(ALICE), "send", "--as", ALICE, "--proxy", silent.uri(), "--timeout", "1", BOB, "x", status=NETWORK,
        says="no answer in time")
    assert silent.next().method == "MESSAGE"
    silent.stop()


@case
def an_answer_that_refuses_has_an_exit_code_and_a_sentence():
    s = site()
    for status, code in ((403, REFUSED), (404, REFUSED), (493, UNREADABLE), (495, REFUSED), (496, REFUSED),
                         (500, REFUSED), (503, NETWORK), (302, REFUSED)):
        server = sip.Server(answer=lambda request, status=status: (status, "Reason", [
            ("Warning", '399 proxy1.home.example "it is \\"so\\""')]))
        ask(s.home(ALICE), "send", "--as", ALICE, "--proxy", server.uri(), BOB, "x", status=code,
            says=f"{status} Reason: proxy1.home.example says: it is")
        server.stop()


@case
def what_was_changed_on_the_way_is_refused_and_not_shown():
    s = site()
    ua = s.home(BOB).listen("--json")
    good = draft(s.home(ALICE))
    changed = good[:-1] + bytes([good[-1] ^ 1])
    answer = sip.ask(ua.address, changed)
    assert answer.status == 493, answer.data
    other = re.sub(rb"branch=\w+", b"branch=z9hG4bKother", good, count=1)
    answer = sip.ask(ua.address, re.sub(rb"Call-ID: \w+", b"Call-ID: lifted", other))
    assert answer.status == 403 and "made for another message" in answer["warning"], answer.data
    ua.process.wait_for(r'"event": ?"refused"', count=2)
    refused = [report for report in ua.reports() if report["event"] == "refused"]
    assert [r["rule"] for r in refused] == ["recipient.undecipherable", "signature.context"], refused
    assert "the parcel is here" not in ua.process.log()
    third = re.sub(rb"branch=\w+", b"branch=z9hG4bKthird", good, count=1).replace(b"\r\nCSeq", b"\r\ncseq", 1)
    answer = sip.ask(ua.address, third)
    assert answer.status in (200, 482), answer.data  # the first one was seen as another copy of this request
    ua.stop()


@case
def a_message_that_comes_again_is_a_replay():
    s = site()
    ua = s.home(BOB).listen("--json")
    good = draft(s.home(ALICE))
    with sip.Client(ua.address) as client:
        assert client.ask(good).status == 200
        assert client.ask(good).status == 200  # the same transaction: answered again, shown once
        copy = re.sub(rb"branch=\w+", b"branch=z9hG4bKcopy", good, count=1)
        assert client.ask(copy).status == 482
    ua.stop()  # all that it had to say has then been read
    assert len([r for r in ua.reports() if r["event"] == "message"]) == 1


@case
def other_requests_have_their_answers():
    s = site()
    ua = s.home(BOB).listen()
    def request(method, number, extra=()):
        return sip.request(method, f"sip:{BOB}", [("From", f"<sip:{ALICE}>;tag=1"), ("To", f"<sip:{BOB}>"),
                                                 ("Call-ID", f"other{number}"), ("CSeq", f"1 {method}"), *extra])
    for number, (method, status) in enumerate((("OPTIONS", 200), ("SUBSCRIBE", 405), ("NONSENSE", 501))):
        answer = sip.ask(ua.address, request(method, number))
        assert answer.status == status and "MESSAGE" in answer["allow"], (method, answer.data)
    assert sip.ask(ua.address, request("BYE", 8)).status == 481  # of no call
    answer = sip.ask(ua.address, request("MESSAGE", 9, [("Require", "magic")]))
    assert answer.status == 420 and answer["unsupported"] == "magic", answer.data
    with sip.Client(ua.address) as client:
        answer = client.ask(b"MESSAGE sip:x SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\nContent-Length: x\r\n\r\n")
        assert answer is None or answer.status == 400
    ua.stop()


@case
def a_crowd_noise_and_slow_senders_keep_no_message_away():
    s = site()
    ua = s.home(BOB).listen("--json")
    crowd = []
    for number in range(300):  # more than it holds open
        crowd.append(socket.create_connection(ua.address))
        crowd[-1].sendall((b"", b"MESSAGE sip:bob@far.example SIP/2.0\r\nVia: ", os.urandom(200))[number % 3])
    assert s.home(ALICE).send(ua.uri(), BOB, "through the crowd")["delivered"]
    messages = [draft(s.home(ALICE), text=f"number {number}") for number in range(5)]
    with sip.Client(ua.address) as slow:
        for byte in messages[0]:
            slow.send(bytes([byte]))
        assert slow.final().status == 200
        slow.send(b"\r\n\r\n" + b"".join(messages[1:]))  # a keep-alive and four messages at once
        assert [slow.final().status for _ in messages[1:]] == [200] * 4
    noise = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for number in range(500):
        noise.sendto(os.urandom(number % 1400), ua.address)
        noise.sendto(messages[0][:number * 7 % len(messages[0])], ua.address)
    with sip.Client(ua.address) as endless:
        try:
            endless.send(b"A" * 300000)
            assert endless.receive() is None
        except OSError:
            pass  # closed while it was still sending
    assert s.home(ALICE).send(ua.uri(), BOB, "after all that")["delivered"]
    for one in [noise, *crowd]:
        one.close()
    assert not [line for line in ua.process.errors if "Sanitizer" in line or "runtime error" in line]
    ua.stop()


@case
def a_listener_registers_and_leaves_and_ends_with_a_signal_or_its_count():
    s = site()
    registrar = sip.Server(answer=lambda request: (200, "OK", [("Contact", request["contact"])]))
    for number in (signal.SIGINT, signal.SIGTERM):
        ua = s.home(BOB).listen("--register", registrar.uri(), "--expires", "120")
        there = registrar.next()
        assert there.method == "REGISTER" and there.start == "REGISTER sip:far.example SIP/2.0", there.start
        port = ua.address[1]
        assert there["contact"] == f"<sip:bob@127.0.0.1:{port};transport=tcp>;expires=120", there["contact"]
        ua.process.process.send_signal(number)
        assert ua.process.wait() == DONE
        gone = registrar.next()
        assert gone["contact"].endswith(";expires=0") and gone["call-id"] == there["call-id"], gone.data
        assert gone["cseq"] == "2 REGISTER", gone["cseq"]
    registrar.stop()
    ua = s.home(BOB).listen("--count", "2")
    for _ in range(2):
        s.home(ALICE).send(ua.uri(), BOB, "x")
    assert ua.process.wait() == DONE


@case
def a_registrar_that_refuses_or_is_not_there_ends_the_listener():
    s = site()
    registrar = sip.Server(answer=lambda request: (403, "Forbidden"))
    words = ["listen", "--as", BOB, "--register"]
    ask(s.home(BOB), *words, registrar.uri(), status=REFUSED, says="403 Forbidden")
    uri = registrar.uri()
    registrar.stop()
    ask(s.home(BOB), *words, uri, status=NETWORK, says="see whether it is running")


@case
def what_is_kept_is_the_users_alone_and_can_be_inspected():
    s = site()
    folder = os.path.join(s.home(BOB).path, "kept")
    ua = s.home(BOB).listen("--save", folder)
    s.home(ALICE).send(ua.uri(), BOB, "keep this")
    files = until(lambda: len(os.listdir(folder)) == 2 and sorted(os.listdir(folder)), "two files")
    assert [os.path.splitext(name)[1] for name in files] == [".content", ".sip"]
    assert [mode(os.path.join(folder, name)) for name in files] == [0o600, 0o600]
    with open(os.path.join(folder, files[0]), "rb") as f:
        assert f.read() == b"keep this"
    assert "keep this" in ask(s.home(BOB), "inspect", "--as", BOB, os.path.join(folder, files[1]), status=DONE)
    ua.stop()


@case
def a_listener_leaves_no_core_file():
    ua = site().home(BOB).listen()
    with open(f"/proc/{ua.process.pid}/limits", encoding="ascii") as f:
        limits = f.read()
    assert re.search(r"Max core file size +0 +0 ", limits), limits
    ua.stop()


# --- inspect ---

@case
def an_inspection_tells_who_can_read_and_what_cannot_be_known():
    s = site()
    alice, bob, proxy = s.home(ALICE), s.home(BOB), s.home(PROXY1)
    message = draft(alice, "--middle", PROXY1)
    seen = as_json(ask(alice, "inspect", "--json", data=message, status=DONE))[0]
    assert [r["name"] for r in seen["parts"][0]["readers"]] == [BOB, PROXY1], seen
    assert seen["labels"][0]["host"] == PROXY1 and not seen["parts"][0]["opened"]
    assert "its readers can know" in seen["parts"][0]["unknown"], seen
    for home in (bob, proxy):
        seen = as_json(ask(home, "inspect", "--json", "--as", home.name, data=message, status=DONE))[0]
        assert [part["kind"] for part in seen["parts"]] == ["sealed", "signed", "content"], seen
        assert seen["parts"][1]["signature"]["proven"] == "user", seen
        assert seen["parts"][2]["text"] == "the parcel is here"
    shown = ask(alice, "inspect", "--as", ALICE, data=message, status=UNREADABLE)
    assert "it is not sealed to alice@home.example" in shown and "the parcel" not in shown, shown


@case
def an_inspection_tells_what_is_signed_in_the_clear_or_not_at_all():
    s = site()
    alice, bob = s.home(ALICE), s.home(BOB)
    seen = as_json(ask(bob, "inspect", "--json", "--as", BOB, data=draft(alice, "--sign-only"), status=DONE))[0]
    assert seen["parts"][0]["public"] and seen["parts"][0]["signature"]["rule"] == "ok", seen
    shown = ask(bob, "inspect", "--as", BOB, data=draft(alice, "--plain"), status=UNVERIFIED)
    assert "readable by everyone on the path" in shown, shown
    ask(bob, "inspect", data=b"this is no SIP\r\n\r\n", status=REFUSED, says="on the wire")
    ask(bob, "inspect", "/nowhere", status=REFUSED, says="no such file")


@case
def an_inspection_can_look_as_at_another_time():
    s = site()
    message = draft(s.home(ALICE))
    later = ["inspect", "--as", BOB, "--at"]
    shown = ask(s.home(BOB), *later, "2027-01-01T00:00:00Z", data=message, status=UNVERIFIED)
    assert "Date is not within the window" in shown, shown
    ask(s.home(BOB), *later, "message", data=message, status=DONE)
    ask(s.home(BOB), *later, "tomorrow", data=message, status=USAGE)


# --- what every command keeps to ---

@case
def a_key_that_others_can_read_is_refused_with_the_command_to_run():
    s = site()
    home = s.home("fay@home.example")
    os.chmod(home.party.key, 0o640)
    ask(home, "send", "--as", home.name, "--dry-run", "--plain", BOB, "x", status=DONE)  # no key is needed
    for words in (["listen", "--as", home.name], ["inspect", "--as", home.name, "-"],
                  ["send", "--as", home.name, "--sign-only", "-n", BOB, "x"]):
        ask(home, *words, status=REFUSED, says=f"chmod 600 {home.party.key}",
            data=draft(s.home(ALICE)) if words[0] == "inspect" else None)


@case
def a_wrong_command_line_is_exit_2_and_says_what_to_do():
    home = site().home(ALICE)
    for words in ([], ["frobnicate"], ["ca"], ["ca", "issue"], ["ca", "init", "extra"], ["send"], ["send", BOB, "x"],
                  ["send", "--as", ALICE, "bob", "x"], ["send", "--as", ALICE, "--nothing", BOB, "x"],
                  ["send", "--as", ALICE, "--as", BOB, BOB, "x"], ["send", "--as", PROXY1, BOB, "x"],
                  ["send", "--as", ALICE, "--plain", "--sign-only", BOB, "x"],
                  ["send", "--as", ALICE, "--plain", "--middle", PROXY1, BOB, "x"],
                  ["send", "--as", ALICE, "--middle", f"{PROXY1}=eat", BOB, "x"],
                  ["send", "--as", ALICE, "--clear", "--sign-only", BOB, "x"],
                  ["send", "--as", ALICE, "--part", "only-a-file", BOB, "x"],
                  ["send", "--as", ALICE, "--part", "file:no-type:" + BOB, BOB, "x"],
                  ["send", "--as", ALICE, "--part", "file:text/plain:", BOB, "x"],
                  ["send", "--as", ALICE, "--part", "file:text/plain:not a name", BOB, "x"],
                  ["send", "--as", ALICE, "--clear", "--part", f"file:text/plain:{BOB}", BOB, "x"],
                  ["ca", "issue", "--key", "ed25519", "a@b.example"],
                  ["ca", "issue", "--seal", "ed25519", "a@b.example"],
                  ["ca", "issue", "--sign", "x25519", "a@b.example"], ["ca", "issue", "--key", "p521", "a@b.example"],
                  ["ca", "issue", "--key", "p256", "--separate", "a@b.example"], ["ca", "init", "--key", "x25519"],
                  ["ca", "issue", "proxy1.home.example.sign"],
                  ["send", "--as", ALICE, "--content-type", "text/plain\r\nX: y", BOB, "x"],
                  ["send", "--as", ALICE, "--proxy", "nonsense", BOB, "x"],
                  ["send", "--as", ALICE, "--timeout", "0", BOB, "x"], ["send", "--as", ALICE, BOB, ""],
                  ["send", "--as", ALICE, "--file", "/dev/null", BOB, "x"],
                  ["listen"], ["listen", "--as", BOB, "extra"], ["listen", "--as", BOB, "--expires", "60"],
                  ["listen", "--as", "bob"], ["inspect", "a", "b"], ["archive", "list"],
                  ["archive", "show", "--archive", "x"], ["archive", "show", "--archive", "x", "--as", ALICE, "one"],
                  ["contact", "add"], ["contact", "show", "no name"]):
        ask(home, *words, status=USAGE)


@case
def an_archived_message_stays_proven_when_its_signer_is_revoked_later():
    s = Site()
    try:
        auditor, alice = s.home(AUDITOR), s.home(ALICE).knows(BOB, PROXY1)
        ua = s.home(BOB).listen()
        daemon = Daemon(s, PROXY1, next_hop=ua.uri(), policy=[ARCHIVE_RULE], readers=[AUDITOR]).start()
        alice.send(daemon.uri(), BOB, "for the record", "--middle", PROXY1)
        show = ["archive", "show", "--json", "--archive", daemon.archive, "--as", AUDITOR, "1"]
        told = as_json(ask(auditor, *show, status=DONE))[0]
        assert told["verified"] and not told["revoked_since"] and told["signer"] == f"sip:{ALICE}", told
        assert [part["kind"] for part in told["objects"][0]] == ["signed", "content"], told
        assert told["objects"][0][1]["text"] == "for the record", told
        by_files = ["--key", auditor.party.key, "--cert", auditor.party.certificate, "1"]
        shown = ask(auditor, "archive", "show", "--archive", daemon.archive, *by_files, status=DONE)
        assert f"from {ALICE}, proven by signature" in shown and "for the record" in shown, shown
        # The list is made after the message, so it cannot be asked about the time of the message.
        received = datetime.fromisoformat(told["received"].replace("Z", "+00:00")).timestamp()
        until(lambda: time.time() > received + 1, "another second")
        auditor.revoke(alice.party.certificate)
        told = as_json(ask(auditor, *show, status=DONE))[0]
        assert told["verified"] and told["revoked_since"], told
        for home in (alice, s.home(BOB), s.home(PROXY1)):
            ask(home, *show[:-2], home.name, "1", status=UNREADABLE, says="only the archive's readers")
        ask(auditor, *show[:-1], "2", status=REFUSED, says="archive list")
    finally:
        s.stop()


@case
def an_archive_that_is_not_there_is_refused():
    home = site().home(ALICE)
    ask(home, "archive", "list", "--archive", "/nowhere/archive.db", status=REFUSED)
    ask(home, "archive", "show", "--archive", "/nowhere/archive.db", "--as", ALICE, "1", status=REFUSED)
    ask(home, "archive", "list", "--archive", home.party.certificate, status=REFUSED)


@case
def help_and_version_are_there_for_every_command():
    home = site().home(ALICE)
    overview = ask(home, "--help", status=DONE)
    commands = re.findall(r"^  ((?:ca|contact|archive|policy) \w+|\w+) ", overview, re.M)
    assert len(commands) == 16, commands
    for command in commands:
        shown = ask(home, *command.split(), "--help", status=DONE)
        assert shown.startswith(f"usage: sipseal {command} ") and "--json" in shown, shown
    assert re.match(r"sipseal \d+\.\d+", ask(home, "--version", status=DONE))
    with open(os.path.join(os.environ["SIPSEAL_SOURCE"], "man/sipseal.1"), encoding="utf-8") as f:
        manual = f.read()
    for command in commands:
        options = re.findall(r"--([a-z-]+)", ask(home, *command.split(), "--help", status=DONE))
        for option in options:
            assert re.search(rf"Fl (\w , )?-{option}\b", manual), f"sipseal {command} --{option} is not in sipseal(1)"


@case
def colours_are_for_terminals_and_not_with_no_color():
    s = site()
    home = s.home(BOB)
    message = draft(s.home(ALICE))
    path = os.path.join(home.path, "colour.sip")
    with open(path, "wb") as f:
        f.write(message)

    def on_terminal(**more):
        ours, theirs = pty.openpty()
        process = subprocess.Popen([s.sipseal, "inspect", "--as", BOB, path], stdin=subprocess.DEVNULL, stdout=theirs,
                                   env={**home.environment, "TERM": "xterm", **more})
        os.close(theirs)
        shown = b""
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:
                break
            if not data:
                break
            shown += data
        os.close(ours)
        assert process.wait(60) == DONE
        return shown

    assert b"\x1b[32m" in on_terminal()
    assert b"\x1b" not in on_terminal(NO_COLOR="1")
    assert b"\x1b" not in on_terminal(TERM="dumb")
    assert "\x1b" not in ask(home, "inspect", "--as", BOB, path, status=DONE)


if __name__ == "__main__":
    run_cases(finish)
