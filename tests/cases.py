"""Test cases in Python, told of in cmocka's words, so that tests/run counts them as it counts those in C.

A case is a function marked @case, whose name is a sentence that says what holds. It fails by an exception, and is
skipped by calling skip(reason) or need(command, package)."""

import os
import shutil
import sys
import traceback

_cases = []


class Skipped(Exception):
    pass


def case(function):
    _cases.append(function)
    return function


def skip(reason):
    raise Skipped(reason)


def need(path_or_command, package):
    """The path of a peer or tool; without it the case is skipped, and says what to install."""
    found = path_or_command if os.path.exists(path_or_command) else shutil.which(path_or_command)
    if not found:
        skip(f"{path_or_command} is missing; install {package} (scripts/deps test)")
    return found


def run_cases(finish=None):
    """Runs the cases of the program, or those whose names contain an argument; `finish` at the end, whatever happens.
    Ends the program."""
    wanted = sys.argv[1:]
    cases = [c for c in _cases if not wanted or any(word in c.__name__ for word in wanted)]
    failed = 0
    print(f"[==========] Running {len(cases)} test(s).", flush=True)
    try:
        for one in cases:
            name = one.__name__
            print(f"[ RUN      ] {name}", flush=True)
            try:
                one()
            except Skipped as reason:
                print(f"{reason}\n[  SKIPPED ] {name}", flush=True)
            except Exception:  # a case may fail in any way
                traceback.print_exc(file=sys.stdout)
                print(f"[  FAILED  ] {name}", flush=True)
                failed += 1
            else:
                print(f"[       OK ] {name}", flush=True)
    finally:
        if finish:
            finish()
    print(f"[==========] {len(cases)} test(s) run.", flush=True)
    sys.exit(1 if failed else 0)
