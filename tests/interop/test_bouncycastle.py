"""libsipseal's CMS against BouncyCastle, without SIP: objects go both ways, with the reader in question first, in the
middle and last of several, and with every kind of key (RFC 5083, RFC 5652, RFC 5753, RFC 4055, RFC 8418, RFC 8419)."""
# timeout: 900

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
KINDS = {"p384": ("ec", "ec_paramgen_curve:P-384"), "rsa": ("rsa", "rsa_keygen_bits:2048"), "ed25519": ("ed25519",)}
USAGE = {"rsa": "digitalSignature,keyEncipherment", "ed25519": "digitalSignature"}


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
        for name, kind in KINDS.items():
            openssl.issue(ca, self.folder, name, f"URI:sip:{name}@home.example", key=kind,
                          usage=USAGE.get(name, "digitalSignature,keyAgreement"))
        openssl.issue_x25519(ca, self.folder, "x25519", "URI:sip:x25519@home.example")
        self.party = {name: Party(self.folder, name) for name in (*NAMES, *KINDS, "x25519")}
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


# --- keys of other kinds ---

@case
def bouncycastle_opens_what_libsipseal_sealed_to_readers_with_every_kind_of_key():
    w = world()
    mixed = [w.party[name] for name in ("alice", "p384", "rsa", "x25519")]
    for readers in [[one] for one in mixed] + [mixed]:
        sealed = tool("seal", *[reader.certificate for reader in readers], data=CONTENT)
        for reader in readers:
            assert bouncy.opened(sealed, reader.certificate, reader.key) == CONTENT, (reader.name, len(readers))
            assert bouncy.opened(flip(sealed, -1), reader.certificate, reader.key) is None, reader.name


@case
def libsipseal_opens_what_bouncycastle_sealed_to_readers_with_other_kinds_of_keys():
    w = world()
    mixed = [w.party[name] for name in ("rsa", "p384", "alice")]
    for readers in [[one] for one in mixed] + [mixed]:
        sealed = bouncy.seal(CONTENT, [reader.certificate for reader in readers])
        for reader in readers:
            assert tool("open", reader.certificate, reader.key, data=sealed) == CONTENT, (reader.name, len(readers))
            assert tool("open", reader.certificate, reader.key, data=flip(sealed, -1)) == "cms.open"
        assert tool("readers", data=sealed) == str(len(readers)).encode()


@case
def libsipseal_opens_what_bouncycastle_sealed_by_aes_256_gcm_and_with_each_digest_of_oaep():
    w = world()
    readers = [w.party[name] for name in ("alice", "p384", "rsa")]
    for digest in ("SHA-256", "SHA-384", "SHA-512"):
        sealed = bouncy.seal(CONTENT, [reader.certificate for reader in readers], "AES256", digest)
        for reader in readers:
            assert tool("open", reader.certificate, reader.key, data=sealed) == CONTENT, (reader.name, digest)
            assert tool("open", reader.certificate, reader.key, data=flip(sealed, -1)) == "cms.open"


@case
def libsipseal_opens_what_the_parts_of_bouncycastle_sealed_to_readers_with_x25519():
    w = world()
    other = f"{w.folder}/ca"
    openssl.issue_x25519(other, w.folder, "x25519b", "URI:sip:x25519b@home.example")
    readers = [w.party["x25519"], Party(w.folder, "x25519b")]
    for cipher, digest in (("AES128", "SHA-256"), ("AES256", "SHA-384"), ("AES256", "SHA-512")):
        sealed = bouncy.seal(CONTENT, [reader.certificate for reader in readers], cipher, digest, "seal-x25519")
        for reader in readers:
            assert tool("open", reader.certificate, reader.key, data=sealed) == CONTENT, (reader.name, digest)
            assert tool("open", reader.certificate, reader.key, data=flip(sealed, -1)) == "cms.open", digest
        assert tool("open", w.party["alice"].certificate, w.party["alice"].key, data=sealed) == "cms.not-reader"


@case
def bouncycastle_verifies_what_libsipseal_signed_with_every_kind_of_key():
    w = world()
    for name in KINDS:
        signed = tool("sign", w.party[name].certificate, w.party[name].key, data=CONTENT)
        assert bouncy.verified(signed, w.anchor) == CONTENT, name
        assert bouncy.verified(flip(signed, -1), w.anchor) is None, name
        changed = signed.replace(b"not for everybody", b"Not for everybody")
        assert changed != signed and bouncy.verified(changed, w.anchor) is None, name


@case
def libsipseal_verifies_what_bouncycastle_signed_with_every_kind_of_key():
    w = world()
    algorithms = {"SHA384withECDSA": "p384", "SHA256withECDSA": "p384", "SHA512withECDSA": "alice",
                  "SHA256withRSAandMGF1": "rsa", "SHA512withRSAandMGF1": "rsa", "SHA256withRSA": "rsa",
                  "SHA384withRSAandMGF1": "rsa", "SHA384withRSA": "rsa", "SHA512withRSA": "rsa", "Ed25519": "ed25519"}
    for algorithm, name in algorithms.items():
        signed = bouncy.sign(CONTENT, w.party[name].certificate, w.party[name].key, algorithm)
        assert tool("verify", w.anchor, data=signed) == CONTENT, algorithm
        assert tool("verify", w.anchor, data=signed.replace(b"not for", b"Not for")) == "signature.invalid"
        assert tool("verify", w.anchor, data=flip(signed, -1)) == "signature.invalid", algorithm


@case
def what_bouncycastle_signs_with_sha1_is_refused():
    w = world()
    for algorithm, name in {"SHA1withRSA": "rsa", "SHA1withRSAandMGF1": "rsa", "SHA1withECDSA": "alice"}.items():
        signed = bouncy.sign(CONTENT, w.party[name].certificate, w.party[name].key, algorithm)
        assert tool("verify", w.anchor, data=signed) == "cms.algorithm", algorithm


if __name__ == "__main__":
    run_cases()
