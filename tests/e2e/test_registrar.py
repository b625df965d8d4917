"""Who is registered stays so: whatever process ends, a registration that was answered 200 still counts, and one that was
refused does not (protocol.md 8, Registrations)."""
# timeout: 300

import os
import shutil
import signal
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import sip  # noqa: E402
from cases import case, run_cases  # noqa: E402
from processes import until  # noqa: E402
from rules import RULES  # noqa: E402
from sites import PROXY1, Daemon, Site  # noqa: E402

INSTANCE = "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"
KILLS, PHONES, ROUNDS = 3, 4, 12


def registration(user, contact, cseq=1, transport="UDP", headers=()):
    contacts = [("Contact", contact)] if contact else []
    return sip.request("REGISTER", "sip:home.example", [
        ("From", f"<sip:{user}@home.example>;tag=r"), ("To", f"<sip:{user}@home.example>"), ("Call-ID", f"{user}@ua"),
        ("CSeq", f"{cseq} REGISTER"), *contacts, *headers], transport=transport)


def message(user):
    return sip.request("MESSAGE", f"sip:{user}@home.example", [
        ("From", "<sip:bob@far.example>;tag=b"), ("To", f"<sip:{user}@home.example>"),
        ("Call-ID", sip.branch() + "@bob"), ("CSeq", "1 MESSAGE"), ("Content-Type", "text/plain")], b"hello")


class World:
    def __init__(self):
        self.site = Site()
        self.phone = sip.Server()
        self.site.at_end(self.phone.stop)
        self.daemon = Daemon(self.site, PROXY1, server={"vaults": 1}).start()
        self.store = os.path.join(self.daemon.path, "sipseald.db")

    def contact(self, user, transport="udp"):
        return self.phone.uri(transport).replace("sip:", f"sip:{user}@")

    def register(self, user, contact=None, cseq=1, **more):
        answer = sip.ask(self.daemon.address(), registration(user, f"<{contact or self.contact(user)}>", cseq,
                                                             transport="TCP", **more))
        assert answer and answer.status == 200, f"{answer and answer.data!r}\n{self.daemon.process.log()}"
        return answer

    def bound(self, user):
        """The Contacts of a user, as a REGISTER without any is told."""
        answer = sip.ask(self.daemon.address(), registration(user, None, 10000, transport="TCP"))
        assert answer.status == 200, answer.data
        return answer.all_of("contact")

    def call(self, user):
        return sip.ask(self.daemon.address(), message(user))

    def reaches(self, user):
        answer = self.call(user)
        assert answer and answer.status == 200, f"{answer and answer.data!r}\n{self.daemon.process.log()}"
        arrived = self.phone.next()
        assert f"sip:{user}@" in arrived.data.decode().split("\r\n", 1)[0], arrived.data
        return arrived

    def refused(self, answer, rule):
        status, sentence = RULES[rule]
        assert answer and answer.status == status and sentence in answer["warning"], answer and answer.data

    def child(self, name):
        return until(lambda: next((pid for child, pid in self.daemon.children().items() if child.startswith(name)), 0),
                     f"{name} runs")

    def kill(self, name):
        """Ends a process, and waits until another one does its work."""
        pid, mark = self.child(name), self.daemon.process.mark()
        os.kill(pid, signal.SIGKILL)
        self.daemon.process.wait_for(rf"process={name}.* event=ready", after=mark)
        return pid


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def finish():
    for one in _world:
        one.site.stop()


@case
def a_user_stays_registered_when_net_dies():
    w = world()
    w.register("alice")
    w.reaches("alice")
    pid = w.child("net")
    os.kill(pid, signal.SIGKILL)
    # At once: what arrives before net knows who is registered waits.
    with sip.Client(w.daemon.address()) as client:
        client.send(message("alice"))
        answer = client.final()
    if answer is None:  # accepted by the net that died
        answer = w.call("alice")
    assert answer.status == 200, answer.data
    w.phone.next()
    assert w.child("net") != pid
    w.daemon.process.wait_for(r"process=net.* event=registered bindings=1")


@case
def a_user_stays_registered_when_sipseald_is_restarted():
    w = world()
    w.register("dora", cseq=7)
    w.daemon.stop()
    w.daemon.start()
    w.reaches("dora")
    w.refused(sip.ask(w.daemon.address(), registration("dora", "<sip:dora@127.0.0.1:9>", 6, transport="TCP")) and
              sip.ask(w.daemon.address(), registration("dora", f"<{w.contact('dora')}>;expires=0", 6, transport="TCP")),
              "sip.register-order")
    expires = int(w.bound("dora")[-1].split("expires=")[1].split(";")[0])
    assert 3500 < expires <= 3600, expires


@case
def what_was_answered_200_is_durable_at_once():
    w = world()
    for number in range(3):
        w.register(f"erin{number}")
        for pid in [w.daemon.process.pid, *w.daemon.children().values()]:
            os.kill(pid, signal.SIGKILL)
        w.daemon.process.wait()
        w.daemon.start()
        for before in range(number + 1):
            w.reaches(f"erin{before}")


@case
def a_store_that_is_killed_again_and_again_loses_no_registration_that_was_answered():
    w = world()
    answers = {}

    def register(phone):
        for number in range(ROUNDS):
            user = f"u{phone}-{number}"
            answer = sip.ask(w.daemon.address(), registration(user, f"<{w.contact(user)}>", transport="TCP"))
            answers[user] = answer.status if answer else 0

    phones = [threading.Thread(target=register, args=(phone,)) for phone in range(PHONES)]
    for phone in phones:
        phone.start()
    for number in range(KILLS):
        until(lambda number=number: len(answers) > number * 8, "registrations are on their way")
        store = w.child("store")
        os.kill(store, signal.SIGKILL)
        until(lambda store=store: w.child("store") != store, "a new store runs")
    for phone in phones:
        phone.join()
    assert set(answers.values()) <= {200, 503} and 200 in answers.values(), answers
    w.daemon.stop()
    w.daemon.start()
    # What was refused may have been kept: its store died before it could say so.
    for user, status in answers.items():
        assert status != 200 or len(w.bound(user)) == 1, user


@case
def while_the_store_cannot_write_nobody_registers_and_who_is_registered_is_reached():
    w = world()
    w.register("frank")
    shutil.move(w.store, w.store + ".away")
    try:
        w.refused(sip.ask(w.daemon.address(), registration("grace", f"<{w.contact('grace')}>", transport="TCP")),
                  "resource.bindings")
        w.reaches("frank")
        w.refused(w.call("grace"), "sip.not-registered")
    finally:
        shutil.move(w.store + ".away", w.store)
    w.register("grace", cseq=2)
    w.reaches("grace")


@case
def a_phone_behind_nat_is_reached_over_udp_by_the_way_of_its_register_also_when_net_has_died():
    w = world()
    with sip.Client(w.daemon.address("udp"), "udp") as phone:
        phone.send(b"\r\n\r\n")  # keeps the NAT open, and is not answered
        answer = phone.ask(registration("hugo", "<sip:hugo@10.9.8.7:5062>"))
        assert answer.status == 200 and "10.9.8.7:5062" in answer["contact"], answer.data
        for _ in range(2):
            with sip.Client(w.daemon.address()) as caller:
                caller.send(message("hugo"))
                arrived = phone.receive()
                assert arrived.data.startswith(b"MESSAGE sip:hugo@10.9.8.7:5062 SIP/2.0\r\n"), arrived.data
                phone.send(sip.response(arrived, 200, "OK"))
                assert caller.final().status == 200
            w.kill("net")


@case
def a_phone_behind_nat_is_reached_over_its_tcp_connection_and_by_no_other():
    w = world()
    contact = f'<sip:ida@10.9.8.7:5062;transport=tcp;ob>;+sip.instance="{INSTANCE}";reg-id=1'
    outbound = [("Supported", "path, outbound")]
    with sip.Client(w.daemon.address()) as phone:
        answer = phone.ask(registration("ida", contact, transport="TCP", headers=outbound))
        assert (answer.status, answer["require"], answer["flow-timer"]) == (200, "outbound", "120"), answer.data
        phone.send(b"\r\n\r\n")
        assert phone.socket.recv(2) == b"\r\n", "no answer to a keep-alive (RFC 5626 3.5.1)"
        with sip.Client(w.daemon.address()) as caller:
            caller.send(message("ida"))
            arrived = phone.receive()
            phone.send(sip.response(arrived, 200, "OK"))
            assert caller.final().status == 200
    until(lambda: w.call("ida").status == 480, "its connection is seen to be closed")
    w.kill("net")
    w.refused(w.call("ida"), "sip.flow-gone")
    with sip.Client(w.daemon.address()) as phone:
        assert phone.ask(registration("ida", contact, 2, transport="TCP", headers=outbound)).status == 200
        assert len(w.bound("ida")) == 1
        with sip.Client(w.daemon.address()) as caller:
            caller.send(message("ida"))
            phone.send(sip.response(phone.receive(), 200, "OK"))
            assert caller.final().status == 200


@case
def requests_follow_the_path_of_the_registration():
    w = world()
    path = w.phone.uri("tcp") + ";lr"
    headers = [("Path", f"<{path}>, <sip:inner.example;lr>"), ("Supported", "path")]
    answer = w.register("judy", "sip:judy@10.9.8.7:5062", headers=headers)
    assert answer["path"] == f"<{path}>, <sip:inner.example;lr>", answer.data
    w.kill("net")
    arrived = w.reaches("judy")
    assert arrived["route"] == f"<{path}>, <sip:inner.example;lr>", arrived.data


if __name__ == "__main__":
    run_cases(finish)
