"""BouncyCastle (Bouncy.java), compiled when it is first needed."""

import atexit
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "e2e")]
from cases import need  # noqa: E402
from processes import run  # noqa: E402

JARS = [f"/usr/share/java/{name}.jar" for name in ("bcprov", "bcpkix", "bcutil")]
_classes = []


def _ready():
    """The folder of the compiled class."""
    if not _classes:
        javac = need("javac", "default-jdk-headless")
        need("java", "default-jdk-headless")
        for jar in JARS:
            need(jar, f"lib{os.path.basename(jar)[:-4]}-java")
        folder = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, folder, True)
        run([javac, "-cp", ":".join(JARS), "-d", folder, os.path.join(HERE, "Bouncy.java")])
        _classes.append(folder)
    return _classes[0]


def _bouncy(words, data, status=0):
    # The serial collector and one compiler: a start that is quick, and small beside a sanitizer build
    return run(["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", ":".join([_ready()] + JARS), "Bouncy",
                *words], data, status=status)


def opened(body, certificate, key):
    """What BouncyCastle gets out of a body; None when it cannot."""
    result = _bouncy(["open", certificate, key], body, status=None)
    return result.stdout if result.returncode == 0 else None


def verified(body, anchor):
    """The content of a SignedData whose signature and chain it accepts; None when it does not."""
    result = _bouncy(["verify", anchor], body, status=None)
    return result.stdout if result.returncode == 0 else None


def verified_beside(signature, content, anchor):
    """Whether it accepts a SignedData over a content that stands beside it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        result = _bouncy(["verify", anchor, file.name], signature, status=None)
    return result.returncode == 0 and result.stdout == content


def seal(content, readers, cipher="AES128", digest="SHA-256", word="seal"):
    """`digest` is that of RSAES-OAEP. With "seal-x25519" as word, for readers with X25519, it is that of HKDF."""
    return _bouncy([word, cipher, digest, *readers], content)


def envelop(content, readers):
    """EnvelopedData, for legacy peers."""
    return _bouncy(["envelop", *readers], content)


def sign(content, certificate, key, algorithm="SHA256withECDSA"):
    """`algorithm` is Java's name."""
    return _bouncy(["sign", certificate, key, algorithm], content)
