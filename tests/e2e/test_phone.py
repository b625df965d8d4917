"""`sipseal call`, `sipseal listen` and `sipseal register` on real sockets: with each other, through sipseald and a real
Kamailio that both stay on the way, with SIPp and baresip (protocol.md 2.5, 4; RFC 3261 13 to 15)."""
# timeout: 600

import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import sip  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from kamailio import Kamailio, free_port  # noqa: E402
from processes import Process  # noqa: E402
from sites import ALICE, BOB, PROXY1, Daemon, Site  # noqa: E402
from tap import BACK, THERE, Tap  # noqa: E402

HERE = os.path.dirname(os.path.realpath(__file__))


class World:
    def __init__(self):
        self.site = Site()
        self.alice = self.site.home(ALICE).knows(BOB, PROXY1)
        self.bob = self.site.home(BOB).knows(ALICE)
        self.far = "bob@home.example"  # Bob, when he is registered at Proxy 1
        self.bob_home = self.site.home(self.far)
        self.alice.knows(self.far)
        self._proxy1 = None

    def proxy1(self):
        if not self._proxy1:
            self._proxy1 = Daemon(self.site, PROXY1).start()
        return self._proxy1

    def tap(self, address):
        tap = Tap(address)
        self.site.at_end(tap.stop)
        return tap


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def finish():
    for one in _world:
        one.site.stop()


def proven(report, who, *readers):
    """What was offered or answered: sealed, opened, by whom, for whom; gives its session."""
    part = report["parts"][0]
    assert (part["sealed"], part["opened"], part["proven"], part["rule"]) == (True, True, "user", "ok"), part
    assert part["identity"] == f"sip:{who}", part
    assert sorted(r["name"] for r in part["readers"]) == sorted(readers), part["readers"]
    assert part["content_type"] == "application/sdp", part
    return part["text"]


# --- Alice and Bob, and nobody between them ---

@case
def a_call_is_offered_and_answered_sealed_each_to_the_other_alone_and_nothing_is_in_the_clear():
    w = world()
    bob = w.bob.listen("--json")
    wire = w.tap(bob.address)
    call = w.alice.call(wire.uri(), BOB, "--duration", "1")
    answer = proven(call.event("answer"), BOB, ALICE)
    end = call.wait()
    assert (end["by"], end["rule"]) == ("self", "ok"), end
    call_id = end["call_id"]
    offer = proven(bob.event_of(call_id, "call"), ALICE, BOB)
    assert bob.event_of(call_id, "ended")["by"] == "other"
    for session in (offer, answer):
        assert "m=audio 9 RTP/AVP" in session and "a=inactive" in session, session
    assert [m.method for m in wire.messages(THERE)] == ["INVITE"]  # ACK and BYE go to Bob's Contact
    assert [m.status for m in wire.messages(BACK)] == [180, 200]
    assert b"application/pkcs7-mime" in wire.raw() and b"m=audio" not in wire.raw() and b"v=0" not in wire.raw()
    bob.stop()


@case
def what_is_only_signed_is_answered_signed_and_what_is_plain_plain():
    w = world()
    bob = w.bob.listen("--json")
    for option, expected in (("--sign-only", (False, "user")), ("--clear", (False, "user")), ("--plain", (False, "none"))):
        call = w.alice.call(bob.uri(), BOB, "--duration", "1", option)
        part = call.event("answer")["parts"][0]
        assert (part["sealed"], part["proven"]) == expected, (option, part)
        call.wait()
    bob.stop()


@case
def a_plain_call_goes_over_udp_too():
    w = world()
    bob = w.bob.listen("--json")
    call = w.alice.call(bob.uri("udp"), BOB, "--duration", "1", "--plain")
    assert call.event("calling")["transport"] == "udp"
    assert call.wait()["by"] == "self"
    bob.stop()


@case
def ctrl_c_hangs_up_and_before_the_answer_cancels():
    w = world()
    bob = w.bob.listen("--json", "--ring", "60")
    call = w.alice.call(bob.uri(), BOB)
    call.event("ringing")
    call.hang_up()
    end = call.wait(5)
    assert (end["by"], end["status"]) == ("self", 487), end
    assert bob.event_of(end["call_id"], "ended")["status"] == 487
    bob.stop()
    bob = w.bob.listen("--json")
    call = w.alice.call(bob.uri(), BOB)
    call.event("answer")
    call.process.wait_for("Ctrl-C hangs up")
    call.hang_up()
    assert call.wait(0)["by"] == "self"
    bob.stop()


@case
def bob_may_hang_up_too():
    w = world()
    bob = w.bob.listen("--json")
    call = w.alice.call(bob.uri(), BOB)
    bob.event_of(call.event("answer")["call_id"], "confirmed")
    bob.stop()
    assert call.wait(0)["by"] == "other"


@case
def bob_may_be_busy_or_reject_calls_and_may_not_be_there_at_all():
    w = world()
    for word, status in (("busy", 486), ("reject", 603)):
        bob = w.bob.listen("--json", "--answer", word)
        call = w.alice.call(bob.uri(), BOB)
        end = call.wait(1)
        assert (end["by"], end["status"]) == ("refused", status), end
        bob.stop()
    call = w.alice.call(f"sip:127.0.0.1:{free_port()};transport=tcp", BOB)
    assert call.wait(5)["by"] == "failed"


@case
def what_rings_too_long_is_cancelled():
    w = world()
    bob = w.bob.listen("--json", "--ring", "60")
    call = w.alice.call(bob.uri(), BOB, "--timeout", "1")
    assert call.wait(5)["status"] == 487
    assert "not answered in time" in call.process.log()
    bob.stop()


@case
def the_session_is_offered_anew_with_a_signature_of_its_own():
    w = world()
    bob = w.bob.listen("--json")
    call = w.alice.call(bob.uri(), BOB, "--refresh", "1", "--duration", "4")
    assert call.event("reanswered")["status"] == 200
    call_id = call.wait()["call_id"]
    offers = [proven(r, ALICE, BOB) for r in bob.reports() if r["event"] in ("call", "offer")]
    answers = [proven(json.loads(line), BOB, ALICE) for line in call.process.lines if line.startswith('{"event":"answer"')]
    assert len(offers) >= 3 and len(set(offers)) == len(offers), offers  # o= counts
    assert len(answers) == len(offers), (offers, answers)
    assert bob.event_of(call_id, "ended")["by"] == "other"
    bob.stop()


@case
def a_session_from_a_file_is_carried_as_it_is():
    w = world()
    session = "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\nm=audio 40000 RTP/AVP 0\na=recvonly\n"
    path = os.path.join(w.alice.path, "session.sdp")
    with open(path, "w", encoding="ascii") as f:
        f.write(session)
    bob = w.bob.listen("--json")
    call = w.alice.call(bob.uri(), BOB, "--duration", "1", "--sdp", path)
    answer = call.event("answer")["parts"][0]["text"]
    assert "m=audio 9 RTP/AVP 0\r\na=inactive" in answer, answer
    offer = bob.event_of(call.wait()["call_id"], "call")["parts"][0]["text"]
    assert offer == session.replace("\n", "\r\n"), offer
    bob.stop()


# --- who is not who he says ---

@case
def a_call_that_bob_cannot_open_or_that_is_forged_does_not_ring():
    w = world()
    bob = w.bob.listen("--json")
    wire = w.tap(bob.address)
    w.alice.call(wire.uri(), BOB, "--duration", "1").wait()
    invite = wire.messages(THERE)[0].data
    for changed, status, rule in ((b"", 482, None), (b"x", 403, "signature.context")):  # a copy; lifted into another call
        copy = invite.replace(b"branch=z9hG4bK", b"branch=z9hG4bKcopy" + changed, 1)
        answer = sip.ask(bob.address, copy.replace(b"Call-ID: ", b"Call-ID: " + changed, 1))
        assert answer.status == status, answer.data
        if rule:
            bob.process.wait_for(r'"event": ?"refused".*"' + re.escape(rule) + '"')
    bob.stop()
    stranger = w.bob_home.listen("--json", name=w.far)  # who is called, and has not Bob's key
    call = w.alice.call(stranger.uri(), f"sip:bob@127.0.0.1:{stranger.address[1]}", "--plain", "--duration", "1")
    assert call.wait(0)["by"] == "self"
    call = w.alice.call(stranger.uri(), BOB)
    assert call.wait(3)["status"] == 493
    stranger.stop()


@case
def an_answer_that_proves_nothing_ends_a_sealed_call():
    w = world()
    port = free_port()
    uas = Process([need("sipp", "sip-tester"), "-sf", os.path.join(HERE, "sipp_call_uas.xml"), "-i", "127.0.0.1", "-t",
                   "t1", "-m", "2", "-nostdin", "-timeout", "60", "-timeout_error", "-p", str(port)], "SIPp uas")
    w.site.at_end(lambda: uas.stop() if uas.running() else None)
    call = w.alice.call(f"sip:127.0.0.1:{port};transport=tcp", BOB)
    assert call.wait(4)["by"] == "self"
    assert "the answer does not hold" in call.process.log() and "signature.absent" in call.process.log()
    call = w.alice.call(f"sip:127.0.0.1:{port};transport=tcp", BOB, "--accept-unproven", "--duration", "1")
    assert call.wait(0)["by"] == "self"
    assert uas.wait(60) == 0, uas.log()[-2000:]  # ACK and BYE came both times


# --- proxies between them ---

@case
def a_call_goes_through_sipseald_which_stays_on_its_way_and_either_side_hangs_up():
    w = world()
    for who in ("alice", "bob"):
        bob = w.bob_home.listen("--json", "--register", w.proxy1().uri())
        mark = w.proxy1().process.mark()
        call = w.alice.call(w.proxy1().uri(), w.far, "--middle", PROXY1, *(["--duration", "1"] if who == "alice" else []))
        call_id = call.event("answer")["call_id"]
        proven(bob.event_of(call_id, "call"), ALICE, w.far, PROXY1)
        bob.event_of(call_id, "confirmed")
        if who == "bob":
            bob.stop()
        assert call.wait()["by"] == ("self" if who == "alice" else "other")
        w.proxy1().process.wait_for(r"method=BYE.* status=200|status=200.*method=BYE", after=mark)
        if who == "alice":
            bob.stop()


@case
def a_call_goes_through_sipseald_and_kamailio_that_both_stay_on_its_way():
    w = world()
    program = need("/usr/sbin/kamailio", "kamailio")
    proxy2 = Kamailio(os.path.join(w.site.path, "kamailio"), program=program)
    bob = w.bob.listen("--json")
    proxy1 = Daemon(w.site, "proxy1.kamailio.example", next_hop=proxy2.uri()).start()
    wire = w.tap(bob.address)
    proxy2.start({"far.example": wire.uri()})
    w.site.at_end(proxy2.stop)
    call = w.alice.call(proxy1.uri(), BOB, "--duration", "1", "--refresh", "60")
    proven(call.event("answer"), BOB, ALICE)
    assert call.wait()["by"] == "self"
    invite = next(m for m in wire.messages(THERE) if m.method == "INVITE")
    assert len(invite.all_of("record-route")) >= 2, invite.all_of("record-route")
    call = w.alice.call(proxy1.uri(), BOB)
    bob.event_of(call.event("answer")["call_id"], "confirmed")
    bob.stop()
    assert call.wait(0)["by"] == "other"


@case
def over_tls_a_call_is_answered_and_the_caller_hangs_up():
    w = world()
    keys = os.path.join(w.site.path, "tls")
    w.alice.sipseal("ca", "issue", "--ca", w.site.ca, "-o", keys, "--tls", "localhost")
    listen = ["tcp://127.0.0.1:0", "tls://127.0.0.1:0"]
    daemon = Daemon(w.site, PROXY1, server={"listen": listen},
                    tls={"certificate": os.path.join(keys, "localhost.tls.pem"),
                         "private_key": os.path.join(keys, "localhost.tls.key"),
                         "trust": os.path.join(keys, "trust.pem")}).start()
    uri = f"sip:localhost:{daemon.address('tls')[1]};transport=tls"
    bob = w.bob_home.listen("--json", "--register", daemon.uri("tcp"))
    call = w.alice.call(uri, w.far, "--duration", "1")
    call_id = call.event("answer")["call_id"]
    bob.event_of(call_id, "confirmed")
    assert call.wait()["by"] == "self"
    assert bob.event_of(call_id, "ended")["by"] == "other"
    bob.stop()
    daemon.stop()


# --- other phones ---

@case
def sipp_is_called():
    w = world()
    for transport in ("udp", "tcp"):
        port = free_port()
        uas = Process([need("sipp", "sip-tester"), "-sf", os.path.join(HERE, "sipp_call_uas.xml"), "-i", "127.0.0.1", "-t",
                       {"udp": "u1", "tcp": "t1"}[transport], "-m", "1", "-nostdin", "-timeout", "60", "-timeout_error",
                       "-p", str(port)], "SIPp uas")
        w.site.at_end(lambda one=uas: one.stop() if one.running() else None)
        call = w.alice.call(f"sip:127.0.0.1:{port};transport={transport}", BOB, "--plain", "--duration", "1")
        assert call.wait(0)["by"] == "self"
        assert uas.wait(60) == 0, uas.log()[-2000:]


@case
def sipp_calls():
    w = world()
    bob = w.bob.listen("--json")
    for transport in ("udp", "tcp"):
        host, port = bob.addresses[transport]
        uac = Process([need("sipp", "sip-tester"), "-sf", os.path.join(HERE, "sipp_phone_uac.xml"), "-i", "127.0.0.1", "-t",
                       {"udp": "u1", "tcp": "t1"}[transport], "-m", "20", "-r", "20", "-nostdin", "-timeout", "60",
                       "-timeout_error", f"{host}:{port}"], "SIPp uac")
        assert uac.wait(90) == 0, uac.log()[-2000:]
    assert len([r for r in bob.reports() if r["event"] == "ended" and r["by"] == "other"]) == 40
    bob.stop()


BARESIP = """poll_method epoll
sip_listen 127.0.0.1:{port}
audio_player aufile,/dev/null
audio_source ausine,400
ausrc_srate 48000
ausrc_channels 2
audio_alert aufile,/dev/null
rtp_ports {rtp}-{rtp_end}
module_path {modules}
module g711.so
module auresamp.so
module ausine.so
module aufile.so
module_tmp uuid.so
module_tmp account.so
"""


@case
def baresip_is_called_and_answers():
    w = world()
    program = need("baresip", "baresip-core")
    folder = os.path.join(w.site.path, "baresip")
    os.makedirs(folder)
    port = free_port()
    with open(os.path.join(folder, "config"), "w", encoding="ascii") as f:
        f.write(BARESIP.format(port=port, rtp=41000, rtp_end=41100, modules="/usr/lib/baresip/modules"))
    with open(os.path.join(folder, "accounts"), "w", encoding="ascii") as f:
        f.write(f"<sip:bob@127.0.0.1:{port}>;regint=0;answermode=auto;audio_codecs=PCMU,PCMA\n")
    with open(os.path.join(folder, "contacts"), "w", encoding="ascii"):
        pass
    baresip = Process([program, "-4", "-f", folder], "baresip", {"PATH": "/usr/bin:/bin", "HOME": folder})
    w.site.at_end(lambda: baresip.stop() if baresip.running() else None)
    baresip.wait_for("baresip is ready")
    for transport in ("udp", "tcp"):
        call = w.alice.call(f"sip:127.0.0.1:{port};transport={transport}", f"sip:bob@127.0.0.1:{port}", "--plain",
                            "--duration", "1")
        assert "a=inactive" in call.event("answer")["parts"][0]["text"]
        assert call.wait(0)["by"] == "self"
    baresip.stop()


# --- register ---

@case
def a_user_is_registered_listed_and_removed():
    w = world()

    def register(*words, status=0):
        told = w.bob_home.sipseal("register", "--json", "--as", w.far, "--proxy", w.proxy1().uri(), *words, status=status)
        return {b["uri"]: b["expires"] for b in json.loads(told)["bindings"]}

    one, two = "sip:bob@127.0.0.1:5071", "sip:bob@127.0.0.1:5072;transport=tcp"
    assert register("--remove") == {}
    assert register("--contact", one, "--expires", "600") == {one: 600}
    assert sorted(register("--contact", two)) == [one, two]
    assert sorted(register("--list")) == [one, two]
    assert list(register("--contact", one, "--remove")) == [two]
    assert register("--remove") == {}
    assert list(register("--expires", "60")) == ["sip:bob@127.0.0.1:5060;transport=tcp"]
    text = w.bob_home.sipseal("register", "--as", w.far, "--proxy", w.proxy1().uri("udp"), "--list").decode()
    assert text.startswith("sip:bob@127.0.0.1:5060;transport=tcp for "), text
    register("--remove")


@case
def a_registration_that_is_refused_or_reaches_nobody_says_so():
    w = world()
    told = w.bob.sipseal("register", "--as", BOB, "--proxy", w.proxy1().uri(), status=None)
    assert told.returncode == 1 and b"not registered" in told.stderr, told
    told = w.bob.sipseal("register", "--as", BOB, "--proxy", f"sip:127.0.0.1:{free_port()};transport=tcp", status=None)
    assert told.returncode == 5, told
    for words in (["--list", "--remove"], ["--list", "--contact", "sip:a@h"], ["--contact", "nonsense"]):
        told = w.bob.sipseal("register", "--as", BOB, "--proxy", "sip:127.0.0.1:9", *words, status=None)
        assert told.returncode == 2, (words, told)


if __name__ == "__main__":
    run_cases(finish)
