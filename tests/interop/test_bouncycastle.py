"""libsipseal's CMS against BouncyCastle, without SIP: objects go both ways, with the reader in question first, in the
middle and last of several (RFC 5083, RFC 5652, RFC 5753)."""

import atexit
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "e2e")]
import bouncy  # noqa: E402
import openssl  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from craft import Party, flip  # noqa: E402
from processes import run  # noqa: E402

CONTENT = b"Content-Type: text/plain\r\n\r\nnot for everybody\x00\xff\r\n"
NAMES = ("alice", "bob", "carol", "mallory")


class World:
    """An authority of OpenSSL's making and certificates by it."""

    def __init__(self):
        need(openssl.PROGRAM, "openssl")
        self.folder = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, self.folder, True)
        ca = openssl.authority(f"{self.folder}/ca")
        self.anchor = f"{ca}/ca.pem"
        for name in NAMES:
            openssl.issue(ca, self.folder, name, f"URI:sip:{name}@home.example")
        self.party = {name: Party(self.folder, name) for name in NAMES}
        self.readers = [self.party[name] for name in NAMES[:3]]


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def tool(word, *files, data):
    """What cmstool writes; or the name of the rule that was broken."""
    program = os.path.join(os.environ["SIPSEAL_BUILD"], "tests", "interop", "cmstool")
    result = run([program, word, "-", "-", *files], data, status=None)
    return result.stdout if result.returncode == 0 else result.stderr.decode().strip()


@case
def bouncycastle_opens_what_libsipseal_sealed_as_each_of_three_readers_and_as_nobody_else():
    w = world()
    sealed = tool("seal", *[reader.certificate for reader in w.readers], data=CONTENT)
    for reader in w.readers:
        assert bouncy.opened(sealed, reader.certificate, reader.key) == CONTENT, reader.name
        assert bouncy.opened(flip(sealed, -1), reader.certificate, reader.key) is None, "a wrong tag was accepted"
    mallory = w.party["mallory"]
    assert bouncy.opened(sealed, mallory.certificate, mallory.key) is None
    assert bouncy.opened(sealed, w.readers[0].certificate, mallory.key) is None


@case
def libsipseal_opens_what_bouncycastle_sealed_as_each_of_three_readers_and_as_nobody_else():
    w = world()
    sealed = bouncy.seal(CONTENT, [reader.certificate for reader in w.readers])
    for reader in w.readers:
        assert tool("open", reader.certificate, reader.key, data=sealed) == CONTENT, reader.name
        assert tool("open", reader.certificate, reader.key, data=flip(sealed, -1)) == "cms.open"
    mallory = w.party["mallory"]
    assert tool("open", mallory.certificate, mallory.key, data=sealed) == "cms.not-reader"


@case
def bouncycastle_verifies_what_libsipseal_signed_and_not_what_was_changed():
    w = world()
    alice = w.party["alice"]
    signed = tool("sign", alice.certificate, alice.key, data=CONTENT)
    assert bouncy.verified(signed, w.anchor) == CONTENT
    changed = signed.replace(b"not for everybody", b"Not for everybody")
    assert changed != signed and bouncy.verified(changed, w.anchor) is None
    other = openssl.authority(f"{w.folder}/other")
    assert bouncy.verified(signed, f"{other}/ca.pem") is None


@case
def libsipseal_verifies_what_bouncycastle_signed_and_not_what_was_changed():
    w = world()
    alice = w.party["alice"]
    signed = bouncy.sign(CONTENT, alice.certificate, alice.key)
    assert tool("verify", w.anchor, data=signed) == CONTENT
    assert tool("verify", w.anchor, data=signed.replace(b"not for", b"Not for")) == "signature.invalid"
    assert tool("verify", w.anchor, data=flip(signed, -1)) == "signature.invalid"


if __name__ == "__main__":
    run_cases()
