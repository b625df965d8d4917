"""The second compiler."""
# timeout: 900

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
from cases import case, need, run_cases  # noqa: E402

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


if __name__ == "__main__":
    run_cases()
