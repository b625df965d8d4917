"""The second compiler, and what each program is linked with."""
# timeout: 900

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
from cases import case, need, run_cases  # noqa: E402
from sites import build_folder  # noqa: E402

SOURCE = os.environ["SIPSEAL_SOURCE"]


@case
def every_file_compiles_with_clang_without_a_warning():
    need("clang", "clang")
    with tempfile.TemporaryDirectory() as folder:
        setup = subprocess.run(["meson", "setup", folder, SOURCE, "--buildtype=debug"],
                               env={**os.environ, "CC": "clang"}, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, check=False)
        assert setup.returncode == 0, setup.stdout
        build = subprocess.run(["ninja", "-C", folder, "-k", "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, check=False)
        warnings = re.findall(r"^.*warning: .*$", build.stdout, re.M)
        assert build.returncode == 0 and not warnings, "\n".join(warnings) or build.stdout[-8000:]


# What each program may be linked with, beside the C library (docs/architecture.md): an exploited SIP parser finds no
# cryptography, an exploited CMS parser no network.
LIBRARIES = {
    "sipseald": {"libcrypto", "libyaml-0"},
    "sipseald-net": {"libevent_core-2"},
    "sipseald-vault": {"libcrypto"},
    "sipseald-store": {"libsqlite3"},
}
SANITIZERS = {"libasan", "libubsan"}


@case
def each_process_is_linked_with_what_it_needs_and_nothing_else():
    need("readelf", "binutils")
    for program, allowed in LIBRARIES.items():
        listed = subprocess.run(["readelf", "-d", os.path.join(build_folder(), program)], stdout=subprocess.PIPE, text=True,
                                check=True)
        needed = {re.split(r"[.]", name)[0] for name in re.findall(r"\(NEEDED\).*\[(.*)\]", listed.stdout)}
        assert "libc" in needed, listed.stdout
        assert needed - {"libc", "libm", "libgcc_s"} - SANITIZERS == allowed, f"{program}: {sorted(needed)}"


if __name__ == "__main__":
    run_cases()
