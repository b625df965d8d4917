"""sipseald goes on with another configuration, while messages pass: all of it takes place or nothing, and nothing that is
under way is lost."""

import json
import os
import queue
import shutil
import signal
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import sip  # noqa: E402
from cases import case, run_cases  # noqa: E402
from craft import Draft, Party  # noqa: E402
from processes import children, until  # noqa: E402
from sites import ALICE, ARCHIVE_RULE, AUDITOR, BOB, PROXY1, Daemon, Site  # noqa: E402

WATCH_RULE = {**ARCHIVE_RULE, "mode": "monitor"}


class Running:
    """sipseald with a next hop that keeps what arrives, and the means to change its configuration."""

    def __init__(self, policy=(ARCHIVE_RULE,), **sections):
        self.site = Site()
        self.alice, self.bob, self.proxy1 = (self.site.home(name) for name in (ALICE, BOB, PROXY1))
        self.uas = sip.Server()
        self.site.at_end(self.uas.stop)
        self.daemon = Daemon(self.site, PROXY1, next_hop=self.uas.uri(), policy=policy,
                             readers=[AUDITOR] if policy else [], server={"vaults": 1}, **sections).start()
        self.process = self.daemon.process
        with open(self.daemon.file, encoding="utf-8") as f:
            self.configuration = json.load(f)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(self.process.log()[-6000:])
        self.site.stop()

    def write(self, text=None):
        with open(self.daemon.file, "w", encoding="utf-8") as f:
            f.write(text if text is not None else json.dumps(self.configuration))

    def change(self, section, **values):
        self.configuration[section] = {**self.configuration.get(section, {}), **values}
        return self

    def hang_up(self):
        mark = self.process.mark()
        self.process.process.send_signal(signal.SIGHUP)
        return mark

    def reload(self):
        """A reload that takes place: gives what changed."""
        self.write()
        mark = self.hang_up()
        return self.process.wait_for(r"process=parent event=(?:not-)?reloaded (?:changed=\"?([a-z ]*)|reason)", mark)[1]

    def refused(self, text=None):
        """A reload that does not: gives what it said."""
        self.write(text)
        mark = self.hang_up()
        self.process.wait_for(r"event=not-reloaded reason=", mark)
        return "\n".join(line for line in self.process.lines[mark:] if "event=" in line and "level=error" in line)

    def draft(self, reader=None, **more):
        return Draft(self.alice.party, [self.bob.party, reader or self.proxy1.party], **more)

    def ask(self, message=None, address=None):
        answer = sip.ask(address or self.daemon.address(), message or self.draft().message())
        assert answer is not None
        return answer.status

    def plain(self, to="bob@far.example", call=None):
        return sip.request("MESSAGE", f"sip:{to}", [
            ("From", f"<sip:{ALICE}>;tag=a"), ("To", f"<sip:{to}>"), ("Call-ID", call or os.urandom(8).hex()),
            ("CSeq", "1 MESSAGE"), ("Content-Type", "text/plain")], b"in the clear")

    def new_key(self, name):
        """Another certificate of the proxy, in files of another name."""
        folder = os.path.join(self.site.path, name)
        os.makedirs(folder)
        self.proxy1.sipseal("ca", "issue", "--ca", self.site.ca, "-o", folder, PROXY1)
        for end in ("pem", "key"):
            os.rename(os.path.join(folder, f"{PROXY1}.{end}"), os.path.join(folder, f"{name}.{end}"))
        return Party(folder, name)


class Stream:
    """Messages without end over one connection, four under way at a time; `next_message` gives them."""

    def __init__(self, running, next_message):
        self.client = sip.Client(running.daemon.address())
        self.answers = {}
        self.next_message = next_message
        self.stop = threading.Event()
        self.count = queue.Queue()
        self.error = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            sent, open_ = 0, 0
            while open_ or not self.stop.is_set():
                while open_ < 4 and not self.stop.is_set():
                    self.client.send(self.next_message())
                    sent, open_ = sent + 1, open_ + 1
                if open_:
                    answer = self.client.final()
                    assert answer is not None, "the connection was closed"
                    assert answer["call-id"] not in self.answers
                    self.answers[answer["call-id"]] = answer.status
                    open_ -= 1
                    self.count.put(answer.status)
            assert sent == len(self.answers)
        except Exception as error:  # noqa: BLE001: told by whoever waits for the end
            self.error = error
            self.count.put(None)

    def more(self, count):
        """Waits for so many further answers; gives their statuses."""
        while not self.count.empty():
            self.count.get()
        return [self.count.get(timeout=sip.LIMIT) for _ in range(count)]

    def end(self):
        self.stop.set()
        self.thread.join(sip.LIMIT)
        self.client.socket.close()
        assert not self.thread.is_alive()
        if self.error:
            raise self.error
        return self.answers


# --- what is refused ---

@case
def a_configuration_with_faults_changes_nothing_and_the_log_says_why():
    with Running() as r:
        before = r.daemon.children()
        good = json.dumps(r.configuration)
        folder = os.path.join(r.site.path, "faults")
        os.makedirs(folder)
        other = r.new_key("other")
        shutil.copy(r.proxy1.party.key, os.path.join(folder, "open.key"))
        os.chmod(os.path.join(folder, "open.key"), 0o644)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            in_use = f"udp://127.0.0.1:{taken.getsockname()[1]}"
            for section, values, why in [
                    ("keys", {"certificate": "nothing.pem"}, "keys.certificate: there is no file"),
                    ("keys", {"private_key": other.key}, "it is not the key of keys.certificate"),
                    ("keys", {"private_key": os.path.join(folder, "open.key")}, "others than its owner have rights"),
                    ("keys", {"former": [{"certificate": other.certificate, "private_key": r.proxy1.party.key}]},
                     "it is not the key of keys.former.certificate"),
                    ("archive", {"readers": [os.path.join(folder, "gone.pem")]}, "there is no file"),
                    ("archive", {"path": os.path.join(folder, "archive.db")}, "key=archive.path problem=\"it cannot"),
                    ("store", {"path": os.path.join(folder, "store.db")}, "key=store.path problem=\"it cannot change"),
                    ("server", {"user": "root"}, "key=server.user problem=\"it cannot change while"),
                    ("server", {"listen": r.configuration["server"]["listen"] + [in_use]}, "event=cannot-listen"),
                    ("limits", {"frobs": 1}, "frobs: is not a known key")]:
                r.configuration = json.loads(good)
                said = r.change(section, **values).refused()
                assert why in said, (why, said)
        said = r.refused("server: {names: [")
        assert "event=not-reloaded place=" in said and "sipseald.yaml:" in said, said
        os.unlink(r.daemon.file)
        assert "there is no file" in r.process.wait_for("event=not-reloaded place.*", r.hang_up())[0]
        assert r.daemon.children() == before
        assert r.ask() == 200 and r.uas.next()


@case
def a_vault_that_dies_after_a_failed_reload_comes_back_with_the_good_configuration():
    with Running() as r:
        r.change("keys", certificate="nothing.pem").refused()
        mark = r.process.mark()
        os.kill(r.daemon.children()["vault-1"], signal.SIGKILL)
        r.process.wait_for(r"process=vault-1 event=ready\b", mark)
        assert r.ask() == 200 and r.uas.next()


@case
def a_vault_that_cannot_start_leaves_the_old_ones_at_work():
    """The new ones are stopped before they are ready, as when they hang."""
    with Running() as r:
        old = r.daemon.children()["vault-1"]
        r.change("keys", window="5m").write()
        mark = r.hang_up()
        pid = int(r.process.wait_for(r"event=started child=vault-2 pid=(\d+)", mark)[1])
        os.kill(pid, signal.SIGKILL)
        said = r.process.wait_for(r"process=parent event=(?:reloaded|not-reloaded) (?:reason=.*|changed=.*)", mark)[0]
        if "not-reloaded" in said:  # it was killed in time
            assert "a new process ended before it was at work" in said, said
            assert r.daemon.children()["vault-1"] == old
        assert r.ask() == 200 and r.uas.next()


# --- what takes place ---

@case
def keys_change_under_a_stream_of_messages_and_none_is_lost():
    with Running() as r:
        new = r.new_key("renewed")
        readers = [r.proxy1.party, new]
        messages = queue.Queue(16)
        over = threading.Event()

        def make():
            for number in range(10000):
                message = r.draft(readers[number % len(readers)]).message()
                while not over.is_set():
                    try:
                        messages.put(message, timeout=0.2)
                        break
                    except queue.Full:
                        continue
                if over.is_set():
                    return

        readers = [r.proxy1.party]
        maker = threading.Thread(target=make)
        maker.start()
        try:
            stream = Stream(r, messages.get)
            assert set(stream.more(8)) == {200}
            old = r.daemon.children()["vault-1"]
            former = {"certificate": r.proxy1.party.certificate, "private_key": r.proxy1.party.key}
            r.change("keys", certificate=new.certificate, private_key=new.key, former=[former])
            assert r.reload() == "keys"
            readers.append(new)  # from now on both
            assert set(stream.more(24)) == {200}
            until(lambda: old not in r.daemon.children().values(), "the old vault ends")
            answers = stream.end()
        finally:
            over.set()
            maker.join()
        assert set(answers.values()) == {200}, answers
        arrived = {r.uas.next()["call-id"] for _ in answers}
        assert arrived == set(answers)
        assert "level=error" not in r.process.log(), r.process.log()

        # Without the former key, what is sealed to it is closed.
        del r.configuration["keys"]["former"]
        assert r.reload() == "keys"
        assert r.ask(r.draft(r.proxy1.party).message()) == 496
        assert r.ask(r.draft(new).message()) == 200 and r.uas.next()


@case
def a_rule_that_was_watched_is_enforced():
    with Running(policy=[WATCH_RULE]) as r, sip.Client(r.daemon.address()) as client:
        assert client.ask(r.plain()).status == 200
        r.configuration["policy"] = [ARCHIVE_RULE]
        assert r.reload() == "policy"
        assert client.ask(r.plain()).status not in (200, 500, 503)


@case
def legacy_algorithms_are_switched_on():
    with Running() as r:
        r.change("keys", legacy=["cbc"])
        assert r.reload() == "keys"


@case
def a_route_is_changed_and_the_processes_stay():
    with Running(policy=[]) as r, sip.Client(r.daemon.address()) as client:
        other = sip.Server()
        r.site.at_end(other.stop)
        before = r.daemon.children()
        r.configuration["routes"][1]["next"] = other.uri()
        assert r.reload() == "routes"
        assert client.ask(r.plain(call="to-the-other")).status == 200
        assert other.next()["call-id"] == "to-the-other"
        assert r.daemon.children() == before
        assert r.reload() == "nothing"


@case
def a_listener_is_added_and_another_goes_while_connections_last():
    with Running(policy=[]) as r, sip.Client(r.daemon.address()) as client:
        first = r.daemon.address()
        assert client.ask(r.plain()).status == 200
        listen = list(r.configuration["server"]["listen"])
        r.change("server", listen=listen + ["tcp://127.0.0.2:0"])
        mark = r.process.mark()
        assert r.reload() == "server"
        second = ("127.0.0.2", int(r.process.wait_for(r"event=listening .*address=127.0.0.2 port=(\d+)", mark)[1]))
        assert r.ask(r.plain(), second) == 200 and r.ask(r.plain(), first) == 200
        r.change("server", listen=[listen[0], "tcp://127.0.0.2:0"])  # without the first TCP listener
        assert r.reload() == "server"
        try:
            socket.create_connection(first, 5).close()
            raise AssertionError("it still accepts")
        except ConnectionRefusedError:
            pass
        answer = client.ask(r.plain())
        assert answer.status == 503 and answer["retry-after"] == "5", answer.data
        assert r.ask(r.plain(), second) == 200


@case
def what_a_connection_asked_before_is_answered_on_it_though_its_listener_goes():
    release = threading.Event()
    with Running(policy=[]) as r:
        slow = sip.Server(answer=lambda request: release.wait(sip.LIMIT) and (200, "OK"))
        r.site.at_end(slow.stop)
        r.configuration["routes"][1]["next"] = slow.uri()
        r.reload()
        with sip.Client(r.daemon.address()) as client:
            client.send(r.plain())
            assert slow.next()
            r.change("server", listen=["udp://127.0.0.1:0"])
            r.configuration["routes"][1]["next"] = "sip:127.0.0.1:9"
            assert r.reload() == "server routes"
            release.set()
            assert client.final().status == 200


@case
def a_revocation_list_that_comes_into_the_folder_of_trust_counts():
    with Running() as r:
        folder = os.path.join(r.site.path, "trust")
        os.makedirs(folder)
        shutil.copy(os.path.join(r.proxy1.keys, "trust.pem"), os.path.join(folder, "ca.pem"))
        r.change("keys", trust=folder)
        r.reload()
        assert r.ask() == 200
        r.proxy1.revoke(r.alice.party.certificate)
        shutil.copy(os.path.join(r.proxy1.keys, "trust.pem"), os.path.join(folder, "ca.pem"))
        assert r.ask() == 200
        assert r.reload() == "keys"
        assert r.ask() not in (200, 500, 503)


@case
def users_stay_registered():
    with Running(policy=[]) as r:
        bob = r.site.home("carol@home.example").listen("--json", "--register", r.daemon.uri())
        r.change("limits", bindings=5, bindings_per_user=2, transactions=50, drain_seconds=3)
        assert r.reload() == "limits"
        assert r.ask(r.plain("carol@home.example")) in (200, 202)
        assert bob.process.running()


@case
def the_number_of_vaults_and_the_level_of_the_log_change():
    with Running() as r:
        r.change("server", vaults=3, log="debug")
        assert r.reload() == "server"
        until(lambda: len([n for n in r.daemon.children() if n.startswith("vault-")]) == 3, "there are three vaults")
        mark = r.process.mark()
        os.kill(next(pid for name, pid in r.daemon.children().items() if name.startswith("vault-")), signal.SIGKILL)
        r.process.wait_for("level=debug process=parent event=child-ready child=vault-", mark)
        assert r.ask() == 200
        for section in ("keys", "policy", "archive"):
            del r.configuration[section]
        r.configuration["server"]["vaults"] = 1
        assert 'key=archive.path problem="it cannot change while the processes run"' in r.refused()


# --- many ---

def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@case
def ten_reloads_under_load_leave_nothing_behind():
    with Running(policy=[]) as r:
        def counts():
            found = {name: descriptors(pid) for name, pid in r.daemon.children().items() if name in ("net", "store")}
            return {**found, "parent": descriptors(r.process.pid), "processes": len(children(r.process.pid))}
        try:
            descriptors(r.process.pid)
            readable = True
        except PermissionError:  # the release build lets nobody but root look: there the processes are counted
            readable = False
        stream = Stream(r, r.plain)
        stream.more(5)
        before = counts() if readable else len(children(r.process.pid))
        for turn in range(10):
            window = "5m" if turn % 2 else "6m"
            r.change("keys", window=window).change("server", listen=r.configuration["server"]["listen"])
            assert r.reload() == "keys"
            stream.more(5)
        until(lambda: (counts() if readable else len(children(r.process.pid))) == before, f"all is as before: {before}")
        answers = stream.end()
        assert set(answers.values()) == {200}


@case
def signals_that_come_during_a_reload_are_heeded_afterwards():
    with Running(policy=[]) as r:
        r.change("keys", window="4m").write()
        mark = r.hang_up()
        r.process.wait_for(r"event=started child=vault-2\b", mark)
        r.configuration["routes"].append({"domain": "late.example", "next": r.uas.uri()})
        r.write()
        for _ in range(9):
            r.hang_up()
        r.process.wait_for("event=reloaded changed=routes", mark)
        assert r.ask(r.plain("bob@late.example")) == 200
        assert len([n for n in r.daemon.children() if n.startswith("vault-")]) == 1 or until(
            lambda: len([n for n in r.daemon.children() if n.startswith("vault-")]) == 1, "one vault is left")


# --- the end ---

@case
def what_is_in_a_vault_when_the_end_comes_is_archived_and_delivered():
    with Running(limits={"drain_seconds": 20}) as r, sip.Client(r.daemon.address()) as client, \
            sip.Client(r.daemon.address()) as late:
        vault = r.daemon.children()["vault-1"]
        os.kill(vault, signal.SIGSTOP)
        draft = r.draft()
        client.send(draft.message())
        assert late.ask(r.plain("nobody@home.example")).status in (404, 480)  # net has the first one by now
        mark = r.process.mark()
        r.process.process.send_signal(signal.SIGTERM)
        r.process.wait_for("process=parent event=stopping", mark)
        until(lambda: late.ask(r.plain("nobody@home.example")).status == 503, "net hears of it")
        answer = late.ask(r.plain())
        assert answer.status == 503 and answer["retry-after"], answer.data
        os.kill(vault, signal.SIGCONT)
        assert client.final().status == 200
        assert r.uas.next()["call-id"] == draft.call_id
        assert r.process.wait() == 0
        listed = r.site.home(AUDITOR).sipseal("archive", "list", "--archive", r.daemon.archive, "--json").decode()
        assert draft.call_id in listed and '"status": 200' in listed.replace('":200', '": 200'), listed


@case
def what_does_not_end_in_time_is_not_waited_for():
    with Running(policy=[], limits={"drain_seconds": 1}) as r, sip.Client(r.daemon.address()) as client:
        silent = sip.Server(answer=lambda request: None)
        r.site.at_end(silent.stop)
        r.configuration["routes"][1]["next"] = silent.uri()
        r.reload()
        client.send(r.plain())
        assert silent.next()
        r.process.process.send_signal(signal.SIGTERM)
        assert r.process.wait() == 0


@case
def a_second_signal_hastens_the_end():
    with Running(policy=[], limits={"drain_seconds": 3000}) as r, sip.Client(r.daemon.address()) as client:
        silent = sip.Server(answer=lambda request: None)
        r.site.at_end(silent.stop)
        r.configuration["routes"][1]["next"] = silent.uri()
        r.reload()
        client.send(r.plain())
        assert silent.next()
        def hasten():
            if r.process.running():
                r.process.process.send_signal(signal.SIGTERM)
            return not r.process.running()
        hasten()
        r.process.wait_for("process=parent event=stopping")
        until(hasten, "it ends on the second signal, a second after the first")
        assert r.process.wait() == 0


if __name__ == "__main__":
    run_cases()
