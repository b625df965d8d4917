"""Where the data of others lies, for tests that read it there."""

import os
import re

from cases import skip


def folder():
    """Where the build was told that the data of others lies; skipped when it does not. The tests may run in a copy of
    the tree, with nothing beside it, so what was compiled into the C tests is looked at."""
    with open(os.path.join(os.environ["SIPSEAL_BUILD"], "compile_commands.json"), encoding="utf-8") as f:
        found = re.search(r'-DVECTORS=[\\\\"\']*([^"\'\\\\ ]+)', f.read())
    assert found, "no C test was told where the data of others lies"
    if not os.path.isdir(found[1]):
        skip(f"no test vectors at {found[1]}")
    return os.path.realpath(found[1])
