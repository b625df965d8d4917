"""What an attacker who reads the memory of net would find: neither private keys nor archived plaintext.

Needs root: the processes let nobody else of the same user look into them (docs/architecture.md)."""
# timeout: 300

import os
import pwd
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
import sip  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from craft import Draft  # noqa: E402
from processes import run  # noqa: E402
from sites import ALICE, ARCHIVE_RULE, AUDITOR, BOB, PROXY1, Daemon, Site  # noqa: E402

CANARY = "canary" + os.urandom(8).hex()
USER = "nobody"
SHADOW = 1 << 36  # a mapping this large is a sanitizer's own book-keeping, terabytes without data of the program


def memory_holds(pid, *needles):
    """Which of the needles stand somewhere in the memory of a process."""
    found = set()
    with open(f"/proc/{pid}/maps", encoding="ascii") as f:
        ranges = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) r\S+ ", f.read(), re.M)
    overlap = max(map(len, needles)) - 1
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in ((int(a, 16), int(b, 16)) for a, b in ranges):
            if end - start > SHADOW:
                continue
            position, tail = start, b""
            while position < end:
                try:
                    memory.seek(position)
                    block = memory.read(min(end - position, 1 << 24))
                except (OSError, ValueError):
                    break  # not every mapping can be read
                if not block:
                    break
                found |= {needle for needle in needles if needle in tail + block}
                tail = block[-overlap:]
                position += len(block)
    return found


def scalar(key):
    """The private number of a P-256 key, as files and as OpenSSL's numbers in memory have it."""
    text = run([openssl.PROGRAM, "pkey", "-in", key, "-noout", "-text"]).decode()
    digits = re.search(r"priv:\n((?:\s+[0-9a-f:]+\n)+)", text)[1]
    number = bytes.fromhex(re.sub(r"[\s:]", "", digits))[-32:]
    return number, number[::-1]


class World:
    def __init__(self):
        need(openssl.PROGRAM, "openssl")
        self.site = Site()
        self.uas = sip.Server()
        self.site.at_end(self.uas.stop)
        self.daemon = Daemon(self.site, PROXY1, next_hop=self.uas.uri(), policy=[ARCHIVE_RULE], readers=[AUDITOR],
                             server={"vaults": 1, "user": USER})
        user = pwd.getpwnam(USER)
        os.chown(self.daemon.path, user.pw_uid, user.pw_gid)
        for folder in (self.site.path, os.path.dirname(self.site.path)):
            os.chmod(folder, 0o711)
        self.daemon.start()
        draft = Draft(self.site.home(ALICE).party, [self.site.home(BOB).party, self.site.home(PROXY1).party],
                      text=CANARY)
        self.call_id = draft.call_id
        with sip.Client(self.daemon.address()) as client:
            answer = client.ask(draft.message())
            assert answer.status == 200, answer.data
        self.children = self.daemon.children()


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def finish():
    for one in _world:
        one.site.stop()


def child(name):
    return next(pid for process, pid in world().children.items() if process.startswith(name))


@case
def started_as_root_no_process_that_talks_to_strangers_stays_root():
    user = pwd.getpwnam(USER).pw_uid
    for name in ("net", "vault", "store"):
        with open(f"/proc/{child(name)}/status", encoding="ascii") as f:
            uids = re.search(r"^Uid:\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)", f.read(), re.M).groups()
        assert set(map(int, uids)) == {user}, f"{name} runs as {uids}"


@case
def the_private_key_is_in_the_memory_of_the_vault_and_not_of_net_or_store():
    key = scalar(world().site.home(PROXY1).party.key)
    assert memory_holds(child("vault"), *key), "the search does not find the key where it must be"
    assert not memory_holds(child("net"), *key), "net holds the private key"
    assert not memory_holds(child("store"), *key), "the store holds the private key"


@case
def what_was_archived_is_not_in_the_memory_of_net_or_store():
    w = world()
    call_id = w.call_id.encode()
    assert memory_holds(child("net"), call_id), "the search does not find what net must hold"
    assert not memory_holds(child("net"), CANARY.encode()), "net holds what was sealed"
    assert not memory_holds(child("store"), CANARY.encode()), "the store holds what was sealed"
    shown = w.site.home(AUDITOR).sipseal("archive", "show", "--archive", w.daemon.archive, "--as", AUDITOR, "1")
    assert CANARY.encode() in shown, "it was not archived"


if __name__ == "__main__":
    run_cases(finish)
