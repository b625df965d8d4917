"""The forms that `sipseal send` writes, taken from the wire behind sipseald and Kamailio, read by OpenSSL, by
BouncyCastle and by a reader of MIME, none of which knows of middles (REQ-GEN-1; RFC 8551 3.5.3, RFC 1847)."""
# timeout: 600

import base64
import email
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "e2e")]
import bouncy  # noqa: E402
import openssl  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from kamailio import Kamailio  # noqa: E402
from sites import BOB, PROXY1, Daemon, Site  # noqa: E402
from tap import Tap  # noqa: E402

RULE = {"methods": ["MESSAGE"], "direction": "both", "require": ["verify"], "plain": "refuse", "mode": "enforce"}
SIGNERS = {"p256": [], "p384": ["--key", "p384"], "rsa2048": ["--key", "rsa2048"], "ed25519": ["--separate"]}
MICALG = {"p256": "sha-256", "p384": "sha-384", "rsa2048": "sha-256", "ed25519": "sha-512"}


class World:
    """Senders with every kind of signing key, Proxy 1 (sipseald), Proxy 2 (Kamailio), a tap, Bob."""

    def __init__(self):
        need(openssl.PROGRAM, "openssl")
        kamailio = need("/usr/sbin/kamailio", "kamailio")
        self.site = Site()
        self.bob = self.site.home(BOB)
        self.ua = self.bob.listen("--json")
        self.hop = Tap(self.ua.address, "Proxy 2 to UA 2")
        self.site.at_end(self.hop.stop)
        proxy2 = Kamailio(os.path.join(self.site.path, "kamailio"), program=kamailio)
        proxy2.start({"far.example": self.hop.uri()})
        self.site.at_end(proxy2.stop)
        self.daemon = Daemon(self.site, PROXY1, next_hop=proxy2.uri(), policy=[RULE]).start()
        self.anchor = f"{self.site.ca}/ca.pem"

    def sent(self, kind, text, *options):
        """A message as it arrives at Bob, who accepts it."""
        sender = self.site.home(f"{kind}@home.example", *SIGNERS[kind]).knows(BOB)
        call_id = sender.send(self.daemon.uri(), BOB, text, *options)["call_id"]
        part = self.ua.report_of(call_id)["parts"][0]
        assert part["text"] == text and part["proven"] == "user", part
        return self.hop.wait_for(lambda m: m["call-id"] == call_id and m.method == "MESSAGE")


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def finish():
    for one in _world:
        one.site.stop()


def entity_of(message):
    """The body with its head, as it would lie in a file."""
    return f"MIME-Version: 1.0\r\nContent-Type: {message['content-type']}\r\n\r\n".encode() + message.body


def taken_apart(message):
    """The bytes that are signed, and the signature."""
    boundary = re.search(r'boundary="(\w+)"', message["content-type"])[1].encode()
    _, signed, signature, end = message.body.split(b"--" + boundary)
    assert end == b"--\r\n" and signed.startswith(b"\r\n") and signed.endswith(b"\r\n")
    head, _, encoded = signature.partition(b"\r\n\r\n")
    assert b"application/pkcs7-signature" in head and b"base64" in head, head
    return signed[2:-2], base64.b64decode(encoded)


def clear(kind, text):
    message = world().sent(kind, text, "--clear", "--middle", PROXY1)
    assert f"micalg={MICALG[kind]};" in message["content-type"], message["content-type"]
    return message


@case
def openssl_verifies_what_is_signed_in_the_clear_as_mail_and_gives_what_was_signed():
    w = world()
    for kind in ("p256", "p384", "rsa2048"):  # its CMS does not know Ed25519
        message = clear(kind, f"read by everybody \N{GREEK SMALL LETTER ALPHA}\r\n{kind}")
        signed, _ = taken_apart(message)
        assert openssl.verified_mime(entity_of(message), w.anchor) == signed
        altered = entity_of(message).replace(b"read by everybody", b"read by somebody!", 1)
        assert openssl.verified_mime(altered, w.anchor) is None


@case
def bouncycastle_verifies_what_is_signed_in_the_clear_with_every_kind_of_key():
    w = world()
    for kind in SIGNERS:
        signed, signature = taken_apart(clear(kind, f"read by everybody, signed with {kind}"))
        assert bouncy.verified_beside(signature, signed, w.anchor), kind
        assert not bouncy.verified_beside(signature, signed.replace(b"everybody", b"somebodyy"), w.anchor), kind


@case
def a_reader_of_mime_without_any_smime_finds_the_text():
    text = "read by everybody"
    found = [part for part in email.message_from_bytes(entity_of(clear("p256", text))).walk()
             if part.get_content_type() == "text/plain"]
    assert found[0].get_payload() == text  # what follows is the signed copy of the headers


def opened_by_steps(message, verified, opened):
    """An outer signature, a sealing and an inner signature taken away, one after the other."""
    w = world()
    bob = w.bob.party
    outer = verified(message.body, w.anchor)
    boundary = re.search(rb'boundary="(\w+)"', outer)[1]
    sealed = outer.split(b"--" + boundary)[1][2:-2].partition(b"\r\n\r\n")[2]
    inner = opened(sealed, bob.certificate, bob.key)
    return verified(inner.partition(b"\r\n\r\n")[2], w.anchor)


@case
def openssl_and_bouncycastle_open_what_is_sealed_and_signed_around_for_a_middle_that_verifies():
    message = world().sent("p256", "for Bob alone", "--middle", f"{PROXY1}=verify")
    assert b"for Bob alone" not in message.body
    assert b"for Bob alone" in opened_by_steps(message, openssl.verified, openssl.opened)
    assert b"for Bob alone" in opened_by_steps(message, bouncy.verified, bouncy.opened)


if __name__ == "__main__":
    run_cases(finish)
