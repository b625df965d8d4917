"""Peers that write SIP oddly, are impatient, answer late, twice or with many 1xx (Net::SIP, odd_peer.pl): through
sipseald each message arrives in no worse shape than it was sent in, and once."""
# timeout: 300

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
from cases import case, need, run_cases  # noqa: E402
from processes import Process  # noqa: E402
from sites import PROXY1, Daemon, Site  # noqa: E402
from untouched import compare  # noqa: E402

PROGRAM = os.path.join(os.path.dirname(os.path.realpath(__file__)), "odd_peer.pl")
MODES = ("plain", "odd", "ringing", "twice", "late")


class World:
    """A UAS for each mode, which is reached under a domain of its own."""

    def __init__(self):
        need("/usr/share/perl5/Net/SIP.pm", "libnet-sip-perl")
        self.site = Site()
        self.uas = {mode: Process(["/usr/bin/perl", PROGRAM, "uas", mode], f"{mode} UAS") for mode in MODES}
        for uas in self.uas.values():
            self.site.at_end(uas.stop)
        self.daemon = Daemon(self.site, PROXY1, routes=[
            {"domain": f"{mode}.example", "next": "sip:127.0.0.1:" + uas.wait_for(r"listening (\d+)")[1]}
            for mode, uas in self.uas.items()]).start()


_world = []


class Exchange:
    """One UAC, sipseald, one UAS."""

    def __init__(self, uac, uas, method):
        if not _world:
            _world.append(World())
        self.uas, daemon = _world[0].uas[uas], _world[0].daemon
        mark = self.uas.mark()
        self.uac = Process(["/usr/bin/perl", PROGRAM, "uac", uac, str(daemon.address("udp")[1]), method,
                            f"sip:bob@{uas}.example"], f"{uac} UAC")
        assert self.uac.wait() == 0, self.uac.log() + daemon.process.log()[-3000:]
        own = f"odd-{self.uac.pid}@".encode().hex()  # its Call-ID
        last = "BYE" if method == "INVITE" else "OPTIONS"
        self.uas.wait_for(f"^request {last} .*{own}", after=mark)
        lines = self.uas.lines[mark:]
        assert not any("unreadable" in line for line in lines), lines
        self.lines = [line for line in lines if own in line]

    def sent(self):
        return [bytes.fromhex(line.split()[1]) for line in self.uac.lines if line.startswith("sent ")]

    def arrived(self):
        """[(method, octets)], all of which Net::SIP could read."""
        return [(line.split()[1], bytes.fromhex(line.split()[2])) for line in self.lines]

    def methods(self):
        """Each request once: what sipseald itself sends again, on a slow machine, is the same octets."""
        return [method for method, _ in dict.fromkeys(self.arrived())]

    def responses(self):
        """["STATUS METHOD VIAS"] as they came to the UAC."""
        return [line.split(" ", 1)[1] for line in self.uac.lines if line.startswith("response ")]


def finish():
    for one in _world:
        one.site.stop()


@case
def compact_folded_and_spaced_requests_with_all_vias_in_one_line_arrive_as_they_were_sent():
    for method in ("MESSAGE", "message", "ODDMETHOD"):
        e = Exchange("odd", "plain", method)
        assert e.methods() == [method, "OPTIONS"], e.methods()
        assert b"v :  SIP/2.0/UDP 127.0.0.1" in e.sent()[0] and b"\t,\r\n   SIP/2.0/TCP 192.0.2.7" in e.sent()[0]
        compare(e.sent()[0], e.arrived()[0][1], PROXY1)
        assert e.responses() == [f"200 {method} 3", "200 OPTIONS 3"], e.responses()


@case
def a_whole_call_in_odd_writing_at_both_ends_goes_by_its_route():
    e = Exchange("odd", "odd", "INVITE")
    assert e.methods() == ["INVITE", "ACK", "BYE"], e.methods()
    invite, _, bye = e.arrived()
    compare(e.sent()[0], invite[1], PROXY1)
    assert b";lr;dialog=" in invite[1] and b";lr;dialog=" in e.sent()[2] and b";lr;dialog=" not in bye[1]
    assert e.responses() == ["100 INVITE 3", "200 INVITE 3", "200 BYE 3"], e.responses()


@case
def every_1xx_but_100_is_passed_on_and_then_the_200():
    e = Exchange("plain", "ringing", "INVITE")
    told = [line.split()[0] for line in e.responses() if line.split()[1] == "INVITE"]
    assert told == ["100", "180", "181", "182", "183", "199"] + ["180"] * 5 + ["200"], e.responses()
    assert e.methods() == ["INVITE", "ACK", "BYE"], e.methods()


@case
def a_final_response_that_comes_twice_is_passed_on_once_but_that_of_an_invite_each_time():
    e = Exchange("plain", "twice", "MESSAGE")
    assert e.responses() == ["200 MESSAGE 3", "200 OPTIONS 3"], e.responses()
    e = Exchange("plain", "twice", "INVITE")
    assert [line for line in e.responses() if "200 INVITE" in line] == ["200 INVITE 3"] * 2, e.responses()


@case
def a_request_that_is_answered_late_is_sent_again_by_sipseald_and_answered_once():
    e = Exchange("plain", "late", "MESSAGE")
    assert [method for method, _ in e.arrived()] == ["MESSAGE"] * 3 + ["OPTIONS"] * 3, e.arrived()
    assert e.methods() == ["MESSAGE", "OPTIONS"], e.arrived()
    assert e.responses() == ["200 MESSAGE 3", "200 OPTIONS 3"], e.responses()


@case
def what_a_uac_sends_three_times_arrives_once_and_what_it_forks_arrives_as_often():
    e = Exchange("impatient", "plain", "MESSAGE")
    assert e.methods() == ["MESSAGE", "OPTIONS"], e.methods()
    e = Exchange("forked", "plain", "MESSAGE")
    assert e.methods() == ["MESSAGE"] * 2 + ["OPTIONS"], e.methods()
    for sent, (_, arrived) in zip(e.sent(), e.arrived()):
        compare(sent, arrived, PROXY1)


if __name__ == "__main__":
    run_cases(finish)
