"""SIPp as both ends of calls, by the scenarios sipp_SCENARIO_uac.xml and sipp_SCENARIO_uas.xml beside this file."""

import os

from cases import need
from kamailio import free_port
from processes import Process, until

HERE = os.path.dirname(os.path.realpath(__file__))
LIMIT = 120


def start(role, scenario, transport, count, *words):
    flag = {"udp": "u1", "tcp": "t1"}[transport]
    return Process([need("sipp", "sip-tester"), "-sf", os.path.join(HERE, f"sipp_{scenario}_{role}.xml"), "-i",
                    "127.0.0.1", "-t", flag, "-m", str(count), "-nostdin", "-timeout", str(LIMIT), "-timeout_error",
                    *words], f"SIPp {role}")


def is_bound(port, transport):
    """Whether somebody on this machine has taken the port."""
    with open(f"/proc/net/{transport}", encoding="ascii") as f:
        return any(line.split()[1].endswith(f":{port:04X}") for line in f.readlines()[1:])


def callee(scenario, transport, count):
    """The called side, which listens; gives it and its port."""
    port = free_port()
    uas = start("uas", scenario, transport, count, "-p", str(port))
    until(lambda: is_bound(port, transport), "SIPp listens")
    return uas, port


def complete(scenario, transport, count, address, uas):
    """Makes the calls to an address, at 50 a second: all must go as the scenarios say."""
    uac = start("uac", scenario, transport, count, "-r", "50", "{}:{}".format(*address))
    for side in (uac, uas):
        assert side.wait(LIMIT + 30) == 0, side.log()[-3000:]
