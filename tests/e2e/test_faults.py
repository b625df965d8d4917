"""Processes that die and disks that are full: nothing is forwarded unchecked, nothing that was delivered is lost, and
what comes next passes (docs/architecture.md)."""
# timeout: 600

import json
import os
import resource
import shutil
import signal
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
import sip  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from craft import Draft  # noqa: E402
from processes import until  # noqa: E402
from rules import RULES  # noqa: E402
from sites import ALICE, ARCHIVE_RULE, AUDITOR, BOB, PROXY1, Daemon, Site  # noqa: E402

MESSAGES_AT_A_TIME, ROUNDS, KILLS = 4, 12, 3


class World:
    def __init__(self):
        need(openssl.PROGRAM, "openssl")
        self.site = Site()
        self.alice, self.bob = self.site.home(ALICE).party, self.site.home(BOB).party
        self.proxy1 = self.site.home(PROXY1).party
        self.uas = sip.Server()
        self.site.at_end(self.uas.stop)
        self.daemon = Daemon(self.site, PROXY1, next_hop=self.uas.uri(), policy=[ARCHIVE_RULE], readers=[AUDITOR],
                             server={"vaults": 1}).start()

    def draft(self):
        return Draft(self.alice, [self.bob, self.proxy1])

    def passes(self, data=None):
        answer = sip.ask(self.daemon.address(), data or self.draft().message())
        assert answer and answer.status == 200, f"{answer and answer.data!r}\n{self.daemon.process.log()}"
        self.uas.next()

    def refused(self, rule, data=None):
        answer = sip.ask(self.daemon.address(), data or self.draft().message())
        assert answer, "the connection was closed"
        assert (answer.status, RULES[rule][1] in answer["warning"]) == (RULES[rule][0], True), answer.data
        assert self.uas.nothing(), "it was forwarded"

    def child(self, name):
        """The process of that name, once it is there."""
        return until(lambda: next((pid for child, pid in self.daemon.children().items() if child.startswith(name)), 0),
                     f"{name} runs")

    def archived(self):
        """{Call-ID: record} of the archive."""
        listed = self.site.home(AUDITOR).sipseal("archive", "list", "--json", "--archive", self.daemon.archive)
        records = [json.loads(line) for line in listed.splitlines()]
        return {record["call_id"]: record for record in records}


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def finish():
    for one in _world:
        one.site.stop()


@case
def a_job_in_a_vault_that_dies_is_500_is_not_tried_again_and_the_next_message_passes():
    w = world()
    w.passes()
    vault = w.child("vault")
    mark = w.daemon.process.mark()
    os.kill(vault, signal.SIGSTOP)
    with sip.Client(w.daemon.address()) as client:
        client.send(w.draft().message())
        # What net answers by itself, after it has handed the first message to the vault.
        client.send(sip.request("OPTIONS", "sip:nobody@home.example", [
            ("From", "<sip:alice@home.example>;tag=o"), ("To", "<sip:nobody@home.example>"), ("Call-ID", "behind@test"),
            ("CSeq", "1 OPTIONS")]))
        assert client.final()["call-id"] == "behind@test"
        os.kill(vault, signal.SIGKILL)
        answer = client.final()
    assert answer.status == 500 and RULES["resource.vault"][1] in answer["warning"], answer.data
    w.daemon.process.wait_for(r"rule=resource\.vault", after=mark)
    assert w.uas.nothing(), "it was forwarded unchecked"
    until(lambda: w.child("vault") != vault, "a new vault runs")
    w.passes()
    lines = [line for line in w.daemon.process.log().splitlines() if answer["call-id"] in line]
    lost = [line for line in lines if "event=job-lost" in line]
    # Counted once, named by a digest of its body, and not tried again.
    assert len(lost) == 1 and "body=" in lost[0] and "event=answered" not in "".join(lines), "\n".join(lines)


@case
def a_store_that_is_killed_again_and_again_loses_nothing_that_was_delivered():
    w = world()
    messages = [[w.draft() for _ in range(ROUNDS)] for _ in range(MESSAGES_AT_A_TIME)]
    answers = {}
    mark = w.daemon.process.mark()

    def send(drafts):
        for draft in drafts:
            answer = sip.ask(w.daemon.address(), draft.message())
            answers[draft.call_id] = answer.status if answer else 0

    senders = [threading.Thread(target=send, args=(drafts,)) for drafts in messages]
    for sender in senders:
        sender.start()
    for number in range(KILLS):
        until(lambda number=number: len(answers) > number * 8, "messages are on their way")
        store = w.child("store")
        os.kill(store, signal.SIGKILL)
        until(lambda store=store: w.child("store") != store, "a new store runs")
    for sender in senders:
        sender.join()
    w.daemon.process.wait_for(r"process=store", after=mark)
    arrived = set()
    while not w.uas.nothing():
        arrived.add(w.uas.next()["call-id"])
    accepted = {call_id for call_id, status in answers.items() if status == 200}
    assert accepted and accepted <= arrived, "200 for what was not delivered"
    assert set(answers.values()) <= {200, 500}, answers
    lost = arrived - set(w.archived())
    assert not lost, f"delivered, and not in the archive: {lost}"
    assert arrived == accepted, "delivered, and answered with something else"
    w.passes()


@case
def while_the_archive_cannot_be_opened_messages_are_500_and_afterwards_they_pass():
    w = world()
    away = w.daemon.archive + ".away"
    store = w.child("store")
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(w.daemon.archive + suffix):
            shutil.move(w.daemon.archive + suffix, away + suffix)
    os.mkdir(w.daemon.archive)
    os.kill(store, signal.SIGKILL)
    try:
        for _ in range(2):
            w.refused("resource.store")
    finally:
        os.rmdir(w.daemon.archive)
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(away + suffix):
                shutil.move(away + suffix, w.daemon.archive + suffix)

    def recovered():
        answer = sip.ask(w.daemon.address(), w.draft().message())
        return answer and answer.status == 200
    until(recovered, "messages pass again")
    while not w.uas.nothing():
        w.uas.next()


@case
def what_the_disk_has_no_room_for_is_500_and_is_not_delivered():
    w = world()
    w.passes()
    before = w.archived()
    store = w.child("store")
    limit = resource.prlimit(store, resource.RLIMIT_FSIZE)
    # No file may grow: what a full disk does to a database, without a full disk.
    resource.prlimit(store, resource.RLIMIT_FSIZE, (0, limit[1]))
    mark = w.daemon.process.mark()
    w.refused("resource.store")
    w.daemon.process.wait_for(r"rule=resource\.store", after=mark)
    store = w.child("store")
    resource.prlimit(store, resource.RLIMIT_FSIZE, limit)

    def recovered():
        answer = sip.ask(w.daemon.address(), w.draft().message())
        return answer and answer.status == 200
    until(recovered, "messages pass again")
    while not w.uas.nothing():
        w.uas.next()
    assert set(before) <= set(w.archived()), "records are gone"


@case
def the_daemon_ends_in_order_on_sigterm_with_every_process():
    w = world()
    below = list(w.daemon.children().values())
    assert len(below) >= 3, below
    w.daemon.process.process.send_signal(signal.SIGTERM)
    assert w.daemon.process.wait() == 0, w.daemon.process.log()
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in below), "every process has ended")


if __name__ == "__main__":
    run_cases(finish)
