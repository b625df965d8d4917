"""Discovery and trust on real sockets (REQ-GEN-4; protocol.md 6): a sender that was told of no proxy learns what those on
the path ask for, and gives it to those that its user trusts, and to nobody else."""
# timeout: 900

import json
import os
import pty
import re
import select
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import sip  # noqa: E402
from cases import case, run_cases  # noqa: E402
from processes import until  # noqa: E402
from sites import ALICE, ARCHIVE_RULE, AUDITOR, BOB, PROXY1, Daemon, Site  # noqa: E402

HOME, FAR, EVIL = "home.example", "far.example", "evil.example"
FAR_PROXY, EVIL_PROXY = "proxy.far.example", "proxy.evil.example"
VERIFY_RULE = {"methods": ["MESSAGE"], "direction": "to-domain", "require": ["verify"], "mode": "enforce"}
EVIL_RULE = {"methods": ["MESSAGE"], "require": ["view", "verify"], "mode": "enforce"}


def object_of(site, domain, signer=None):
    """The section of a configuration; the signer is the domain itself, unless it is named or None is."""
    party = site.home(signer or domain).party
    return {"domain": domain, "certificate": party.certificate, "private_key": party.key}


class World:
    """Alice, Proxy 1 with the archive, Proxy F of Bob's domain, and Bob."""

    def __init__(self):
        self.site = Site()
        self.bob = self.site.home(BOB)
        self.far = Daemon(self.site, FAR_PROXY, policy=[VERIFY_RULE],
                          policy_object=object_of(self.site, FAR)).start()
        self.ua2 = self.bob.listen("--json", "--register", self.far.uri())
        self.proxy1 = Daemon(self.site, PROXY1, policy=[ARCHIVE_RULE], readers=[AUDITOR],
                             routes=[{"domain": FAR, "next": self.ua2.uri()},
                                     {"domain": "two." + FAR, "next": self.far.uri()}],
                             policy_object=object_of(self.site, HOME)).start()

    def sender(self, name):
        """A user of home.example, who knows Bob and no proxy."""
        return self.site.home(name).knows(BOB)

    def records(self):
        listed = self.site.home(AUDITOR).sipseal("archive", "list", "--json", "--archive", self.proxy1.archive)
        return [json.loads(line) for line in listed.splitlines()]


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def finish():
    for one in _world:
        one.site.stop()


def readers(report):
    return sorted(reader["name"] for reader in report["readers"])


@case
def a_sender_that_named_no_proxy_is_told_by_proxy_1_and_is_archived_and_delivered():
    w = world()
    alice = w.sender(ALICE)
    report = alice.send(w.proxy1.uri(), BOB, "told by the proxy")
    assert report["delivered"] and report["rounds"] == 1, report
    assert report["policy"] == {"host": PROXY1, "actions": ["view", "verify"], "purpose": "message archive",
                                "given": True}, report
    assert readers(report) == [BOB, PROXY1], report
    assert report["cseq"] == 2, "a new request has a new CSeq"
    assert w.ua2.report_of(report["call_id"])
    until(lambda: any(r["call_id"] == report["call_id"] and r["status"] == 200 for r in w.records()), "the record")

    # What was learnt is used: the next one is right at once.
    again = alice.send(w.proxy1.uri(), BOB, "known by now")
    assert again["delivered"] and again["rounds"] == 0 and again["cseq"] == 1, again
    assert readers(again) == [BOB, PROXY1], again
    file = os.path.join(alice.path, ".cache/sipseal/policy", PROXY1 + ".p7m")
    assert os.stat(file).st_mode & 0o777 == 0o600


@case
def a_script_is_refused_what_its_user_has_not_granted_and_discloses_nothing():
    w = world()
    carol = w.sender("carol@home.example")
    for trust in ("recipient", "none", "own=verify", "proxy9.home.example"):
        report = carol.send(w.proxy1.uri(), BOB, "not for the proxy", "--trust-proxies", trust, status=1)
        assert not report["delivered"] and report["rounds"] == 0, report
        assert report["policy"]["host"] == PROXY1 and not report["policy"]["given"], report
        assert report["policy"]["rule"] == "policy-object.not-granted", report
        assert readers(report) == [BOB], f"with {trust} it was sealed for {readers(report)}"
    # Its input is no answer: "yes" is the text of the message.
    told = carol.sipseal("send", "--as", carol.name, "--proxy", w.proxy1.uri(), "--trust-proxies", "recipient", BOB,
                         data=b"yes\n", status=None)
    assert told.returncode == 1, told
    words = told.stderr.decode()
    assert f"{PROXY1} asks to view and verify the message (it says: message archive)" in words, words
    assert "--trust-proxies" in words and "[policy-object.not-granted]" in words, words

    # What the user wrote into the file holds, and the option goes before it.
    folder = os.path.join(carol.path, "config/sipseal")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "trust-proxies"), "w", encoding="ascii") as f:
        f.write("none\n")
    carol.send(w.proxy1.uri(), BOB, "still not", status=1)
    with open(os.path.join(folder, "trust-proxies"), "w", encoding="ascii") as f:
        f.write("own, recipient\n")
    assert carol.send(w.proxy1.uri(), BOB, "now it may")["delivered"]
    with open(os.path.join(folder, "trust-proxies"), "w", encoding="ascii") as f:
        f.write("everybody@home.example\n")
    carol.send(w.proxy1.uri(), BOB, "who?", status=2)


def at_terminal(home, answer, *words):
    """Runs the command at a terminal of its own, and answers its question there; gives status and all that it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(home.site.sipseal, ["sipseal", *words], home.environment)
    shown, end, answered = b"", time.monotonic() + 60, False
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # it has ended
            break
        if not piece:
            break
        shown += piece
        if b"[y/N]" in shown and not answered:
            answered = True
            os.write(terminal, answer)
    else:
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    assert answered, f"it did not ask: {shown.decode()}"
    return status, shown.decode()


@case
def at_a_terminal_the_user_is_asked_and_only_yes_is_yes():
    w = world()
    dave = w.sender("dave@home.example")
    words = ("send", "--as", dave.name, "--proxy", w.proxy1.uri(), "--trust-proxies", "recipient", BOB, "may it?")
    for answer in (b"\n", b"n\n", b"yesterday\n"):
        status, shown = at_terminal(dave, answer, *words)
        assert status == 1 and "policy-object.not-granted" in shown, shown
        assert f"{PROXY1} asks to view and verify this message (it says: message archive)" in shown, shown
    status, shown = at_terminal(dave, b"y\n", *words)
    assert status == 0 and "delivered" in shown, shown
    # This once: the answer is no rule.
    status, shown = at_terminal(dave, b"n\n", *words)
    assert status == 1, shown


@case
def two_proxies_with_policies_are_learnt_one_after_the_other():
    w = world()
    erin = w.sender("erin@home.example")
    chain = Daemon(w.site, "proxy3.home.example", policy=[ARCHIVE_RULE], next_hop=w.far.uri(),
                   policy_object=object_of(w.site, HOME)).start()
    report = erin.send(chain.uri(), BOB, "two of them", "--trust-proxies", "own,recipient")
    assert report["delivered"] and report["rounds"] == 2, report
    assert readers(report) == sorted([BOB, "proxy3.home.example"]), "who only verifies reads nothing"
    middles = {middle["host"]: middle["actions"] for middle in report["middles"]}
    assert middles == {"proxy3.home.example": ["view", "verify"], FAR_PROXY: ["verify"]}, report
    assert w.ua2.report_of(report["call_id"])
    # By the user's own domain alone the second one is refused.
    frank = w.sender("frank@home.example")
    report = frank.send(chain.uri(), BOB, "one of them", status=1)
    assert report["rounds"] == 1 and report["policy"]["host"] == FAR_PROXY, report
    assert report["policy"]["rule"] == "policy-object.not-granted", report


@case
def a_proxy_of_an_attacker_on_the_path_gets_nothing_by_its_own_policy():
    w = world()
    grace = w.sender("grace@home.example")
    for section in (object_of(w.site, EVIL),               # of its own domain, honestly
                    object_of(w.site, HOME, EVIL_PROXY)):  # of ours, by its own word
        evil = Daemon(w.site, EVIL_PROXY, policy=[EVIL_RULE], next_hop=w.proxy1.uri(), policy_object=section).start()
        report = grace.send(evil.uri(), BOB, "not for you", "--trust-proxies", "own,recipient", status=1)
        assert report["policy"]["rule"] == "policy-object.not-granted", report
        assert report["policy"]["host"] == EVIL_PROXY and report["rounds"] == 0, report
        assert readers(report) == [BOB], report
        evil.stop()


def cached(home, host=PROXY1):
    with open(os.path.join(home.path, ".cache/sipseal/policy", host + ".p7m"), "rb") as f:
        return f.read()


def attacker(site, der):
    """A server that answers everything with 496 in Proxy 1's name, and this object."""
    head = [("Warning", f'399 {PROXY1} "the policy of this proxy needs to view content that it cannot read"'),
            ("Content-Type", "application/pkcs7-mime;smime-type=signed-data"), ("Content-Transfer-Encoding", "binary")]
    server = sip.Server(answer=lambda request: (496, "Proxy Undecipherable", head, "attacker", der))
    site.at_end(server.stop)
    return server


@case
def an_older_object_that_is_replayed_is_refused():
    w = world()
    heidi = w.sender("heidi@home.example")
    fetch = ("policy", "fetch", "--json", "--proxy", w.proxy1.uri(), PROXY1)
    first = json.loads(heidi.sipseal(*fetch))
    old = cached(heidi)
    assert first["accepted"] and first["by_domain"] and first["domain"] == HOME, first

    def renewed():
        mark = w.proxy1.process.mark()
        os.kill(w.proxy1.process.pid, signal.SIGHUP)
        w.proxy1.process.wait_for(r"process=parent event=reloaded", after=mark)
        return json.loads(heidi.sipseal(*fetch))["issued"] != first["issued"]

    until(renewed, "another object")
    assert cached(heidi) != old
    file = os.path.join(heidi.path, "old.p7m")
    with open(file, "wb") as f:
        f.write(old)
    heidi.sipseal("policy", "check", file)  # by itself it would do
    told = heidi.sipseal("policy", "check", "--about", PROXY1, file, status=None)
    assert told.returncode == 4 and b"[policy-object.older]" in told.stderr, told
    report = heidi.send(attacker(w.site, old).uri(), BOB, "replayed", status=1)
    assert report["policy"]["rule"] == "policy-object.older" and report["rounds"] == 0, report


@case
def who_asks_again_for_what_it_was_given_ends_the_rounds():
    w = world()
    judy = w.sender("judy@home.example")
    judy.sipseal("policy", "fetch", "--proxy", w.proxy1.uri(), PROXY1)
    genuine = cached(judy)
    os.unlink(os.path.join(judy.path, ".cache/sipseal/policy", PROXY1 + ".p7m"))
    server = attacker(w.site, genuine)
    report = judy.send(server.uri(), BOB, "again and again", status=1)
    assert report["rounds"] == 1 and report["policy"]["rule"] == "policy-object.rounds", report
    seen = [server.next(), server.next()]
    assert server.nothing(), "it was sent a third time"
    assert seen[0]["call-id"] == seen[1]["call-id"] and seen[0]["from"] == seen[1]["from"]
    assert [m["cseq"] for m in seen] == ["1 MESSAGE", "2 MESSAGE"]
    assert seen[0].data != seen[1].data


@case
def what_is_fetched_can_be_shown_and_checked():
    w = world()
    ivan = w.sender("ivan@home.example")
    shown = ivan.sipseal("policy", "fetch", "--proxy", w.proxy1.uri(), PROXY1).decode()
    assert re.search(r"^policy of home\.example, until 20", shown, re.M), shown
    assert "asks to view and verify: MESSAGE with text/*, from the domain's users" in shown, shown
    assert "signed by its domain" in shown, shown
    assert ivan.sipseal("policy", "show", PROXY1).decode() == shown
    file = os.path.join(ivan.path, "object.p7m")
    der = bytearray(cached(ivan))
    with open(file, "wb") as f:
        f.write(der)
    assert json.loads(ivan.sipseal("policy", "check", "--json", file))["accepted"]
    told = ivan.sipseal("policy", "check", "--about", FAR_PROXY, file, status=None)
    assert told.returncode == 4 and b"[policy-object.host]" in told.stderr, told
    at = der.index(b"home.example")
    der[at] ^= 1
    with open(file, "wb") as f:
        f.write(der)
    told = ivan.sipseal("policy", "check", file, status=None)
    assert told.returncode == 4 and b"[signature.invalid]" in told.stderr, told
    # One that has none, one that is not there, and what is no proxy.
    bare = Daemon(w.site, "proxy9.home.example").start()
    told = ivan.sipseal("policy", "fetch", "--proxy", bare.uri(), "proxy9.home.example", status=None)
    assert told.returncode == 1 and b"[policy-object.absent]" in told.stderr, told
    ivan.sipseal("policy", "fetch", "--proxy", "sip:127.0.0.1:9", PROXY1, status=5)
    ivan.sipseal("policy", "fetch", BOB, status=2)
    ivan.sipseal("policy", "show", "proxy8.home.example", status=1)


if __name__ == "__main__":
    run_cases(finish)
