"""Each process of sipseald links what it needs and nothing else: what is not in a process cannot be exploited there
(docs/architecture.md)."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
from cases import case, need, run_cases  # noqa: E402

BUILD = os.environ["SIPSEAL_BUILD"]
SANITIZERS = {"libasan", "libubsan", "libclang_rt", "libm", "libgcc_s", "libpthread", "libdl", "libresolv", "librt"}


def needed(program):
    """The libraries that an executable names, without version."""
    readelf = need("readelf", "binutils")
    path = os.path.join(BUILD, program)
    listed = subprocess.run([readelf, "-d", path], stdout=subprocess.PIPE, check=True).stdout.decode()
    return {re.split(r"[-.]", name)[0] for name in re.findall(r"\(NEEDED\).*\[(.+?)\]", listed)}


def sanitized(program):
    path = os.path.join(BUILD, program)
    with open(path, "rb") as f:
        return b"__asan_init" in f.read()


def expect(program, libraries):
    found = needed(program)
    assert "libc" in found, f"{program} names no C library: this looked at the wrong thing"
    if sanitized(program):
        found -= SANITIZERS
    assert found == libraries | {"libc"}, f"{program} needs {sorted(found)}"


@case
def the_parent_links_cryptography_its_fence_yaml_and_what_writes_policy_objects():
    expect("sipseald", {"libcrypto", "libseccomp", "libyaml", "libjansson"})


@case
def the_process_with_the_network_links_an_event_loop_its_fence_and_tls():
    expect("sipseald-net", {"libevent_core", "libseccomp", "libssl", "libcrypto"})


@case
def the_process_with_the_keys_links_cryptography_and_its_fence_alone():
    expect("sipseald-vault", {"libcrypto", "libseccomp"})


@case
def the_process_with_the_archive_links_a_database_its_fence_and_no_cryptography():
    expect("sipseald-store", {"libsqlite3", "libseccomp"})


@case
def what_asks_the_parent_links_what_reads_configurations_and_json():
    expect("sipseald-control", {"libcrypto", "libyaml", "libjansson"})


if __name__ == "__main__":
    run_cases()
