"""The recipient's side of bad input (protocol.md 2.1 to 2.3, 4): what must not be believed is refused and not
shown, what proves nothing is shown as proving nothing.

As in test_bad_input.py, each case changes one thing in a message that OpenSSL made by the letter."""
# timeout: 300

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
import sip  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from craft import ATTACHMENT, SEALED_TYPE, Draft, Party, date_of, entity, flip, mixed  # noqa: E402
from rules import RULES  # noqa: E402
from sites import ALICE, BOB, MALLORY, PROXY1, Site  # noqa: E402

CANARY = "canary" + os.urandom(8).hex()


class World:
    """`sipseal listen` as Bob, and those who write to him."""

    def __init__(self):
        need(openssl.PROGRAM, "openssl")
        self.site = Site()
        self.alice, self.mallory = self.site.home(ALICE).party, self.site.home(MALLORY).party
        self.bob, self.proxy1 = self.site.home(BOB).party, self.site.home(PROXY1).party
        self.other_ca = openssl.authority(os.path.join(self.site.path, "other-ca"))
        self.more = os.path.join(self.site.path, "more")
        self.revoked = self.signer("revoked")
        self.site.home(BOB).revoke(self.revoked.certificate)
        self.ua = self.site.home(BOB).listen("--json")

    def signer(self, name, ca=None, **options):
        """A certificate that names Alice, and differs in something from hers."""
        openssl.issue(ca or self.site.ca, self.more, name, f"URI:sip:{ALICE}", **options)
        return Party(self.more, name)

    def draft(self, signer=None, readers=None, kind=Draft, **options):
        readers = [self.bob, self.proxy1] if readers is None else readers
        return kind(signer or self.alice, readers, text=CANARY, **options)

    def shown(self, data):
        """It is delivered; gives its report."""
        answer = sip.ask(self.ua.address, data)
        assert answer and answer.status == 200, f"{answer and answer.data!r}\n{self.ua.process.log()}"
        report = self.ua.report_of(sip.Message(data)["call-id"])
        assert report["event"] == "message", report
        return report

    def refused(self, data, rule):
        """It is refused by that rule, and nothing of it is shown."""
        answer = sip.ask(self.ua.address, data)
        told = f"{answer and answer.data!r}\n{self.ua.process.log()[-3000:]}"
        assert answer and answer.status == RULES[rule][0], f"{rule}: {told}"
        report = self.ua.report_of(sip.Message(data)["call-id"])
        assert (report["event"], report["rule"]) == ("refused", rule), f"{rule}: {told}"
        assert CANARY not in str(report)


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def finish():
    for one in _world:
        one.site.stop()


@case
def a_message_that_openssl_made_by_the_letter_is_shown_as_proven():
    w = world()
    part = w.shown(w.draft().message())["parts"][0]
    assert (part["proven"], part["identity"], part["text"]) == ("user", f"sip:{ALICE}", CANARY), part


@case
def what_cannot_be_opened_is_493_whatever_the_reason():
    w = world()
    w.refused(w.draft(readers=[w.proxy1]).message(), "recipient.undecipherable")
    for index in (-1, -100):  # the tag, the ciphertext
        draft = w.draft()
        w.refused(draft.message(flip(draft.sealed(), index)), "recipient.undecipherable")


@case
def broken_der_refused_algorithms_and_broken_mime_have_their_responses():
    w = world()
    draft = w.draft()
    w.refused(draft.message(draft.sealed()[:-20]), "cms.der")
    draft = w.draft()
    draft.cipher = "des3"
    w.refused(draft.message(), "cms.type")
    draft = w.draft()
    draft.digest = "sha1"
    w.refused(draft.message(), "cms.algorithm")
    draft = w.draft()
    part = entity(SEALED_TYPE, draft.sealed(), [ATTACHMENT, f"Content-ID: <{draft.cid}>"])
    body, kind = mixed([part, part])
    headers = [h for h in draft.headers() if h[0] not in ("Content-Type", "Content-Disposition", "Content-ID")]
    w.refused(draft.message(body, headers + [("Content-Type", kind)]), "mime.content-id-twice")


@case
def a_signature_that_does_not_hold_is_403():
    w = world()

    class Altered(Draft):
        def signed(self):
            return flip(super().signed(), -1)

    w.refused(w.draft(kind=Altered).message(), "signature.invalid")
    w.refused(w.draft(w.mallory).message(), "signature.identity")
    w.refused(w.draft(w.signer("untrusted", w.other_ca)).message(), "certificate.untrusted")
    expired = w.signer("expired", start="20200101000000Z", end="20210101000000Z")
    w.refused(w.draft(expired).message(), "certificate.expired")
    w.refused(w.draft(w.revoked).message(), "certificate.revoked")


@case
def a_signature_for_another_message_or_other_readers_or_another_time_is_403():
    w = world()
    first, second = w.draft(), w.draft()
    second.cid, second.labels = first.cid, first.labels
    w.refused(second.message(first.sealed()), "signature.context")
    draft = w.draft(readers=[w.mallory, w.proxy1])
    w.refused(draft.message(openssl.seal(draft.signed_entity(), [w.bob.certificate, w.proxy1.certificate])),
              "signature.sealed-for")
    draft = w.draft()
    draft.date = date_of(time.time() - 660)
    w.refused(draft.message(), "signature.date")


@case
def what_is_sealed_and_not_signed_is_shown_as_proving_nothing():
    w = world()

    class Unsigned(Draft):
        def signed_entity(self):
            return self.content()

    part = w.shown(w.draft(kind=Unsigned).message())["parts"][0]
    assert (part["proven"], part["identity"], part["rule"]) == ("none", None, "signature.absent"), part


@case
def a_label_that_the_sender_did_not_sign_is_told():
    w = world()
    draft = w.draft()
    draft.signed_labels = []
    assert w.shown(draft.message())["labels_differ"]
    assert not w.shown(w.draft().message())["labels_differ"]


@case
def a_part_for_others_that_is_optional_is_passed_over_and_one_that_is_required_is_493():
    w = world()
    for handling, passes in (("optional", True), ("required", False)):
        draft = w.draft(readers=[w.proxy1])
        closed = entity(SEALED_TYPE, draft.sealed(), [ATTACHMENT.replace("required", handling),
                                                      f"Content-ID: <{draft.cid}>"])
        body, kind = mixed([entity("text/plain", b"in the clear"), closed])
        headers = [h for h in draft.headers() if h[0] not in ("Content-Type", "Content-Disposition", "Content-ID")]
        data = draft.message(body, headers + [("Content-Type", kind)])
        if passes:
            parts = w.shown(data)["parts"]
            assert [part.get("text") for part in parts] == ["in the clear", None], parts
        else:
            w.refused(data, "recipient.undecipherable")


if __name__ == "__main__":
    run_cases(finish)
