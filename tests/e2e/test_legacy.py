"""Legacy peers: EnvelopedData with AES-CBC and PKCS#1 v1.5 key transport, made by OpenSSL and by BouncyCastle, read by
sipseald, `sipseal listen` and `sipseal inspect` where it is switched on, and refused everywhere else (protocol.md 2,
2.2, 2.3)."""
# timeout: 600

import json
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "interop")]
import bouncy  # noqa: E402
import openssl  # noqa: E402
import sip  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from craft import Draft, flip  # noqa: E402
from processes import run  # noqa: E402
from sites import ALICE, ARCHIVE_RULE, AUDITOR, BOB, PROXY1, Daemon, Site  # noqa: E402

RSA = ("rsa", "rsa_keygen_bits:2048")


class Legacy(Draft):
    """As a draft, sealed as old peers do: by OpenSSL, which takes PKCS#1 v1.5 for RSA by itself."""

    cipher_of_legacy = "aes-128-cbc"
    kind = "enveloped-data"

    def body_headers(self):
        return [(name, value.replace("authEnveloped-data", self.kind)) for name, value in super().body_headers()]

    def sealed(self):
        words = [word for r in self.readers for word in ("-recip", r.certificate, *openssl_options(r))]
        return run([openssl.PROGRAM, "cms", "-encrypt", "-binary", f"-{self.cipher_of_legacy}", "-outform", "DER",
                    *words], self.signed_entity())


class Unsigned(Legacy):
    def signed_entity(self):
        return self.content()


class ByBouncyCastle(Legacy):
    def sealed(self):
        return bouncy.envelop(self.signed_entity(), [r.certificate for r in self.readers])


def openssl_options(party):
    rsa = b"rsaEncryption" in run([openssl.PROGRAM, "x509", "-in", party.certificate, "-noout", "-text"])
    return () if rsa else ("-keyopt", "ecdh_kdf_md:sha256")


class World:
    """Proxy 1 (sipseald) and Bob (`sipseal listen`), with everything switched on, and the same with nothing."""

    def __init__(self, rsa=False):
        need(openssl.PROGRAM, "openssl")
        self.site = Site()
        self.alice = self.site.home(ALICE)
        for name, uri in ((BOB, f"URI:sip:{BOB}"), (PROXY1, f"DNS:{PROXY1}")):
            self.site.home(name)
            if rsa:
                openssl.issue(self.site.ca, self.site.home(name).keys, name, uri, key=RSA,
                              usage="digitalSignature,keyEncipherment")
        self.on = self.start("--legacy", "cbc", "--legacy", "pkcs1", legacy=["cbc", "pkcs1"])
        self.off = self.start()
        self.readers = [self.site.home(name).party for name in (BOB, PROXY1)]

    def start(self, *options, **keys):
        bob = self.site.home(BOB).listen("--json", *options)
        daemon = Daemon(self.site, PROXY1, next_hop=bob.uri(), policy=[ARCHIVE_RULE], readers=[AUDITOR],
                        keys=keys).start()
        return bob, daemon

    def draft(self, kind, **more):
        return kind(self.alice.party, self.readers, **more)

    def ask(self, peers, message):
        """What sipseald answers, with Bob behind it."""
        return sip.ask(peers[1].address(), message)

    def ask_bob(self, peers, message):
        """What Bob's user agent answers, without a proxy in front of it."""
        return sip.ask(peers[0].address, message)

    def inspect(self, message, *options, status=0):
        told = self.site.home(BOB).sipseal("inspect", "--json", "--as", BOB, *options, "-", data=message, status=None)
        assert told.returncode == status, told
        return json.loads(told.stdout)["parts"]


_worlds = {}


def world(rsa=False):
    if rsa not in _worlds:
        _worlds[rsa] = World(rsa)
    return _worlds[rsa]


def finish():
    for one in _worlds.values():
        one.site.stop()


def assert_read(w, draft):
    answer = w.ask(w.on, draft.message())
    assert answer.status == 200, f"{answer.data!r}\n{w.on[1].process.log()}"
    report = w.on[0].report_of(draft.call_id)
    assert report["parts"][0]["text"] == draft.text, report
    assert report["parts"][0]["proven"] == "user", report
    return report["parts"][0]["legacy"]


# --- ---

@case
def what_is_sealed_with_cbc_is_read_where_it_is_switched_on():
    w = world()
    for cipher in ("aes-128-cbc", "aes-256-cbc"):
        draft = w.draft(Legacy, text=f"old {cipher}")
        draft.cipher_of_legacy = cipher
        assert assert_read(w, draft) == "cbc"


@case
def what_is_sealed_with_pkcs1_is_read_where_it_is_switched_on():
    w = world(rsa=True)
    assert assert_read(w, w.draft(Legacy, text="old cbc and pkcs1")) == "cbc pkcs1"
    draft = w.draft(Legacy, text="old pkcs1")
    draft.cipher_of_legacy, draft.kind = "aes-128-gcm", "authEnveloped-data"
    assert assert_read(w, draft) == "pkcs1"


@case
def what_bouncycastle_seals_so_is_read_where_it_is_switched_on():
    assert assert_read(world(), world().draft(ByBouncyCastle, text="old, by BouncyCastle")) == "cbc"
    assert assert_read(world(rsa=True), world(rsa=True).draft(ByBouncyCastle, text="older")) == "cbc pkcs1"


@case
def it_is_refused_where_it_is_not_switched_on():
    w = world()
    draft = w.draft(Legacy)
    assert w.ask(w.off, draft.message()).status == 415
    assert w.ask_bob(w.off, draft.message()).status == 415
    w = world(rsa=True)
    draft = w.draft(Legacy)
    draft.cipher_of_legacy, draft.kind = "aes-128-gcm", "authEnveloped-data"
    assert w.ask(w.off, draft.message()).status == 415
    assert w.ask_bob(w.off, draft.message()).status == 493


@case
def without_a_signature_inside_it_is_closed_as_if_the_key_were_wrong():
    w = world()
    changes = {"no signature": None, "padding": -1, "content": -700}
    for what, at in changes.items():
        for ask, status in ((w.ask, 496), (w.ask_bob, 493)):
            draft = w.draft(Legacy if at else Unsigned)
            answer = ask(w.on, draft.message(body=flip(draft.sealed(), at) if at else None))
            assert answer.status == status, (what, answer.data)


@case
def a_part_that_is_called_by_the_other_type_is_refused():
    w = world()
    draft = w.draft(Legacy)
    draft.kind = "authEnveloped-data"
    assert w.ask(w.on, draft.message()).status == 415
    assert w.ask_bob(w.on, draft.message()).status == 415


@case
def the_log_says_at_the_start_that_it_is_switched_on():
    w = world()
    w.on[1].process.wait_for(r"level=warning process=parent event=legacy algorithms=\"?cbc pkcs1\"?", limit=1)
    assert "event=legacy" not in w.off[1].process.log()


@case
def inspect_tells_what_is_used_whether_it_is_switched_on_or_not():
    w = world(rsa=True)
    message = w.draft(Legacy, text="to be inspected").message()
    closed = w.inspect(message, status=3)
    assert closed[0]["legacy"] == "cbc pkcs1" and not closed[0]["opened"] and len(closed) == 1, closed
    assert closed[0]["rule"] == "cms.type" and len(closed[0]["readers"]) == 2, closed
    opened = w.inspect(message, "--legacy", "cbc", "--legacy", "pkcs1")
    assert opened[0]["legacy"] == "cbc pkcs1" and opened[0]["opened"], opened
    assert any(part.get("text") == "to be inspected" for part in opened), opened
    shown = w.site.home(BOB).sipseal("inspect", "-", data=message).decode()
    assert "legacy peers alone: cbc pkcs1" in shown, shown
    told = w.site.home(BOB).sipseal("inspect", "--legacy", "rc2", "-", data=message, status=None)
    assert told.returncode == 2 and b"give cbc or pkcs1" in told.stderr, told


if __name__ == "__main__":
    run_cases(finish)
