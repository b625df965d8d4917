"""libsipseal's CMS against `openssl cms`, without SIP: objects go both ways, the reader in question first, in the
middle and last of several, named by issuer and serial number or by key identifier (RFC 5083, RFC 5652, RFC 5753)."""

import atexit
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "e2e")]
import openssl  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from processes import run  # noqa: E402

CONTENT = b"Content-Type: text/plain\r\n\r\nnot for everybody\x00\xff\r\n"
NAMES = ("alice", "bob", "carol", "mallory")
RSA = ("rsa", "rsa_keygen_bits:2048")
P384 = ("ec", "ec_paramgen_curve:P-384")
OAEP = ("-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256")


class World:
    """An authority of OpenSSL's making and certificates by it."""

    def __init__(self):
        need(openssl.PROGRAM, "openssl")
        self.folder = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, self.folder, True)
        self.ca = openssl.authority(f"{self.folder}/ca")
        self.anchor = f"{self.ca}/ca.pem"
        self.certificate = {name: self.issue(name) for name in NAMES}
        self.certificate["p384"] = self.issue("p384", key=P384)
        self.certificate["rsa"] = self.issue("rsa", key=RSA, usage="digitalSignature,keyEncipherment")
        self.key = {name: f"{self.folder}/{name}.key" for name in self.certificate}

    def issue(self, name, **more):
        return openssl.issue(self.ca, self.folder, name, f"URI:sip:{name}@home.example", **more)

    def file(self, name, data):
        path = f"{self.folder}/{name}"
        with open(path, "wb") as f:
            f.write(data)
        return path


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def tool(*words, data=b""):
    """What cmstool writes, and None; or None, and the rule that was broken."""
    program = os.path.join(os.environ["SIPSEAL_BUILD"], "tests", "interop", "cmstool")
    result = run([program, words[0], "-", "-", *words[1:]], data, status=None)
    if result.returncode == 0:
        return result.stdout, None
    assert result.returncode == 1, result
    return None, result.stderr.decode().strip()


def readers(*names):
    return [world().certificate[name] for name in names]


def open_as(name, data):
    return tool("open", world().certificate[name], world().key[name], data=data)


@case
def openssl_opens_what_we_seal_as_the_first_the_second_and_the_third_reader():
    for count in (1, 2, 3):
        sealed, rule = tool("seal", *readers(*NAMES[:count]), data=CONTENT)
        assert rule is None, rule
        for name in NAMES[:count]:
            assert openssl.opened(sealed, world().certificate[name], world().key[name]) == CONTENT, (name, count)
        assert openssl.opened(sealed, world().certificate["mallory"], world().key["mallory"]) is None


@case
def openssl_opens_an_empty_and_a_large_content():
    for content in (b"", os.urandom(200000)):
        sealed, rule = tool("seal", *readers("alice", "bob"), data=content)
        assert rule is None, rule
        assert openssl.opened(sealed, world().certificate["bob"], world().key["bob"]) == content


@case
def openssl_takes_the_key_of_one_reader_for_no_other():
    sealed, _ = tool("seal", *readers("alice"), data=CONTENT)
    assert openssl.opened(sealed, world().certificate["alice"], world().key["bob"]) is None


@case
def we_open_what_openssl_sealed_whether_first_in_the_middle_or_last():
    for cipher in ("aes-128-gcm", "aes-256-gcm"):
        sealed = openssl.seal(CONTENT, readers("alice", "bob", "carol"), cipher)
        for name in ("alice", "bob", "carol"):
            assert open_as(name, sealed) == (CONTENT, None), (name, cipher)
        assert open_as("mallory", sealed) == (None, "cms.not-reader")
        assert tool("readers", data=sealed) == (b"3", None)


@case
def we_open_what_names_us_by_our_key_identifier():
    named = [word for name in ("alice", "bob") for word in
             ("-recip", world().certificate[name], "-keyopt", "ecdh_kdf_md:sha256")]
    sealed = run([openssl.PROGRAM, "cms", "-encrypt", "-binary", "-aes-128-gcm", "-keyid", "-outform", "DER", *named],
                 CONTENT)
    for name in ("alice", "bob"):
        assert open_as(name, sealed) == (CONTENT, None), name
    assert open_as("mallory", sealed) == (None, "cms.not-reader")


@case
def a_reader_with_rsa_beside_us_is_counted_and_does_not_hinder_us():
    rsa = world().issue("dave", key=RSA, usage="digitalSignature,keyEncipherment")
    certificates = [rsa, *readers("alice"), world().certificate["bob"]]
    named = [word for one in certificates for word in
             ("-recip", one, *(() if one == rsa else ("-keyopt", "ecdh_kdf_md:sha256")))]
    sealed = run([openssl.PROGRAM, "cms", "-encrypt", "-binary", "-aes-128-gcm", "-outform", "DER", *named], CONTENT)
    assert tool("readers", data=sealed) == (b"3", None)
    assert open_as("alice", sealed) == (CONTENT, None)
    assert open_as("bob", sealed) == (CONTENT, None)


@case
def our_key_with_anothers_certificate_opens_nothing():
    sealed = openssl.seal(CONTENT, readers("alice"))
    assert tool("open", world().certificate["alice"], world().key["bob"], data=sealed) == (None, "certificate.key")


@case
def what_protocol_2_2_forbids_is_refused_although_openssl_makes_it():
    alice = readers("alice")
    assert open_as("alice", openssl.seal(CONTENT, alice, kdf="sha1")) == (None, "cms.algorithm")
    assert open_as("alice", openssl.seal(CONTENT, alice, cipher="aes-128-cbc")) == (None, "cms.type")
    assert open_as("alice", openssl.seal(CONTENT, alice, cipher="aes-192-gcm")) == (None, "cms.algorithm")
    stream = run([openssl.PROGRAM, "cms", "-encrypt", "-binary", "-stream", "-aes-128-gcm", "-outform", "DER",
                  "-recip", *alice, "-keyopt", "ecdh_kdf_md:sha256"], CONTENT)
    assert open_as("alice", stream) == (None, "cms.der")  # indefinite lengths are BER


@case
def openssl_verifies_what_we_signed():
    signed, rule = tool("sign", world().certificate["alice"], world().key["alice"], data=CONTENT)
    assert rule is None, rule
    assert openssl.verified(signed, world().anchor) == CONTENT
    at = signed.index(CONTENT)
    changed = signed[:at] + b"c" + signed[at + 1:]
    assert openssl.verified(changed, world().anchor) is None


@case
def openssl_finds_our_certificate_and_our_attributes_as_they_should_be():
    signed, _ = tool("sign", world().certificate["alice"], world().key["alice"], data=CONTENT)
    shown = run([openssl.PROGRAM, "cms", "-cmsout", "-print", "-noout", "-inform", "DER"], signed).decode()
    for word in ("contentType", "messageDigest", "signingTime", "id-smime-aa-signingCertificateV2",
                 "ecdsa-with-SHA256"):
        assert shown.count(word) >= 1, word
    # -cades makes OpenSSL check the signing certificate against the attribute.
    assert run([openssl.PROGRAM, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-CAfile", world().anchor,
                "-purpose", "any"], signed) == CONTENT


@case
def we_verify_what_openssl_signed():
    alice, key = world().certificate["alice"], world().key["alice"]
    for options in ((), ("-cades",), ("-keyid",), ("-cades", "-keyid")):
        signed = openssl.sign(CONTENT, alice, key, options=options)
        assert tool("verify", world().anchor, data=signed) == (CONTENT, None), options
    bare = openssl.sign(CONTENT, alice, key, options=("-nocerts",))
    assert tool("verify", world().anchor, data=bare) == (None, "signature.no-certificate")
    assert tool("verify", world().anchor, alice, data=bare) == (CONTENT, None)


@case
def signatures_of_openssl_that_the_profile_refuses_are_refused():
    alice, key = world().certificate["alice"], world().key["alice"]
    verify = lambda signed: tool("verify", world().anchor, data=signed)  # noqa: E731
    assert verify(openssl.sign(CONTENT, alice, key, digest="sha1")) == (None, "cms.algorithm")
    assert verify(openssl.sign(CONTENT, alice, key, options=("-noattr",))) == (None, "cms.structure")
    two = openssl.sign(CONTENT, alice, key,
                       options=("-signer", world().certificate["bob"], "-inkey", world().key["bob"]))
    assert verify(two) == (None, "signature.signers")
    bag = run([openssl.PROGRAM, "crl2pkcs7", "-nocrl", "-certfile", alice, "-outform", "DER"])
    assert verify(bag) == (None, "signature.absent")
    signed = openssl.sign(CONTENT, alice, key)
    changed = signed[:-1] + bytes([signed[-1] ^ 1])
    assert verify(changed) == (None, "signature.invalid")
    other = openssl.authority(f"{world().folder}/other")
    assert tool("verify", f"{other}/ca.pem", data=signed) == (None, "certificate.untrusted")


@case
def a_certificate_revoked_by_a_list_of_openssls_is_refused():
    w = world()
    config = w.file("crl.cnf", openssl.CA_CONFIG.format(folder=w.folder).encode())
    w.file("index.txt", b"")
    with_list = lambda: w.file("trust.pem", open(w.anchor, "rb").read() + run(  # noqa: E731
        [openssl.PROGRAM, "ca", "-config", config, "-cert", w.anchor, "-keyfile", f"{w.ca}/ca.key", "-gencrl",
         "-crldays", "1"]))
    signed = openssl.sign(CONTENT, w.certificate["alice"], w.key["alice"])
    assert tool("verify", with_list(), data=signed) == (CONTENT, None)
    run([openssl.PROGRAM, "ca", "-config", config, "-cert", w.anchor, "-keyfile", f"{w.ca}/ca.key",
         "-revoke", w.certificate["alice"]])
    assert tool("verify", with_list(), data=signed) == (None, "certificate.revoked")


# --- keys of other kinds ---

def encrypt(cipher, *named):
    """AuthEnvelopedData by `openssl cms` for certificates with the options of each."""
    words = [word for name, *options in named for word in ("-recip", world().certificate[name], *options)]
    return run([openssl.PROGRAM, "cms", "-encrypt", "-binary", f"-{cipher}", "-outform", "DER", *words], CONTENT)


@case
def openssl_opens_what_we_seal_to_readers_with_other_kinds_of_keys():
    for names in (("p384",), ("rsa",), ("alice", "p384", "rsa")):
        sealed, rule = tool("seal", *readers(*names), data=CONTENT)
        assert rule is None, rule
        for name in names:
            assert openssl.opened(sealed, world().certificate[name], world().key[name]) == CONTENT, (name, names)
            changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
            assert openssl.opened(changed, world().certificate[name], world().key[name]) is None


@case
def we_open_what_openssl_sealed_to_readers_with_other_kinds_of_keys():
    for digest in ("sha256", "sha384", "sha512"):
        for cipher in ("aes-128-gcm", "aes-256-gcm"):
            kdf = ("-keyopt", f"ecdh_kdf_md:{digest}")
            oaep = ("-keyopt", "rsa_padding_mode:oaep", "-keyopt", f"rsa_oaep_md:{digest}")
            sealed = encrypt(cipher, ("p384", *kdf), ("rsa", *oaep), ("alice", *kdf))
            for name in ("p384", "rsa", "alice"):
                assert open_as(name, sealed) == (CONTENT, None), (name, digest, cipher)
            assert tool("readers", data=sealed) == (b"3", None)
            changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
            assert open_as("rsa", changed) == (None, "cms.open")


@case
def key_transport_that_the_profile_refuses_is_refused_although_openssl_makes_it():
    assert open_as("rsa", encrypt("aes-128-gcm", ("rsa",))) == (None, "cms.algorithm")  # PKCS#1 v1.5
    sha1 = ("-keyopt", "rsa_padding_mode:oaep")
    assert open_as("rsa", encrypt("aes-128-gcm", ("rsa", *sha1))) == (None, "cms.algorithm")
    two = (*OAEP, "-keyopt", "rsa_mgf1_md:sha512")
    assert open_as("rsa", encrypt("aes-128-gcm", ("rsa", *two))) == (None, "cms.algorithm")
    label = (*OAEP, "-keyopt", "rsa_oaep_label:61")
    assert open_as("rsa", encrypt("aes-128-gcm", ("rsa", *label))) == (None, "cms.algorithm")
    assert open_as("rsa", encrypt("aes-128-gcm", ("rsa", *OAEP))) == (CONTENT, None)


@case
def openssl_verifies_what_we_signed_with_other_kinds_of_keys():
    for name, algorithm in (("p384", "ecdsa-with-SHA384"), ("rsa", "rsassaPss")):
        signed, rule = tool("sign", world().certificate[name], world().key[name], data=CONTENT)
        assert rule is None, rule
        assert openssl.verified(signed, world().anchor) == CONTENT, name
        changed = signed[:-1] + bytes([signed[-1] ^ 1])
        assert openssl.verified(changed, world().anchor) is None, name
        shown = run([openssl.PROGRAM, "cms", "-cmsout", "-print", "-noout", "-inform", "DER"], signed).decode()
        assert algorithm in shown, shown


@case
def we_verify_what_openssl_signed_with_other_kinds_of_keys():
    verify = lambda signed: tool("verify", world().anchor, data=signed)  # noqa: E731
    for name in ("alice", "p384", "rsa"):
        for digest in ("sha256", "sha384", "sha512"):
            signed = openssl.sign(CONTENT, world().certificate[name], world().key[name], digest)
            assert verify(signed) == (CONTENT, None), (name, digest)
            assert verify(signed[:-1] + bytes([signed[-1] ^ 1])) == (None, "signature.invalid")
    rsa, key = world().certificate["rsa"], world().key["rsa"]
    for digest, salt in (("sha256", 32), ("sha384", 48), ("sha512", 64)):
        pss = ("-keyopt", "rsa_padding_mode:pss", "-keyopt", f"rsa_pss_saltlen:{salt}")
        assert verify(openssl.sign(CONTENT, rsa, key, digest, pss)) == (CONTENT, None), digest
    pss = ("-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:20")
    assert verify(openssl.sign(CONTENT, rsa, key, "sha256", pss)) == (None, "cms.algorithm")
    assert verify(openssl.sign(CONTENT, rsa, key, "sha1")) == (None, "cms.algorithm")


run_cases()
