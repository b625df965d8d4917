"""What arrives broken, forged, cut out, sealed again or late is refused: with the response and the Warning of its
rule, a log line that names the rule, and nothing delivered, archived in the clear or told in a log (protocol.md 2.1 to
2.4, 4, 5).

Each case changes one thing in a message that passes otherwise (the first case), made by OpenSSL and not by sipseal."""
# timeout: 600

import os
import stat
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
import sip  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from craft import (ATTACHMENT, Draft, Party, SEALED_TYPE, date_of, entity, flip, mixed)  # noqa: E402
from sites import ALICE, ARCHIVE_RULE, AUDITOR, BOB, MALLORY, PROXY1, Daemon, Site, refused  # noqa: E402

CANARY = "canary" + os.urandom(8).hex()


class World:
    """One sipseald that reads what Alice sends; behind it a server that stands for Bob and keeps what arrives."""

    def __init__(self):
        need(openssl.PROGRAM, "openssl")
        self.site = Site()
        self.alice, self.bob = self.site.home(ALICE).party, self.site.home(BOB).party
        self.mallory, self.proxy1 = self.site.home(MALLORY).party, self.site.home(PROXY1).party
        self.other_ca = openssl.authority(os.path.join(self.site.path, "other-ca"))
        self.more = os.path.join(self.site.path, "more")
        self.revoked = self.signer("revoked")
        self.site.home(PROXY1).revoke(self.revoked.certificate)
        self.uas = sip.Server()
        self.site.at_end(self.uas.stop)
        self.daemon = Daemon(self.site, PROXY1, next_hop=self.uas.uri(), policy=[ARCHIVE_RULE],
                             readers=[AUDITOR]).start()

    def signer(self, name, ca=None, names=f"URI:sip:{ALICE}", **options):
        """A certificate that names Alice, and differs in something from hers."""
        openssl.issue(ca or self.site.ca, self.more, name, names, **options)
        return Party(self.more, name)

    def draft(self, signer=None, readers=None, **options):
        readers = [self.bob, self.proxy1] if readers is None else readers
        return Draft(signer or self.alice, readers, text=CANARY, **options)

    def ask(self, data):
        return sip.ask(self.daemon.address(), data)

    def passes(self, data):
        answer = self.ask(data)
        assert answer is not None and answer.status == 200, f"{answer and answer.data!r}\n{self.daemon.process.log()}"
        sent, arrived = sip.Message(data), self.uas.next()
        assert (arrived.body, arrived["call-id"]) == (sent.body, sent["call-id"])

    def refused(self, data, rule, call_id=None):
        """It is refused by that rule, and nothing arrives at the server."""
        answer = refused(self.daemon, data, rule, call_id)
        assert not self.arrived(call_id or sip.Message(data)["call-id"]), "it was forwarded"
        return answer

    def arrived(self, call_id):
        """Whether a message with this Call-ID has arrived at the server so far."""
        found = False
        while not self.uas.nothing():
            found = self.uas.next()["call-id"] == call_id or found
        return found


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def finish():
    for one in _world:
        one.site.stop()


@case
def a_message_that_openssl_made_by_the_letter_passes():
    w = world()
    w.passes(w.draft().message())


# --- SIP and MIME ---

@case
def a_request_without_call_id_cannot_be_answered_and_is_dropped_with_a_log_line():
    w = world()
    draft = w.draft()
    headers = [h for h in draft.headers() if h[0] != "Call-ID"]
    mark = w.daemon.process.mark()
    with sip.Client(w.daemon.address()) as client:
        client.send(draft.message(headers=headers))
        # The stream goes on: what is answered is the request behind it.
        behind = w.draft()
        assert client.ask(behind.message())["call-id"] == behind.call_id
    w.daemon.process.wait_for(r"event=dropped rule=sip\.header-missing", after=mark)
    assert w.uas.next()["call-id"] == behind.call_id and w.uas.nothing(), "it was forwarded"


@case
def a_request_with_two_cseq_is_400():
    w = world()
    draft = w.draft()
    w.refused(draft.message(headers=draft.headers() + [("CSeq", "2 MESSAGE")]), "sip.header-twice")


@case
def a_cseq_of_another_method_is_400():
    w = world()
    draft = w.draft()
    headers = [(name, "1 INVITE" if name == "CSeq" else value) for name, value in draft.headers()]
    w.refused(draft.message(headers=headers), "sip.cseq")


@case
def bytes_that_are_no_sip_are_dropped_with_a_log_line_and_the_next_message_passes():
    w = world()
    mark = w.daemon.process.mark()
    with sip.Client(w.daemon.address()) as client:
        client.send(b"\x00\xff nothing of this is SIP\r\nnor this\r\n\r\n")
        assert client.receive() is None, "the connection should be closed"
    with sip.Client(w.daemon.address("udp"), "udp") as client:
        client.send(b"\x16\x03\x01 neither is this\r\n\r\n")
    w.daemon.process.wait_for(r"rule=sip\.", after=mark, count=2)
    w.passes(w.draft().message())


@case
def multiparts_nested_past_the_limit_are_413():
    w = world()
    body, kind = mixed([entity("text/plain", b"x")])
    for _ in range(8):
        body, kind = mixed([f"Content-Type: {kind}\r\n\r\n".encode() + body])
    draft = w.draft(readers=[])
    headers = [h for h in draft.headers() if h[0] not in ("Content-Type", "Content-Disposition")]
    w.refused(draft.message(body, headers + [("Content-Type", kind)]), "mime.depth")


@case
def more_parts_than_the_limit_are_413():
    w = world()
    body, kind = mixed([entity("text/plain", b"x")] * 40)
    draft = w.draft(readers=[])
    headers = [h for h in draft.headers() if h[0] not in ("Content-Type", "Content-Disposition")]
    w.refused(draft.message(body, headers + [("Content-Type", kind)]), "mime.parts")


@case
def a_multipart_without_its_end_is_400():
    w = world()
    body, kind = mixed([entity("text/plain", b"x")])
    draft = w.draft(readers=[])
    headers = [h for h in draft.headers() if h[0] not in ("Content-Type", "Content-Disposition")]
    w.refused(draft.message(body[:-6], headers + [("Content-Type", kind)]), "mime.syntax")


@case
def two_parts_with_one_content_id_are_400():
    w = world()
    draft = w.draft()
    part = entity(SEALED_TYPE, draft.sealed(), [ATTACHMENT, f"Content-ID: <{draft.cid}>"])
    body, kind = mixed([part, part])
    headers = [h for h in draft.headers() if h[0] not in ("Content-Type", "Content-Disposition", "Content-ID")]
    w.refused(draft.message(body, headers + [("Content-Type", kind)]), "mime.content-id-twice")


@case
def a_content_encoding_on_a_sealed_body_is_415():
    w = world()
    draft = w.draft()
    w.refused(draft.message(headers=draft.headers() + [("Content-Encoding", "gzip")]), "mime.content-encoding")


# --- CMS ---

@case
def a_cms_object_that_is_cut_off_is_400():
    w = world()
    draft = w.draft()
    w.refused(draft.message(draft.sealed()[:-20]), "cms.der")


@case
def a_length_that_is_not_minimal_is_400():
    w = world()
    draft = w.draft()
    body = draft.sealed()
    assert body[:2] == b"\x30\x82"
    w.refused(draft.message(b"\x30\x83\x00" + body[2:]), "cms.der")


@case
def ber_of_indefinite_length_is_400():
    w = world()
    draft = w.draft()
    body = openssl.run([openssl.PROGRAM, "cms", "-encrypt", "-binary", "-stream", "-aes-128-gcm", "-outform", "DER",
                        "-recip", w.proxy1.certificate, "-keyopt", "ecdh_kdf_md:sha256"], draft.signed_entity())
    assert body[:2] == b"\x30\x80"
    w.refused(draft.message(body), "cms.der")


@case
def triple_des_is_415():
    w = world()
    draft = w.draft()
    draft.cipher = "des3"
    w.refused(draft.message(), "cms.type")


@case
def a_key_derivation_with_sha1_is_415():
    w = world()
    draft = w.draft()
    draft.kdf = "sha1"
    w.refused(draft.message(), "cms.algorithm")


@case
def a_signature_with_sha1_is_415():
    w = world()
    draft = w.draft()
    draft.digest = "sha1"
    w.refused(draft.message(), "cms.algorithm")


@case
def a_message_for_bob_alone_is_496_where_the_proxy_must_read():
    w = world()
    w.refused(w.draft(readers=[w.bob], middle=None).message(), "policy.view")


@case
def a_label_on_a_part_that_is_not_sealed_to_the_proxy_is_496():
    w = world()
    w.refused(w.draft(readers=[w.bob]).message(), "policy.view")


@case
def a_flipped_bit_in_the_ciphertext_is_496():
    w = world()
    draft = w.draft()
    body = draft.sealed()
    w.refused(draft.message(flip(body, len(body) - 100)), "policy.view")


@case
def a_flipped_bit_in_the_tag_is_496():
    w = world()
    draft = w.draft()
    w.refused(draft.message(flip(draft.sealed(), -1)), "policy.view")


@case
def a_flipped_bit_in_an_encrypted_key_is_496():
    w = world()
    draft = w.draft()
    body = draft.sealed()
    # The proxy's own encrypted key, an OCTET STRING, follows the serial number of its certificate.
    serial = openssl.serial(w.proxy1.certificate)
    index = body.index(serial) + len(serial)
    assert body[index:index + 2] == b"\x04\x18"
    w.refused(draft.message(flip(body, index + 10)), "policy.view")


# --- signatures ---

class Altered(Draft):
    """Seals a SignedData that is not the one which was signed."""

    change = staticmethod(lambda signed: signed)

    def signed(self):
        return self.change(super().signed())


@case
def a_flipped_bit_in_a_signature_is_403():
    w = world()
    draft = Altered(w.alice, [w.bob, w.proxy1], text=CANARY)
    draft.change = lambda signed: flip(signed, -1)
    w.refused(draft.message(), "signature.invalid")


@case
def a_changed_word_under_a_signature_is_403():
    w = world()
    draft = Altered(w.alice, [w.bob, w.proxy1], text=CANARY)
    draft.change = lambda signed: signed.replace(CANARY.encode(), CANARY.encode().replace(b"canary", b"Canary"))
    w.refused(draft.message(), "signature.invalid")


@case
def a_signature_by_somebody_else_in_the_senders_name_is_403():
    w = world()
    w.refused(w.draft(w.mallory).message(), "signature.identity")


@case
def a_signer_of_an_unknown_authority_is_403():
    w = world()
    w.refused(w.draft(w.signer("untrusted", w.other_ca)).message(), "certificate.untrusted")


@case
def a_signer_whose_certificate_has_expired_is_403():
    w = world()
    expired = w.signer("expired", start="20200101000000Z", end="20210101000000Z")
    w.refused(w.draft(expired).message(), "certificate.expired")


@case
def a_signer_whose_certificate_is_revoked_is_403():
    w = world()
    w.refused(w.draft(w.revoked).message(), "certificate.revoked")


@case
def a_signer_whose_certificate_is_for_servers_is_403():
    w = world()
    w.refused(w.draft(w.signer("server", purpose="serverAuth")).message(), "certificate.usage")


@case
def a_sealed_part_without_a_signature_is_495():
    w = world()

    class Unsigned(Draft):
        def signed_entity(self):
            return self.content()

    w.refused(Unsigned(w.alice, [w.bob, w.proxy1], text=CANARY).message(), "signature.absent")


@case
def a_signature_without_a_copy_of_the_headers_signs_no_label_and_is_495():
    w = world()

    class Bare(Draft):
        def to_sign(self):
            return self.content()

    w.refused(Bare(w.alice, [w.bob, w.proxy1], text=CANARY).message(), "label.unsigned")


@case
def a_signature_cut_from_another_message_is_403():
    w = world()
    first, second = w.draft(), w.draft()
    second.cid = first.cid
    second.labels = first.labels
    second.signed_entity = first.signed_entity
    w.refused(second.message(), "signature.context")


@case
def a_sealed_body_put_into_another_message_is_403():
    w = world()
    first, second = w.draft(), w.draft()
    second.cid, second.labels = first.cid, first.labels
    w.refused(second.message(first.sealed()), "signature.context")


@case
def content_that_a_reader_sealed_again_for_somebody_else_is_403():
    w = world()
    draft = w.draft(readers=[w.bob, w.mallory])  # Mallory may read it,
    body = openssl.seal(draft.signed_entity(), [w.bob.certificate, w.proxy1.certificate])  # and shows it to the proxy
    w.refused(draft.message(body), "signature.sealed-for")


@case
def a_reader_more_than_the_sender_named_is_403():
    w = world()
    draft = w.draft()
    body = openssl.seal(draft.signed_entity(), [r.certificate for r in (w.bob, w.proxy1, w.mallory)])
    w.refused(draft.message(body), "signature.sealed-for")


# --- labels ---

@case
def a_label_that_nobody_signed_is_495():
    w = world()
    draft = w.draft()
    draft.signed_labels = []
    w.refused(draft.message(), "label.unsigned")


@case
def a_label_that_was_removed_is_495():
    w = world()
    draft = w.draft()
    headers = [h for h in draft.headers() if h[0] != "Proxy-Inspect-Body"]
    w.refused(draft.message(headers=headers), "label.absent")


@case
def a_label_for_another_proxy_does_not_let_this_one_read():
    w = world()
    draft = w.draft(middle="proxy9.home.example")
    w.refused(draft.message(), "label.absent")


@case
def a_label_that_asks_for_something_else_than_the_signed_one_is_495():
    w = world()
    draft = w.draft()
    draft.signed_labels = [draft.label(PROXY1, action="verify")]
    w.refused(draft.message(), "label.unsigned")


@case
def a_label_that_is_not_well_formed_is_400():
    w = world()
    draft = w.draft()
    draft.labels = ["proxy1.home.example"]
    w.refused(draft.message(), "label.syntax")


# --- time ---

@case
def a_date_of_eleven_minutes_ago_is_403():
    w = world()
    draft = w.draft()
    draft.date = date_of(time.time() - 660)
    w.refused(draft.message(), "signature.date")


@case
def a_date_eleven_minutes_ahead_is_403():
    w = world()
    draft = w.draft()
    draft.date = date_of(time.time() + 660)
    w.refused(draft.message(), "signature.date")


@case
def a_message_that_was_delivered_is_403_when_it_comes_again():
    w = world()
    data = w.draft().message()
    w.passes(data)
    again = data.replace(b"branch=z9hG4bK", b"branch=z9hG4bKagain", 1)
    w.refused(again, "signature.replay")


@case
def a_replay_under_another_call_id_is_403():
    w = world()
    draft = w.draft()
    data = draft.message()
    w.passes(data)
    w.refused(data.replace(draft.call_id.encode(), b"another@craft"), "signature.context", "another@craft")


@case
def plain_text_is_495_where_policy_asks_for_protection():
    w = world()
    draft = w.draft(readers=[], middle=None)
    headers = [h for h in draft.headers()
               if h[0] not in ("Content-Type", "Content-Disposition", "Content-Transfer-Encoding")]
    w.refused(draft.message(CANARY.encode(), headers + [("Content-Type", "text/plain")]), "policy.plain")


# --- what must never be seen ---

@case
def no_plaintext_is_in_a_log_or_a_file_of_the_proxy_and_the_auditor_can_read_what_passed():
    w = world()
    w.passes(w.draft().message())
    assert CANARY not in w.daemon.process.log(), "the log tells what was sealed"
    for folder, _, files in os.walk(w.daemon.path):
        for file in files:
            if stat.S_ISSOCK(os.stat(os.path.join(folder, file)).st_mode):
                continue
            with open(os.path.join(folder, file), "rb") as f:
                assert CANARY.encode() not in f.read(), f"{file} holds what was sealed"
    # The search can find it: what passed is in the archive, for its reader.
    shown = w.site.home(AUDITOR).sipseal("archive", "show", "--archive", w.daemon.archive, "--as", AUDITOR, "1")
    assert CANARY.encode() in shown, shown


if __name__ == "__main__":
    run_cases(finish)
