"""Real phones, baresip and linphonec, register at sipseald and call and write to each other through it: over UDP, TCP
and TLS, with Record-Route, hold, CANCEL, busy and hanging up by either side (RFC 3261, RFC 3428)."""
# timeout: 600

import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
from cases import case, run_cases  # noqa: E402
from names import Names  # noqa: E402
from phones import DOMAIN, Baresip, Linphone  # noqa: E402
from sites import Daemon, Site  # noqa: E402

TRANSPORTS = ("udp", "tcp", "tls")
NAME = "localhost"  # of the proxies, by which the phones find them over TLS: linphonec asks no name server of ours


class World:
    """A proxy, and two baresips and a linphonec that are registered over one transport."""

    def __init__(self, site, transport, prefix=""):
        self.transport = transport
        name = f"{prefix}{transport}.{DOMAIN}"
        keys = os.path.join(site.path, "tls")
        if not os.path.exists(keys):
            site.home(name).sipseal("ca", "issue", "--ca", site.ca, "-o", keys, "--tls", NAME)
        self.trust = os.path.join(keys, "trust.pem")
        listen = [f"{one}://127.0.0.1:0" for one in TRANSPORTS]
        self.daemon = Daemon(site, name, server={"names": [NAME, name], "listen": listen}, tls={
            "certificate": f"{keys}/{NAME}.tls.pem", "private_key": f"{keys}/{NAME}.tls.key", "trust": self.trust,
            "clients": "none"}).start()
        self.names = Names()
        site.at_end(self.names.stop)
        host, port = self.daemon.address(transport)
        self.proxy = f"sip:{NAME if transport == 'tls' else host}:{port};transport={transport}"
        self.alice = Baresip(site, "alice", self.proxy, self.trust, self.names, ["bob"]).registered()
        self.bob = Baresip(site, "bob", self.proxy, self.trust, self.names, ["alice"]).registered()
        self.carol = Linphone(site, "carol", self.proxy, self.trust).registered()

    def said(self, what, after, count=1):
        """sipseald has said that of an exchange that went through it."""
        return self.daemon.process.wait_for(f"event={what}", after=after, count=count)

    @staticmethod
    def anew(*phones):
        for phone in phones:
            phone.anew()

    def dial(self, caller, callee):
        """Until it rings; gives a place in sipseald's log before that."""
        self.anew(caller, callee)
        mark = self.daemon.process.mark()
        caller.dial(callee.aor)
        callee.rings()
        caller.hears_ringing()
        return mark

    def establish(self, caller, callee):
        mark = self.dial(caller, callee)
        callee.answer()
        caller.talks()
        callee.talks()
        return mark

    def end(self, who, other, mark):
        """One side hangs up: the BYE goes through sipseald."""
        who.hang_up()
        other.ends()
        who.ends()
        self.said("answered status=200 method=BYE", mark)


_site, _worlds = [], {}


def site():
    if not _site:
        _site.append(Site())
    return _site[0]


def world(transport):
    if transport not in _worlds:
        _worlds[transport] = World(site(), transport)
    return _worlds[transport]


def finish():
    for one in _site:
        one.stop()


def each_transport(function):
    def over_each():
        for transport in TRANSPORTS:
            w = world(transport)
            function(w, w.alice, w.bob, w.carol)
    over_each.__name__ = function.__name__
    return case(over_each)


@each_transport
def baresip_and_linphonec_call_each_other_both_ways_and_either_side_hangs_up(w, alice, bob, carol):
    for caller, callee in ((alice, bob), (alice, carol), (carol, alice)):
        for first, second in ((caller, callee), (callee, caller)):
            mark = w.establish(caller, callee)
            caller.hears()
            callee.hears()
            w.end(first, second, mark)


@each_transport
def what_stays_on_the_way_is_what_the_phones_were_told_by_record_route(w, alice, bob, _):
    mark = w.establish(alice, bob)
    w.end(alice, bob, mark)
    own = re.escape(f"<{w.proxy.replace(';transport=udp', '')};lr;dialog=") + r"[0-9a-f]{16}>"
    sent, arrived = alice.process.log(), bob.process.log()
    assert re.search(rf"\nBYE sip:bob\S+ SIP/2\.0\r\n(?:[^\r]+\r\n)*Route: {own}\r\n", sent), sent[-3000:]
    invite = re.findall(r"\nINVITE sip:bob(?:[^\r]+\r\n)+", arrived)[-1]
    assert re.search(rf"Record-Route: {own}\r\n", invite), invite
    bye = re.findall(r"\nBYE sip:bob(?:[^\r]+\r\n)+", arrived)[-1]
    assert "Route:" not in bye and len(re.findall(r"\nVia: ", bye)) == 2, bye


@each_transport
def a_call_that_is_cancelled_while_it_rings_ends_on_both_sides(w, alice, bob, carol):
    for caller, callee in ((alice, bob), (alice, carol), (carol, alice)):
        mark = w.dial(caller, callee)
        caller.hang_up()
        caller.ends()
        callee.ends()
        w.said("answered status=487 method=INVITE", mark)


@each_transport
def who_declines_or_is_in_a_call_already_is_busy(w, alice, bob, carol):
    for caller, callee in ((alice, bob), (carol, bob)):
        w.anew(caller, callee)
        mark = w.daemon.process.mark()
        caller.dial(callee.aor)
        callee.rings()
        callee.hang_up()
        caller.ends()
        callee.ends()
        w.said("answered status=486 method=INVITE", mark)
    mark = w.establish(alice, bob)
    carol.anew()
    carol.dial(bob.aor)
    w.said("answered status=486 method=INVITE", mark)
    carol.ends()
    w.end(alice, bob, mark)


@each_transport
def a_call_is_put_on_hold_and_goes_on_by_either_side(w, alice, bob, carol):
    for caller, callee in ((alice, bob), (alice, carol)):
        for who in (callee, caller):
            mark = w.establish(caller, callee)
            who.hold()
            w.said("answered status=200 method=INVITE", mark, 2)
            who.resume()
            w.said("answered status=200 method=INVITE", mark, 3)
            w.end(who, callee if who is caller else caller, mark)
    assert re.search(r"\na=(sendonly|inactive)\r\n", bob.process.log()), "nobody was put on hold"


@each_transport
def what_one_baresip_writes_the_other_one_gets(w, alice, bob, _):
    for who, other, text in ((alice, bob, "shall we meet"), (bob, alice, "at noon, by the fountain")):
        mark, seen = w.daemon.process.mark(), other.process.mark()
        who.tell("message", text)
        w.said("answered status=200 method=MESSAGE", mark)
        other.process.wait_for(rf"^{text}", after=seen)


@each_transport
def who_has_gone_is_not_available_and_a_phone_takes_its_contact_with_it(w, alice, bob, carol):
    for phone in (bob, carol):
        mark = w.daemon.process.mark()
        phone.stop()
        w.said("served status=200 method=REGISTER", mark)
        alice.anew()
        alice.dial(phone.aor)
        w.said(r"refused rule=sip\.not-registered status=480 method=INVITE", mark)
        assert "480" in alice.ends()
    alice.stop()


@case
def a_call_outlives_the_process_net_and_ends_on_both_sides_when_one_hangs_up():
    for transport in ("udp", "tcp"):
        w = World(site(), transport, "again-")
        mark = w.establish(w.alice, w.bob)
        os.kill(w.daemon.children()["net"], signal.SIGKILL)
        w.said(r"ready listeners=", mark)
        w.alice.hears()
        w.end(w.alice, w.bob, mark)


@case
def a_phone_does_not_register_where_nobody_it_trusts_vouches_for_the_server_or_not_for_its_name():
    w = world("tls")
    stranger = openssl.authority(os.path.join(site().path, "stranger"))
    for user, proxy, trust in (("dave", w.proxy, os.path.join(stranger, "ca.pem")),
                               ("erin", w.proxy.replace(NAME, "127.0.0.1"), w.trust)):
        mark = w.daemon.process.mark()
        phone = Linphone(site(), user, proxy, trust)
        w.daemon.process.wait_for("event=tls-failed rule=tls.handshake", after=mark)
        phone.process.wait_for("to .LinphoneRegistrationFailed")
        phone.stop()


if __name__ == "__main__":
    run_cases(finish)
