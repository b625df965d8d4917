"""OpenSSL's command line: an implementation of X.509 and CMS that owes nothing to libsipseal. Tests make with it what
sipseal must open and verify, and what it must refuse."""

import os
import tempfile

from processes import run

PROGRAM = "/usr/bin/openssl"

CA_CONFIG = """[ca]
default_ca = one
[one]
new_certs_dir = {folder}
database = {folder}/index.txt
serial = {folder}/serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = optional
"""


def _file(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def authority(folder, name="Other CA"):
    """A certificate authority of its own: folder/ca.key, folder/ca.pem."""
    os.makedirs(folder, exist_ok=True)
    run([PROGRAM, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem", "-subj", f"/CN={name}",
         "-addext", "keyUsage=critical,keyCertSign,cRLSign"])
    return folder


def issue(ca, out, name, names, start="", end="", usage="digitalSignature,keyAgreement", purpose="emailProtection",
          key=("ec", "ec_paramgen_curve:P-256")):
    """Issues out/NAME.key and out/NAME.pem by the authority in folder `ca`. `names` is a subjectAltName as OpenSSL
    writes it ("URI:sip:a@b.example"); `start` and `end` are times such as 20200101000000Z; `key` is an algorithm and an
    option of it, if it has any."""
    os.makedirs(out, exist_ok=True)
    private, certificate = f"{out}/{name}.key", f"{out}/{name}.pem"
    with tempfile.TemporaryDirectory() as folder:
        config = _file(folder, "ca.cnf", CA_CONFIG.format(folder=folder))
        _file(folder, "index.txt", "")
        _file(folder, "serial", os.urandom(8).hex().replace("0", "1", 1) + "\n")
        extensions = _file(folder, "ext.cnf", f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,{usage}\n"
                           + (f"extendedKeyUsage={purpose}\n" if purpose else "")
                           + "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
                           + (f"subjectAltName={names}\n" if names else ""))
        run([PROGRAM, "req", "-new", "-newkey", key[0], *(["-pkeyopt", key[1]] if key[1:] else []), "-nodes",
             "-keyout", private, "-out", f"{folder}/req", "-subj", f"/CN={name[:60]}"])
        os.chmod(private, 0o600)
        dates = (["-startdate", start] if start else []) + (["-enddate", end] if end else ["-days", "30"])
        run([PROGRAM, "ca", "-batch", "-config", config, "-cert", f"{ca}/ca.pem", "-keyfile", f"{ca}/ca.key",
             "-in", f"{folder}/req", "-out", certificate, "-extfile", extensions, "-notext", *dates])
    return certificate


def issue_x25519(ca, out, name, names):
    """The same for a key that cannot sign its own request: another key's request, and this one's certificate."""
    private, certificate = f"{out}/{name}.key", f"{out}/{name}.pem"
    run([PROGRAM, "genpkey", "-algorithm", "x25519", "-out", private])
    with tempfile.TemporaryDirectory() as folder:
        extensions = _file(folder, "ext.cnf", "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyAgreement\n"
                           f"extendedKeyUsage=emailProtection\nsubjectKeyIdentifier=hash\nsubjectAltName={names}\n")
        run([PROGRAM, "pkey", "-in", private, "-pubout", "-out", f"{folder}/public"])
        run([PROGRAM, "req", "-new", "-newkey", "ed25519", "-nodes", "-keyout", f"{folder}/key",
             "-out", f"{folder}/req", "-subj", f"/CN={name[:60]}"])
        run([PROGRAM, "x509", "-req", "-in", f"{folder}/req", "-force_pubkey", f"{folder}/public", "-CA",
             f"{ca}/ca.pem", "-CAkey", f"{ca}/ca.key", "-set_serial", f"0x7{os.urandom(8).hex()}", "-days", "30",
             "-sha256", "-extfile", extensions, "-out", certificate])
    return certificate


def der(certificate):
    return run([PROGRAM, "x509", "-in", certificate, "-outform", "DER"])


def serial(certificate):
    """The serial number, without leading zeros."""
    told = run([PROGRAM, "x509", "-in", certificate, "-noout", "-serial"]).decode()
    return bytes.fromhex(told.strip().split("=")[1])


def sign(content, certificate, key, digest="sha256", options=()):
    """SignedData with the content in it, DER."""
    return run([PROGRAM, "cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-md", digest, "-outform", "DER",
                "-signer", certificate, "-inkey", key, *options], content)


def seal(content, readers, cipher="aes-128-gcm", kdf="sha256"):
    """AuthEnvelopedData (or EnvelopedData, by the cipher) for certificates that hold keys for ECDH, DER."""
    named = [word for reader in readers for word in ("-recip", reader, "-keyopt", f"ecdh_kdf_md:{kdf}")]
    return run([PROGRAM, "cms", "-encrypt", "-binary", f"-{cipher}", "-outform", "DER", *named], content)


def attempt(body, certificate, key):
    """What `openssl cms -decrypt` gets out of a body, or None when it cannot; and its words. The certificate is given
    so that only the entry for it is tried."""
    result = run([PROGRAM, "cms", "-decrypt", "-binary", "-inform", "DER", "-recip", certificate, "-inkey", key],
                 body, status=None)
    return result.stdout if result.returncode == 0 else None, result.stderr.decode()


def opened(body, certificate, key):
    """What `openssl cms -decrypt` gets out of a body; None when it cannot."""
    return attempt(body, certificate, key)[0]


def verified(body, anchors):
    """The content of a SignedData whose signature and chain `openssl cms -verify` accepts; None when it does not."""
    result = run([PROGRAM, "cms", "-verify", "-binary", "-inform", "DER", "-CAfile", anchors, "-purpose", "any"],
                 body, status=None)
    return result.stdout if result.returncode == 0 else None


def verified_mime(entity, anchors):
    """What `openssl cms -verify` accepts of a multipart/signed with its head, as a reader of mail does; None when it does
    not."""
    result = run([PROGRAM, "cms", "-verify", "-inform", "SMIME", "-CAfile", anchors, "-purpose", "any"], entity,
                 status=None)
    return result.stdout if result.returncode == 0 else None
