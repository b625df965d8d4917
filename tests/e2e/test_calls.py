"""Calls on real sockets: SIPp calls SIPp through sipseald, alone and with a real Kamailio behind or before it that
stays on the way of the dialog too (RFC 3261 16), over UDP, TCP and TLS."""
# timeout: 600

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import sipp  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from kamailio import Kamailio  # noqa: E402
from sites import Daemon, Site  # noqa: E402

CALLS = 200
_site, _kamailios = [], []


def site():
    if not _site:
        _site.append(Site())
    return _site[0]


def call(scenario, transport, behind=None, before=None, **options):
    """CALLS calls, all of which must go as the scenarios say; gives what sipseald said. `behind` puts something
    behind sipseald: it gets the URI of the called side and gives the URI to send to. `before` puts something before
    it: it gets sipseald and gives the address to call. `options` are sipseald's."""
    uas, port = sipp.callee(scenario, transport, CALLS)
    callee = f"sip:127.0.0.1:{port};transport={transport}"
    route = {"domain": "far.example", "next": behind(callee, transport) if behind else callee}
    daemon = Daemon(site(), f"proxy1.{transport}-{scenario}-{port}.example", routes=[route], **options).start()
    sipp.complete(scenario, transport, CALLS, before(daemon) if before else daemon.address(transport), uas)
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


# --- Kamailio, which stays on the way of the dialog too ---

def kamailio(routes, tls=None):
    number = len(_kamailios)
    proxy = Kamailio(os.path.join(site().path, f"kamailio-{number}"), program=need("/usr/sbin/kamailio", "kamailio"))
    _kamailios.append(proxy)
    site().at_end(proxy.stop)
    return proxy.start(routes, tls)


@case
def calls_go_through_kamailio_behind_sipseald():
    for transport in ("udp", "tcp"):
        call("call", transport, lambda callee, one: kamailio({"far.example": callee}).uri(one))


@case
def calls_come_through_kamailio_before_sipseald_answered_and_cancelled():
    for transport in ("udp", "tcp"):
        for scenario in ("call", "cancel"):
            log = call(scenario, transport,
                       before=lambda daemon, one=transport: kamailio({"far.example": daemon.uri(one)}).address)
            assert log.count("method=INVITE") >= CALLS, log[-2000:]


def keys():
    """One certificate for TLS for both ends, as localhost."""
    folder = os.path.join(site().path, "tls")
    if not os.path.exists(folder):
        site().home("tls.home.example").sipseal("ca", "issue", "--ca", site().ca, "-o", folder, "--tls", "localhost")
    return {"certificate": f"{folder}/localhost.tls.pem", "trust": f"{folder}/trust.pem"}, f"{folder}/localhost.tls.key"


@case
def calls_go_to_kamailio_behind_and_come_from_kamailio_before_over_mutual_tls():
    need("/usr/lib/x86_64-linux-gnu/kamailio/modules/tls.so", "kamailio-tls-modules")
    files, key = keys()
    machine = site().home("tls.home.example").party
    listen = [f"{transport}://127.0.0.1:0" for transport in ("udp", "tcp", "tls")]
    sections = {"server": {"names": ["localhost", "tls.home.example"], "listen": listen},
                "keys": {"certificate": machine.certificate, "private_key": machine.key},
                "tls": {**files, "private_key": key, "clients": "required"}}

    def behind(callee, _):
        port = kamailio({"far.example": callee}, {**files, "key": key}).tls_address[1]
        return f"sip:localhost:{port};transport=tls"

    def before(daemon):
        return kamailio({"far.example": daemon.uri("tls")}, {**files, "key": key}).address

    for scenario in ("call", "cancel"):
        log = call(scenario, "tcp", behind=behind, **sections)
        assert log.count("method=INVITE") >= CALLS, log[-2000:]
        log = call(scenario, "tcp", before=before, **sections)
        assert log.count("transport=TLS") >= CALLS, log[-2000:]


def finish():
    for one in _site:
        one.stop()


if __name__ == "__main__":
    run_cases(finish)
