"""SignedData against NSS (cmsutil), a third implementation: it verifies what libsipseal signs, and libsipseal verifies
what it signs, for every kind of key that both have (P-256, P-384, RSA; cmsutil signs neither with Ed25519 nor with
PSS). NSS has no AuthEnvelopedData, so nothing is sealed here."""

import atexit
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "e2e")]
import openssl  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from craft import Party, flip  # noqa: E402
from processes import run  # noqa: E402

CONTENT = b"Content-Type: text/plain\r\n\r\nnot for everybody\x00\xff\r\n"
KINDS = {"p256": ("ec", "ec_paramgen_curve:P-256"), "p384": ("ec", "ec_paramgen_curve:P-384"),
         "rsa": ("rsa", "rsa_keygen_bits:2048")}
USAGE = {"rsa": "digitalSignature,keyEncipherment"}
DIGESTS = ("SHA256", "SHA384", "SHA512")


class World:
    """An authority of OpenSSL's making, certificates by it, and NSS's database with all of them."""

    def __init__(self):
        need(openssl.PROGRAM, "openssl")
        for command in ("cmsutil", "certutil", "pk12util"):
            need(command, "libnss3-tools")
        self.folder = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, self.folder, True)
        ca = openssl.authority(f"{self.folder}/ca")
        self.anchor = f"{ca}/ca.pem"
        self.database = self.make_database("trusting")
        run(["certutil", "-A", "-d", self.database, "-n", "ca", "-t", "CT,CT,CT", "-i", self.anchor])
        self.party = {}
        for name, kind in KINDS.items():
            openssl.issue(ca, self.folder, name, f"URI:sip:{name}@home.example", key=kind,
                          usage=USAGE.get(name, "digitalSignature,keyAgreement"))
            self.party[name] = Party(self.folder, name)
            bundle = f"{self.folder}/{name}.p12"
            run([openssl.PROGRAM, "pkcs12", "-export", "-inkey", self.party[name].key, "-in",
                 self.party[name].certificate, "-name", name, "-out", bundle, "-passout", "pass:x"])
            run(["pk12util", "-i", bundle, "-d", self.database, "-W", "x", "-K", ""])

    def make_database(self, name):
        os.mkdir(f"{self.folder}/{name}")
        run(["certutil", "-N", "-d", f"sql:{self.folder}/{name}", "--empty-password"])
        return f"sql:{self.folder}/{name}"

    def file(self, data):
        path = f"{self.folder}/input"
        with open(path, "wb") as f:
            f.write(data)
        return path

    def signed(self, name, digest):
        """NSS's SignedData with a signing time, as it writes it: BER with indefinite lengths."""
        return run(["cmsutil", "-S", "-G", "-d", self.database, "-N", name, "-H", digest, "-i", self.file(CONTENT)])

    def verified(self, der, database=None):
        """The content of a SignedData that NSS accepts; None when it does not."""
        result = run(["cmsutil", "-D", "-d", database or self.database, "-i", self.file(der)], status=None)
        return result.stdout if result.returncode == 0 else None


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


def as_der(ber):
    """The same object with definite lengths, by OpenSSL: what is signed stays as it is."""
    return run([openssl.PROGRAM, "cms", "-cmsout", "-inform", "DER", "-outform", "DER"], ber)


@case
def nss_verifies_what_libsipseal_signed_with_each_kind_of_key_and_not_what_was_changed():
    w = world()
    for name, party in w.party.items():
        signed = tool("sign", party.certificate, party.key, data=CONTENT)
        assert w.verified(signed) == CONTENT, name
        assert w.verified(flip(signed, -1)) is None, name
        changed = signed.replace(b"not for everybody", b"Not for everybody")
        assert changed != signed and w.verified(changed) is None, name


@case
def nss_refuses_a_signer_whose_authority_it_does_not_know():
    w = world()
    party = w.party["p256"]
    assert w.verified(tool("sign", party.certificate, party.key, data=CONTENT), w.make_database("stranger")) is None


@case
def libsipseal_verifies_what_nss_signed_with_each_kind_of_key_and_digest():
    w = world()
    for name in KINDS:
        for digest in DIGESTS:
            signed = as_der(w.signed(name, digest))
            assert tool("verify", w.anchor, data=signed) == CONTENT, (name, digest)
            assert tool("verify", w.anchor, data=signed.replace(b"not for", b"Not for")) == "signature.invalid"
            assert tool("verify", w.anchor, data=flip(signed, -1)) == "signature.invalid", (name, digest)


@case
def the_ber_that_nss_writes_and_its_sha1_are_refused():
    w = world()
    assert tool("verify", w.anchor, data=w.signed("rsa", "SHA256")) == "cms.der"
    assert tool("verify", w.anchor, data=as_der(w.signed("rsa", "SHA1"))) == "cms.algorithm"


if __name__ == "__main__":
    run_cases()
