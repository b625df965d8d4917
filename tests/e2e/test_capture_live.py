#!/usr/bin/env python3
"""What tcpdump really writes of a real exchange on loopback, read by `sipseal inspect`. Needs root to capture."""

import json
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

from cases import case, need, run_cases  # noqa: E402
from processes import Process, run, until  # noqa: E402
from sites import ALICE, BOB, Site  # noqa: E402

_sites = []


def finish():
    for one in _sites:
        one.stop()


@case
def a_real_capture_of_loopback_shows_what_was_sent_and_answered():
    tcpdump = need("tcpdump", "tcpdump")
    site = Site()
    _sites.append(site)
    site.home(ALICE).knows(BOB)
    bob = site.home(BOB).knows(ALICE)
    listener = bob.listen("--json")
    path = os.path.join(site.path, "lo.pcap")
    process = Process([tcpdump, "-i", "lo", "-U", "--immediate-mode", "-s", "0", "-Z", "root", "-w", path,
                       f"tcp port {listener.addresses['tcp'][1]}"], "tcpdump")
    site.at_end(process.stop)
    process.wait_for("listening on lo")
    site.home(ALICE).send(listener.uri(), BOB, "caught on the way")

    def seen():
        result = run([site.sipseal, "inspect", "--json", "--as", BOB, path], None, None, bob.environment)
        messages = [json.loads(line) for line in result.stdout.decode().splitlines()]
        return messages if len(messages) == 2 else None

    request, response = until(seen, "the request and its response in the capture")
    assert [part["text"] for part in request["parts"] if "text" in part] == ["caught on the way"], request
    assert response["status"] == 200 and response["captured"]["transport"] == "TCP", response
    assert response["captured"]["source"] == request["captured"]["destination"], (request, response)


if __name__ == "__main__":
    run_cases(finish)
