"""Floods: whoever sends one waits for himself, the others are served, and what was refused can be read from counters
(protocol.md 8)."""
# timeout: 600

import os
import re
import signal
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
import sip  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from craft import Draft, Party  # noqa: E402
from rules import RULES  # noqa: E402
from sites import ALICE, ARCHIVE_RULE, AUDITOR, BOB, MALLORY, PROXY1, Daemon, Site  # noqa: E402

FLOODER, POLITE = "127.0.0.2", "127.0.0.3"  # both may register: each is a peer of its own
JOBS, WINDOW, FLOOD, POLITE_MESSAGES = 16, 4, 40, 8
POLITE_LIMIT = 20  # seconds for one message of the polite one, on a loaded machine


class World:
    def __init__(self):
        need(openssl.PROGRAM, "openssl")
        self.site = Site()
        self.alice, self.bob = self.site.home(ALICE).party, self.site.home(BOB).party
        self.mallory, self.proxy1 = self.site.home(MALLORY).party, self.site.home(PROXY1).party
        self.uas = sip.Server()
        self.site.at_end(self.uas.stop)
        self.daemon = Daemon(self.site, PROXY1, next_hop=self.uas.uri(), policy=[ARCHIVE_RULE], readers=[AUDITOR],
                             server={"vaults": 1},
                             limits={"jobs_per_vault": JOBS, "wait_seconds": 30, "examine_seconds": 30,
                                     "new_certificates": 1, "new_certificates_burst": 40}).start()

    def draft(self, signer=None, sender=ALICE):
        return Draft(signer or self.alice, [self.bob, self.proxy1], sender=f"sip:{sender}")

    def client(self, source):
        return sip.Client(self.daemon.address(), source=source)

    def counters(self):
        """{process: {group: {name: value}}}, as the processes log them on SIGUSR1."""
        mark = self.daemon.process.mark()
        os.kill(self.daemon.process.pid, signal.SIGUSR1)
        for process, group in (("net", "transport"), ("vault-1", "vault"), ("store", "store")):
            self.daemon.process.wait_for(rf"process={process} event=counters group={group} ", after=mark)
        # Rules follow the last of these, where any was broken; asked again, the first answers are whole.
        os.kill(self.daemon.process.pid, signal.SIGUSR1)
        for process, group in (("net", "transport"), ("vault-1", "vault"), ("store", "store")):
            self.daemon.process.wait_for(rf"process={process} event=counters group={group} ", after=mark, count=2)
        found = {}
        for process, group, rest in re.findall(r"process=(\S+) event=counters group=(\S+) (.*)",
                                               self.daemon.process.log()):
            values = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", rest)}
            found.setdefault(process, {})[group] = values
        return found


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def finish():
    for one in _world:
        one.site.stop()


def statuses(client, count):
    return [client.final().status for _ in range(count)]


@case
def while_one_client_floods_a_halted_vault_another_finds_room_and_all_of_its_messages_pass():
    w = world()
    flood = [w.draft(w.mallory, MALLORY).message() for _ in range(FLOOD)]
    polite = [w.draft().message() for _ in range(2)]
    vault = w.daemon.children()["vault-1"]
    os.kill(vault, signal.SIGSTOP)
    try:
        with w.client(FLOODER) as flooder, w.client(POLITE) as other:
            flooder.send(b"".join(flood))
            # Four are in the vault; of the room of the other twelve the line takes two thirds.
            accepted = WINDOW + (JOBS - WINDOW) * 2 // 3
            refused = statuses(flooder, FLOOD - accepted)
            assert set(refused) == {503}, refused
            other.send(b"".join(polite))
            # What net answers by itself, once it has read what stands before it.
            other.send(sip.request("OPTIONS", "sip:nobody@home.example", [
                ("From", "<sip:alice@home.example>;tag=o"), ("To", "<sip:nobody@home.example>"),
                ("Call-ID", "behind@test"), ("CSeq", "1 OPTIONS")]))
            assert other.final()["call-id"] == "behind@test"
            os.kill(vault, signal.SIGCONT)
            assert statuses(other, 2) == [200, 200], w.daemon.process.log()[-3000:]
            assert statuses(flooder, accepted) == [200] * accepted
    finally:
        os.kill(vault, signal.SIGCONT)
    counters = w.counters()
    assert counters["net"]["sip"]["lines_full"] == FLOOD - accepted, counters["net"]
    assert counters["net"]["rules"]["resource_overload"] == FLOOD - accepted, counters["net"]
    assert counters["vault-1"]["vault"]["opened"] == accepted + 2, counters["vault-1"]
    assert counters["vault-1"]["vault"]["verified"] == accepted + 2, counters["vault-1"]
    assert counters["store"]["store"]["records"] == accepted + 2, counters["store"]
    assert counters["store"]["store"]["batches"] > 0, counters["store"]


@case
def beside_a_client_that_sends_without_end_each_message_of_a_polite_one_passes_in_bounded_time():
    w = world()
    once = w.draft(w.mallory, MALLORY)
    body, stop, sent = once.sealed(), threading.Event(), []

    def flood():
        """The same body again and again: whatever becomes of it, a vault must open and verify it first."""
        with w.client(FLOODER) as client:
            reader = threading.Thread(target=drain, args=(client,))
            reader.start()
            while not stop.is_set():
                client.send(b"".join(once.message(body=body) for _ in range(16)))
                sent.append(16)
            client.socket.shutdown(2)
            reader.join()

    def drain(client):
        while client.socket.recv(65536):
            pass

    messages = [w.draft().message() for _ in range(POLITE_MESSAGES)]
    flooder = threading.Thread(target=flood)
    before = w.counters()["net"]["sip"]
    flooder.start()
    try:
        with w.client(POLITE) as client:
            for message in messages:
                answer = client.ask(message, POLITE_LIMIT)
                assert answer.status == 200, f"{answer.data!r}\n{w.daemon.process.log()[-2000:]}"
    finally:
        stop.set()
        flooder.join()
    after = w.counters()["net"]["sip"]
    assert after["lines_full"] > before["lines_full"], f"that was no flood: {sum(sent)} sent, {after}"


@case
def new_certificates_without_end_are_503_with_retry_after_and_a_known_signer_passes():
    w = world()
    folder = os.path.join(w.site.path, "more")
    with w.client(FLOODER) as client:
        assert client.ask(w.draft().message()).status == 200  # from now on Alice's certificate is known
        for number in range(40):
            openssl.issue(w.site.ca, folder, f"new{number}", f"URI:sip:{MALLORY}")
            draft = w.draft(Party(folder, f"new{number}"), MALLORY)
            answer = client.ask(draft.message())
            if answer.status != 200:
                break
        status, sentence = RULES["resource.certificates"]
        assert (answer.status, answer["retry-after"]) == (status, "5"), answer.data
        assert answer["warning"] == f'399 {PROXY1} "{sentence}"', answer.data
        assert number >= 5, f"refused after {number}"
        passed = client.ask(w.draft().message())
        assert passed.status == 200, passed.data
    with w.client(POLITE) as client:  # another peer has a share of its own
        openssl.issue(w.site.ca, folder, "other", f"URI:sip:{MALLORY}")
        assert client.ask(w.draft(Party(folder, "other"), MALLORY).message()).status == 200
    counters = w.counters()
    assert counters["vault-1"]["vault"]["over_budget"] >= 1, counters["vault-1"]
    assert counters["vault-1"]["rules"]["resource_certificates"] >= 1, counters["vault-1"]
    assert draft.call_id not in [w.uas.next()["call-id"] for _ in iter(w.uas.nothing, True)], "it was forwarded"


@case
def the_counters_are_logged_at_the_end_too_and_a_signal_to_all_ends_nobody():
    w = world()
    before = w.daemon.children()
    for pid in before.values():
        os.kill(pid, signal.SIGUSR1)
    w.counters()
    assert w.daemon.children() == before
    mark = w.daemon.process.mark()
    w.daemon.stop()
    for process, group in (("net", "sip"), ("vault-1", "vault"), ("store", "store")):
        w.daemon.process.wait_for(rf"process={process} event=counters group={group} ", after=mark, limit=1)


if __name__ == "__main__":
    run_cases(finish)
