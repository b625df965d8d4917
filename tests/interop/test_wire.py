"""Bodies taken from the wire, opened and verified by OpenSSL and BouncyCastle; bodies that these made, read by sipseald
and by `sipseal listen`; the reader in question first, in the middle and last of several (RFC 5083, RFC 5652,
RFC 5753)."""
# timeout: 600

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "e2e")]
import bouncy  # noqa: E402
import openssl  # noqa: E402
import sip  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from craft import Draft, flip  # noqa: E402
from sites import ALICE, ARCHIVE_RULE, AUDITOR, BOB, PROXY1, Daemon, Site  # noqa: E402
from tap import Tap  # noqa: E402

TEXT = "read this, whoever may: \N{GREEK SMALL LETTER ALPHA}"
THIRD = "proxy3.home.example"


class World:
    """Alice, Proxy 1 (sipseald) and Bob (`sipseal listen`), with a tap before each."""

    def __init__(self):
        need(openssl.PROGRAM, "openssl")
        self.site = Site()
        alice = self.site.home(ALICE).knows(BOB, PROXY1, THIRD)
        self.bob = self.site.home(BOB).listen("--listen", "127.0.0.1:0")
        self.to_bob = Tap(self.bob.address)
        self.site.at_end(self.to_bob.stop)
        self.daemon = Daemon(self.site, PROXY1, next_hop=self.to_bob.uri(), policy=[ARCHIVE_RULE],
                             readers=[AUDITOR]).start()
        alice.sipseal("send", "--as", ALICE, "--proxy", self.daemon.uri(), "--middle", PROXY1, "--middle", THIRD, BOB,
                      TEXT)
        self.body = self.to_bob.wait_for(lambda m: m.method == "MESSAGE").body
        self.readers = [self.site.home(name).party for name in (BOB, PROXY1, THIRD)]
        self.anchor = f"{self.site.ca}/ca.pem"

    def readable(self, maker, order, number):
        """A message that `maker` made is read by sipseald and by Bob's UA, when the readers stand in this order."""
        text = f"made elsewhere {maker.__name__} {number} {os.urandom(4).hex()}"
        draft = maker(self.site.home(ALICE).party, [self.site.home(name).party for name in order], text=text)
        answer = sip.ask(self.daemon.address(), draft.message())
        assert answer.status == 200, f"{answer.data!r}\n{self.daemon.process.log()}"
        self.bob.process.wait_for(text)


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def finish():
    for one in _world:
        one.site.stop()


def signed_text(inside):
    """What was signed, from what was sealed: the head is cut off."""
    head, _, signed = inside.partition(b"\r\n\r\n")
    assert b"signed-data" in head, head
    return signed


def readers_and_nobody_else(opened, verified):
    """`opened` and `verified` are those of OpenSSL or of BouncyCastle."""
    w = world()
    for number, reader in enumerate(w.readers):
        inside = opened(w.body, reader.certificate, reader.key)
        assert inside, f"reader {number + 1} of {len(w.readers)} cannot open it"
        content = verified(signed_text(inside), w.anchor)
        assert content and TEXT.encode() in content, "the signature does not verify"
    alice = w.site.home(ALICE).party
    assert opened(w.body, alice.certificate, alice.key) is None, "somebody who is no reader opened it"
    bob = w.readers[0]
    assert opened(flip(w.body, -1), bob.certificate, bob.key) is None, "a wrong tag was accepted"
    signed = signed_text(opened(w.body, bob.certificate, bob.key))
    assert verified(flip(signed, len(signed) - 1), w.anchor) is None, "a wrong signature was accepted"


@case
def openssl_opens_and_verifies_a_body_from_the_wire_as_each_of_three_readers_and_as_nobody_else():
    readers_and_nobody_else(openssl.opened, openssl.verified)


@case
def bouncycastle_opens_and_verifies_a_body_from_the_wire_as_each_of_three_readers_and_as_nobody_else():
    readers_and_nobody_else(bouncy.opened, bouncy.verified)


class OpenSSL(Draft):
    pass


class BouncyCastle(Draft):
    def signed(self):
        return bouncy.sign(self.to_sign(), self.signer.certificate, self.signer.key)

    def sealed(self):
        return bouncy.seal(self.signed_entity(), [r.certificate for r in self.readers])


class BouncyCastleSignedOpenSSLSealed(Draft):
    signed = BouncyCastle.signed


ORDERS = [(PROXY1, BOB, THIRD), (BOB, PROXY1, THIRD), (THIRD, BOB, PROXY1), (THIRD, PROXY1, BOB)]


@case
def sipseald_and_listen_read_what_openssl_made_first_in_the_middle_and_last():
    for number, order in enumerate(ORDERS):
        world().readable(OpenSSL, order, number)


@case
def sipseald_and_listen_read_what_bouncycastle_made_first_in_the_middle_and_last():
    for number, order in enumerate(ORDERS):
        world().readable(BouncyCastle, order, number)


@case
def sipseald_and_listen_read_what_bouncycastle_signed_and_openssl_sealed():
    world().readable(BouncyCastleSignedOpenSSLSealed, ORDERS[0], 0)


@case
def inspect_says_who_can_read_what_bouncycastle_made_and_verifies_it():
    w = world()
    need("javac", "default-jdk-headless")
    draft = BouncyCastle(w.site.home(ALICE).party, w.readers, text=TEXT)
    shown = w.site.home(BOB).sipseal("inspect", "--as", BOB, "-", data=draft.message()).decode()
    assert ALICE in shown and BOB in shown, shown


if __name__ == "__main__":
    run_cases(finish)
