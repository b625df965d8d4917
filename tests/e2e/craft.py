"""Makes sealed and signed MESSAGE requests by the letter of protocol.md 2, with OpenSSL and nothing of libsipseal.

A Draft that nobody touches makes a message that must pass. Each test of bad input changes one thing and leaves the rest
as it must be, so that what is refused is refused for that thing alone."""

import hashlib
import os
import time
from email.utils import formatdate

import openssl
from sip import request

CRLF = "\r\n"


class Party:
    """Who signs or reads: a certificate and its key, as files NAME.pem and NAME.key in a folder."""

    def __init__(self, folder, name):
        self.name = name
        self.certificate = os.path.join(folder, name + ".pem")
        self.key = os.path.join(folder, name + ".key")

    @property
    def hash(self):
        return hashlib.sha256(openssl.der(self.certificate)).hexdigest()


def date_of(seconds):
    return formatdate(seconds, usegmt=True)


def entity(content_type, body, headers=()):
    """A MIME entity: head, empty line, body."""
    lines = [f"Content-Type: {content_type}", "Content-Transfer-Encoding: binary", *headers]
    return (CRLF.join(lines) + CRLF + CRLF).encode() + body


def mixed(parts, boundary=None):
    """The bytes of a multipart/mixed body, and its media type."""
    boundary = boundary or os.urandom(16).hex()
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return body + b"--" + boundary.encode() + b"--\r\n", f'multipart/mixed;boundary="{boundary}"'


SEALED_TYPE = 'application/pkcs7-mime;smime-type=authEnveloped-data;name="smime.p7m"'
SIGNED_TYPE = 'application/pkcs7-mime;smime-type=signed-data;name="smime.p7m"'
ATTACHMENT = 'Content-Disposition: attachment;filename="smime.p7m";handling=required'


class Draft:
    """What a message is made of. Every step can be replaced; what is None is worked out when the message is made."""

    def __init__(self, signer, readers, sender="sip:alice@home.example", recipient="sip:bob@far.example",
                 middle="proxy1.home.example", text="a crafted message"):
        self.signer = signer
        self.readers = readers
        self.sender, self.recipient = sender, recipient
        self.text = text
        self.call_id = os.urandom(8).hex() + "@craft"
        self.cseq = 1
        self.from_tag = os.urandom(4).hex()
        self.cid = os.urandom(8).hex() + "@craft.example"
        self.date = date_of(time.time())
        self.labels = [self.label(middle)] if middle else []
        self.signed_labels = None      # None: the same
        self.frag_lines = None         # None: worked out
        self.sealed_for = None         # None: the hashes of the readers
        self.digest = "sha256"
        self.cipher, self.kdf = "aes-128-gcm", "sha256"
        self.content_type = "text/plain;charset=UTF-8"

    def label(self, host, cid=None, action="view verify"):
        return f'{host};cid="{cid or self.cid}";action="{action}"'

    # --- the steps, inside out ---

    def frag(self):
        lines = self.frag_lines
        if lines is None:
            lines = [f"From: <{self.sender}>;tag={self.from_tag}", f"To: <{self.recipient}>",
                     f"Call-ID: {self.call_id}", f"CSeq: {self.cseq} MESSAGE", f"Date: {self.date}"]
            labels = self.labels if self.signed_labels is None else self.signed_labels
            lines += [f"Proxy-Inspect-Body: {label}" for label in labels]
            if self.readers or self.sealed_for is not None:
                hashes = self.sealed_for if self.sealed_for is not None else [r.hash for r in self.readers]
                lines.append(f'Sealed-For: "{self.cid}";readers="{" ".join(hashes)}"')
        return (CRLF.join(lines) + CRLF).encode()

    def content(self):
        return entity(self.content_type, self.text.encode(), ["Content-Disposition: render"])

    def to_sign(self):
        body, kind = mixed([self.content(), entity("message/sipfrag", self.frag(),
                                                   ["Content-Disposition: aib;handling=optional"])])
        return f"Content-Type: {kind}{CRLF}{CRLF}".encode() + body

    def signed(self):
        """SignedData, DER."""
        return openssl.sign(self.to_sign(), self.signer.certificate, self.signer.key, self.digest, ["-cades"])

    def signed_entity(self):
        return entity(SIGNED_TYPE, self.signed(), [ATTACHMENT])

    def sealed(self):
        """The body: AuthEnvelopedData over the signed entity, DER; without readers SignedData."""
        if not self.readers:
            return self.signed()
        return openssl.seal(self.signed_entity(), [r.certificate for r in self.readers], self.cipher, self.kdf)

    def headers(self):
        return [("From", f"<{self.sender}>;tag={self.from_tag}"), ("To", f"<{self.recipient}>"),
                ("Call-ID", self.call_id), ("CSeq", f"{self.cseq} MESSAGE"), ("Date", self.date),
                *[("Proxy-Inspect-Body", label) for label in self.labels], *self.body_headers()]

    def body_headers(self):
        return [("MIME-Version", "1.0"), ("Content-ID", f"<{self.cid}>"),
                ("Content-Type", SEALED_TYPE if self.readers else SIGNED_TYPE),
                ("Content-Transfer-Encoding", "binary"), tuple(ATTACHMENT.split(": ", 1))]

    def message(self, body=None, headers=None):
        """The whole request. `body` and `headers` in place of what the draft says."""
        return request("MESSAGE", self.recipient, self.headers() if headers is None else headers,
                       self.sealed() if body is None else body)


def flip(data, index, bit=1):
    """The bytes with one bit of one byte changed."""
    changed = bytearray(data)
    changed[index] ^= bit
    return bytes(changed)
