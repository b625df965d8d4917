#!/usr/bin/env python3
"""Every form that `sipseal send` writes and every kind of key that `sipseal ca` makes, through sipseald to `sipseal
listen` (protocol.md 2, 2.1, 2.2; REQ-CONF-1, REQ-CONF-2, REQ-INT-1, REQ-INT-2)."""
# timeout: 600

import json
import os
import re
import stat
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
import openssl  # noqa: E402
import sip  # noqa: E402
from cases import case, run_cases  # noqa: E402
from processes import run, until  # noqa: E402
from sites import ALICE, ARCHIVE_RULE, AUDITOR, BOB, MALLORY, PROXY1, Daemon, Site, refused  # noqa: E402
from tap import Tap  # noqa: E402

VERIFY_RULE = {"methods": ["MESSAGE"], "direction": "both", "content": ["*"], "require": ["verify"],
               "plain": "refuse", "mode": "enforce"}
WATCHED_RULE = {**ARCHIVE_RULE, "content": ["application/pidf+xml"], "mode": "monitor", "plain": "allow"}

# For a user: what `ca issue` is asked for.
KINDS = {"p256": [], "p384": ["--key", "p384"], "rsa2048": ["--key", "rsa2048"], "rsa3072": ["--key", "rsa3072"],
         "modern": ["--separate"], "mixed": ["--sign", "rsa2048", "--seal", "p384"]}


class World:
    def __init__(self):
        self.site = Site()
        self.alice = self.site.home(ALICE).knows(BOB, PROXY1)
        self.bob = self.site.home(BOB)
        self.ua2 = self.bob.listen("--json")
        self.hop = Tap(self.ua2.address, "Proxy 1 to UA 2")
        self.site.at_end(self.hop.stop)

    def daemon(self, *rules, name=PROXY1):
        readers = [AUDITOR] if any("view" in rule["require"] for rule in rules) else []
        return Daemon(self.site, name, next_hop=self.hop.uri(), policy=rules, readers=readers).start()

    def records(self, daemon):
        listed = self.site.home(AUDITOR).sipseal("archive", "list", "--json", "--archive", daemon.archive)
        return [json.loads(line) for line in listed.splitlines()]

    def record(self, daemon, call_id):
        return until(lambda: next((r for r in self.records(daemon) if r["call_id"] == call_id and r["status"]), None),
                     "the record has its final response")


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def finish():
    for one in _world:
        one.site.stop()


def stopped(daemon, message, rule):
    """It is refused by that rule, and nothing of it is forwarded."""
    refused(daemon, message, rule)
    assert sip.Message(message)["call-id"] not in [m["call-id"] for m in world().hop.messages()]


def with_length(message):
    """The message with the Content-Length of its body."""
    head, _, body = message.partition(b"\r\n\r\n")
    return re.sub(rb"(?m)^Content-Length: \d+", b"Content-Length: %d" % len(body), head) + b"\r\n\r\n" + body


# --- keys ---

@case
def a_user_makes_certificates_apart_and_each_is_for_its_use_alone():
    s = world().site
    home = s.home("apart@home.example", "--separate")
    signs, seals = f"{home.keys}/{home.name}.sign.pem", f"{home.keys}/{home.name}.pem"
    for path, usage, key in ((signs, "Digital Signature", "ED25519"), (seals, "Key Agreement", "X25519")):
        text = run([openssl.PROGRAM, "x509", "-in", path, "-noout", "-text"]).decode()
        assert re.search(rf"X509v3 Key Usage: critical\s+{usage}\n", text) and f"Algorithm: {key}" in text, text
        assert f"URI:sip:{home.name}" in text, text
        assert stat.S_IMODE(os.stat(path.replace(".pem", ".key")).st_mode) == 0o600
    told = home.sipseal("ca", "issue", "--ca", s.ca, "-o", home.keys, home.name, status=None)
    assert told.returncode == 1 and b"--replace" in told.stderr, told
    home.issue("--replace", "--key", "rsa3072")
    assert not os.path.exists(signs) and not os.path.exists(signs.replace(".pem", ".key"))
    text = run([openssl.PROGRAM, "x509", "-in", seals, "-noout", "-text"]).decode()
    assert "Digital Signature, Key Encipherment" in text and "3072 bit" in text, text


@case
def revoking_a_name_revokes_both_of_its_certificates():
    s = world().site
    home = s.home("leaves@home.example", "--separate")
    ca = os.path.join(home.path, "ca")
    home.sipseal("ca", "issue", "--init", "--ca", ca, "-o", home.keys, "--replace", "--separate", home.name)
    home.sipseal("ca", "revoke", "--ca", ca, "-o", home.keys, home.name)
    listed = run([openssl.PROGRAM, "crl", "-in", f"{ca}/crl.pem", "-noout", "-text"]).decode()
    for path in (f"{home.keys}/{home.name}.pem", f"{home.keys}/{home.name}.sign.pem"):
        assert openssl.serial(path).hex().upper() in listed, listed


@case
def an_authority_of_any_kind_of_key_that_signs_is_trusted():
    s = world().site
    home = s.home("founder@home.example")
    for kind in ("p384", "rsa3072", "ed25519"):
        ca, keys = os.path.join(home.path, f"ca-{kind}"), os.path.join(home.path, f"keys-{kind}")
        home.sipseal("ca", "init", "--key", kind, "-o", ca)
        home.sipseal("ca", "issue", "--separate", "--ca", ca, "-o", keys, home.name)
        home.sipseal("ca", "revoke", "--ca", ca, "-o", keys)  # a list that is signed with this key
        message = home.sipseal("send", "-n", "--keys", keys, "--as", home.name, home.name, "to myself")
        shown = home.sipseal("inspect", "--keys", keys, "--as", home.name, data=message)
        assert b"proven by signature" in shown and b"to myself" in shown, shown


@case
def users_with_every_kind_of_keys_read_one_another_and_the_archive_keeps_it():
    w = world()
    daemon = w.daemon(ARCHIVE_RULE)
    users = {kind: w.site.home(f"{kind}@home.example", *options) for kind, options in KINDS.items()}
    auditors = w.site.home(AUDITOR)
    kinds = list(KINDS)
    for i, kind in enumerate(kinds):
        sender, reader = users[kind], users[kinds[(i + 1) % len(kinds)]]
        sender.knows(reader.name, PROXY1)
        ua = reader.listen("--json", "--register", daemon.uri())
        text = f"from {kind} {os.urandom(4).hex()}"
        call_id = sender.send(daemon.uri(), reader.name, text, "--middle", PROXY1)["call_id"]
        part = ua.report_of(call_id)["parts"][0]
        assert part["text"] == text and part["proven"] == "user", part
        assert part["asked"][0]["host"] == PROXY1 and part["asked"][0]["actions"] == ["view", "verify"], part
        number = str(w.record(daemon, call_id)["id"])
        shown = auditors.sipseal("archive", "show", "--archive", daemon.archive, "--as", AUDITOR, number)
        assert text.encode() in shown and b"proven by signature" in shown, shown
        ua.stop()
    daemon.stop()


@case
def a_proxy_and_an_auditor_with_any_kind_of_sealing_key_read_and_archive():
    w = world()
    for kind, options in (("p384", ["--key", "p384"]), ("rsa2048", ["--key", "rsa2048"]), ("x25519", ["--separate"])):
        name, auditor = f"{kind}.home.example", w.site.home(f"auditor-{kind}@home.example", *options)
        w.site.home(name, *options)
        w.alice.knows(name)
        daemon = Daemon(w.site, name, next_hop=w.hop.uri(), policy=[ARCHIVE_RULE], readers=[auditor.name]).start()
        text = f"for {kind} {os.urandom(4).hex()}"
        call_id = w.alice.send(daemon.uri(), BOB, text, "--middle", name)["call_id"]
        assert w.ua2.report_of(call_id)["parts"][0]["text"] == text
        number = str(w.record(daemon, call_id)["id"])
        shown = auditor.sipseal("archive", "show", "--archive", daemon.archive, "--as", auditor.name, number)
        assert text.encode() in shown, shown
        daemon.stop()


@case
def of_a_bag_of_certificates_a_contact_keeps_those_that_can_be_sealed_to():
    s = world().site
    home, eve = s.home("grace@home.example"), s.home("eve@far.example", "--separate")
    bag = os.path.join(home.path, "bag.pem")
    parts = [f"{eve.keys}/{eve.name}.sign.pem", f"{s.ca}/ca.pem", f"{eve.keys}/{eve.name}.pem"]
    with open(bag, "w", encoding="ascii") as out:
        for path in parts:
            with open(path, encoding="ascii") as f:
                out.write(f.read())
    told = [json.loads(line) for line in home.sipseal("contact", "add", "--json", bag).splitlines()]
    assert [t["name"] for t in told] == [eve.name] and told[0]["sha256"] == eve.party.hash, told
    message = home.draft(eve.name, "to the sealing one")
    assert b"to the sealing one" in eve.sipseal("inspect", "--as", eve.name, data=message)
    alone = home.sipseal("contact", "add", "--replace", parts[0], status=None)
    assert alone.returncode == 4 and b"for signatures only" in alone.stderr, alone
    with open(bag, "a", encoding="ascii") as out, open(s.home(BOB).party.certificate, encoding="ascii") as f:
        out.write(f.read())
    several = home.sipseal("contact", "add", bag, status=None)
    assert several.returncode == 2 and b"--name" in several.stderr, several
    home.sipseal("contact", "add", "--name", eve.name, bag)


# --- verify without seeing ---

@case
def what_proxy_1_may_only_verify_passes_its_rule_and_arrives_with_its_sender_proven():
    w = world()
    daemon = w.daemon(VERIFY_RULE, {**ARCHIVE_RULE, "mode": "monitor"})
    text = "verified " + os.urandom(4).hex()
    told = w.alice.send(daemon.uri(), BOB, text, "--middle", f"{PROXY1}=verify")
    assert [r["name"] for r in told["readers"]] == [BOB], told
    assert told["middles"] == [{"host": PROXY1, "actions": ["verify"]}], told
    part = w.ua2.report_of(told["call_id"])["parts"][0]
    assert (part["text"], part["proven"], part["outer"]) == (text, "user", "user"), part
    assert [r["name"] for r in part["readers"]] == [BOB] and part["asked"][0]["actions"] == ["verify"], part
    body = w.hop.wait_for(lambda m: m["call-id"] == told["call_id"] and m.method == "MESSAGE").body
    assert text.encode() not in body
    # Nothing was seen, so there is nothing to archive; the rule that would have liked to see it says so in the log.
    daemon.process.wait_for(r"event=monitored .*rule=policy\.view")
    assert all(record["call_id"] != told["call_id"] for record in w.records(daemon))
    daemon.stop()


@case
def what_proxy_1_may_only_verify_is_not_enough_for_a_rule_that_wants_to_view():
    w = world()
    daemon = w.daemon({**VERIFY_RULE, "require": ["view", "verify"]})
    stopped(daemon, w.alice.draft(BOB, "unseen", "--middle", f"{PROXY1}=verify"), "policy.view")
    daemon.stop()


@case
def without_an_outer_signature_it_is_495_forged_403_and_with_an_unsigned_label_495():
    w = world()
    daemon = w.daemon(VERIFY_RULE)
    good = w.alice.draft(BOB, "unseen", "--middle", f"{PROXY1}=verify")
    stopped(daemon, w.alice.draft(BOB, "unseen"), "policy.verify")
    # The outer signature is taken away, and everything else left as it was.
    message = sip.Message(good)
    signed = openssl.verified(message.body, f"{w.site.ca}/ca.pem")
    boundary = re.search(rb'boundary="(\w+)"', signed)[1]
    head, _, inner = signed.split(b"--" + boundary)[1][2:-2].partition(b"\r\n\r\n")
    assert b"authEnveloped-data" in head
    outside = good[:-len(message.body)]
    for name in (b"Content-ID", b"Content-Type", b"Content-Disposition", b"Content-Transfer-Encoding"):
        line = re.search(rb"(?m)^" + name + rb": .*\r\n", head + b"\r\n")[0]
        outside = re.sub(rb"(?m)^" + name + rb": .*\r\n", lambda _, line=line: line, outside)
    stopped(daemon, with_length(outside + inner), "policy.verify")
    # One bit of the ciphertext; a message that it was not made for; another user's signature.
    at = good.index(b"authEnveloped-data") + 800
    stopped(daemon, good[:at] + bytes([good[at] ^ 1]) + good[at + 1:], "signature.invalid")
    stopped(daemon, good.replace(b"Call-ID: ", b"Call-ID: x", 1), "signature.context")
    mallory = w.site.home(MALLORY).knows(BOB)
    mallorys = mallory.draft(BOB, "unseen", "--middle", f"{PROXY1}=verify")
    stopped(daemon, mallorys.replace(b"From: <sip:mallory@", b"From: <sip:alice@", 1), "signature.context")
    # The label was added by somebody on the path, or changed.
    unsigned = w.alice.draft(BOB, "unseen", "--sign-only")
    cid = sip.Message(unsigned)["content-id"].strip("<>")
    label = f'Proxy-Inspect-Body: {PROXY1};cid="{cid}";action=verify\r\nMIME-Version'.encode()
    stopped(daemon, unsigned.replace(b"MIME-Version", label, 1), "label.unsigned")
    stopped(daemon, good.replace(b"action=verify", b"action=view", 1), "label.unsigned")
    assert sip.ask(daemon.address(), good).status == 200, "the good one passes"
    w.hop.wait_for(lambda m: m["call-id"] == message["call-id"])
    daemon.stop()


@case
def one_proxy_verifies_what_another_one_also_reads_and_archives():
    w = world()
    second = "proxy6.home.example"
    w.alice.knows(second)
    reading = w.daemon(ARCHIVE_RULE, name=second)
    verifying = Daemon(w.site, PROXY1, next_hop=reading.uri(), policy=[VERIFY_RULE]).start()
    text = "for the second " + os.urandom(4).hex()
    told = w.alice.send(verifying.uri(), BOB, text, "--middle", f"{PROXY1}=verify", "--middle", second)
    part = w.ua2.report_of(told["call_id"])["parts"][0]
    assert part["text"] == text and {r["name"] for r in part["readers"]} == {BOB, second}, part
    number = str(w.record(reading, told["call_id"])["id"])
    shown = w.site.home(AUDITOR).sipseal("archive", "show", "--archive", reading.archive, "--as", AUDITOR, number)
    assert text.encode() in shown and b"proven by signature" in shown, shown
    verifying.stop()
    reading.stop()


# --- different readers for different parts ---

@case
def each_part_reaches_its_own_readers_and_the_archive_keeps_what_the_proxy_may_read():
    w = world()
    daemon = w.daemon(WATCHED_RULE)
    where = os.path.join(w.alice.path, "where: she is.xml")
    canary = os.urandom(8).hex()
    with open(where, "w", encoding="ascii") as f:
        f.write(f"<presence>{canary}</presence>")
    text = "for Bob alone " + os.urandom(4).hex()
    told = w.alice.send(daemon.uri(), BOB, text, "--part", f"{where}:application/pidf+xml:{PROXY1}")
    assert [[r["name"] for r in part["readers"]] for part in told["parts"]] == [[BOB], [PROXY1]], told
    parts = w.ua2.report_of(told["call_id"])["parts"]
    assert parts[0]["text"] == text and [r["name"] for r in parts[0]["readers"]] == [BOB], parts
    assert (parts[1]["sealed"], parts[1]["opened"]) == (True, False) and "text" not in parts[1], parts
    assert parts[1]["asked"][0]["host"] == PROXY1 and parts[0]["asked"] == [], parts
    number = str(w.record(daemon, told["call_id"])["id"])
    shown = w.site.home(AUDITOR).sipseal("archive", "show", "--json", "--archive", daemon.archive, "--as", AUDITOR,
                                         number)
    record = json.loads(shown)
    assert text.encode() not in shown and len(record["objects"]) == 1 and record["verified"], record
    kinds = [part["type"] for part in record["objects"][0]]
    assert "application/pidf+xml" in kinds and "text/plain" not in kinds, record
    daemon.stop()


@case
def send_says_for_each_part_who_will_read_it_and_who_only_verifies():
    w = world()
    daemon = w.daemon(VERIFY_RULE)
    where = os.path.join(w.alice.path, "where.xml")
    with open(where, "w", encoding="ascii") as f:
        f.write("<presence/>")
    shown = w.alice.sipseal("send", "--as", ALICE, "--proxy", daemon.uri(), "--middle", f"{PROXY1}=verify", "--part",
                            f"{where}:application/pidf+xml:{BOB},{PROXY1}", BOB, "hello").decode()
    assert f"the text (text/plain): readable by {BOB} (recipient), and nobody else" in shown, shown
    assert f"{where} (application/pidf+xml): readable by {BOB} (recipient), {PROXY1} (reader), and" in shown, shown
    assert f"{PROXY1} may verify who signed it, and read nothing" in shown, shown
    daemon.stop()


# --- clear-signed ---

@case
def what_is_signed_in_the_clear_passes_a_rule_that_verifies_and_is_read_without_a_key():
    w = world()
    daemon = w.daemon(VERIFY_RULE)
    text = "for everybody " + os.urandom(4).hex()
    told = w.alice.send(daemon.uri(), BOB, text, "--clear", "--middle", PROXY1)
    assert told["protection"] == "clear-signed", told
    message = w.hop.wait_for(lambda m: m["call-id"] == told["call_id"] and m.method == "MESSAGE")
    assert text.encode() in message.body and "micalg=sha-256" in message["content-type"], message.data
    part = w.ua2.report_of(told["call_id"])["parts"][0]
    assert (part["text"], part["proven"], part["sealed"]) == (text, "user", False), part
    draft = w.alice.draft(BOB, text, "--clear", "--middle", PROXY1)
    stopped(daemon, draft.replace(b"for everybody", b"for everyBody", 1), "signature.invalid")
    daemon.stop()


if __name__ == "__main__":
    run_cases(finish)
