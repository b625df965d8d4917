"""Calls on real sockets: SIPp calls SIPp through sipseald, alone and with a real Kamailio behind it that stays on the
way of the dialog too (RFC 3261 16)."""
# timeout: 600

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import sipp  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from kamailio import Kamailio  # noqa: E402
from sites import Daemon, Site  # noqa: E402

CALLS = 200
_site = []


def site():
    if not _site:
        _site.append(Site())
    return _site[0]


def call(scenario, transport, between=None):
    """CALLS calls, all of which must go as the scenarios say. `between` puts something behind sipseald: it gets the URI
    of the called side and gives the URI to send to."""
    uas, port = sipp.callee(scenario, transport, CALLS)
    callee = f"sip:127.0.0.1:{port};transport={transport}"
    daemon = Daemon(site(), f"proxy1.{transport}-{scenario}-{port}.example",
                    next_hop=between(callee, transport) if between else callee).start()
    sipp.complete(scenario, transport, CALLS, daemon.address(transport), uas)
    log = daemon.process.log()
    daemon.stop()
    return log


@case
def hundreds_of_calls_over_udp_ring_are_answered_and_end_by_the_route():
    log = call("call", "udp")
    assert log.count("method=INVITE") >= CALLS and log.count("method=BYE") >= CALLS, log[-2000:]


@case
def hundreds_of_calls_over_tcp_ring_are_answered_and_end_by_the_route():
    call("call", "tcp")


@case
def calls_that_are_cancelled_end_with_487_over_udp_and_tcp():
    for transport in ("udp", "tcp"):
        log = call("cancel", transport)
        assert log.count("status=487") >= CALLS, log[-2000:]


@case
def calls_go_through_kamailio_that_stays_on_the_way_too():
    program = need("/usr/sbin/kamailio", "kamailio")

    def kamailio(callee, transport):
        proxy2 = Kamailio(os.path.join(site().path, f"kamailio-{transport}"), program=program)
        site().at_end(proxy2.stop)
        return proxy2.start({"far.example": callee}).uri(transport)

    for transport in ("udp", "tcp"):
        call("call", transport, kamailio)


def finish():
    for one in _site:
        one.stop()


if __name__ == "__main__":
    run_cases(finish)
