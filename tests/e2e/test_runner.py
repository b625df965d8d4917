"""tests/run, fed with programs that crash, hang, say nothing and fail: none of that may pass for success."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
from cases import case, run_cases  # noqa: E402

RUN = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "run")

GOOD = """echo '[==========] Running 2 test(s).'
echo '[ RUN      ] a'; echo '[       OK ] a'; echo '[ RUN      ] b'; echo '[       OK ] b'
echo '[==========] 2 test(s) run.'; echo '[  PASSED  ] 2 test(s).'"""


def run(*scripts, ci="", timeout=10):
    """Runs shell scripts as test programs. Gives the exit status, all output, the last line."""
    tests = [{"name": f"fake/{n}", "cmd": ["/bin/sh", "-c", script], "env": {}, "timeout": timeout, "suite": []}
             for n, script in enumerate(scripts)]
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as f:
        json.dump(tests, f)
    result = subprocess.run([sys.executable, RUN, "--list", f.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, env={**os.environ, "CI": ci}, timeout=60, check=False)
    os.unlink(f.name)
    return result.returncode, result.stdout, result.stdout.splitlines()[-1]


def expect(result, status, last):
    assert (result[0], result[2]) == (status, last), result[1]


@case
def cases_of_several_programs_are_added_up():
    expect(run(GOOD, GOOD), 0, "4 passed, 0 failed, 0 skipped")


@case
def a_failed_case_is_counted_once_though_cmocka_lists_it_twice():
    script = """echo '[==========] Running 2 test(s).'
    echo '[ RUN      ] a'; echo '[  FAILED  ] a'; echo '[ RUN      ] b'; echo '[       OK ] b'
    echo '[==========] 2 test(s) run.'; echo '[  PASSED  ] 1 test(s).'
    echo '[  FAILED  ] 1 test(s), listed below:'; echo '[  FAILED  ] a'; exit 1"""
    result = run(script)
    expect(result, 1, "1 passed, 1 failed, 0 skipped")
    assert "FAILED: fake/0: a" in result[1], "the failed case is not named"


@case
def a_crash_is_a_failure_even_after_its_cases_passed():
    expect(run(GOOD + "\nkill -SEGV $$"), 1, "2 passed, 1 failed, 0 skipped")


@case
def a_crash_in_the_middle_counts_what_was_not_told():
    script = "echo '[==========] Running 2 test(s).'; echo '[ RUN      ] a'; kill -ABRT $$"
    result = run(script)
    assert result[0] == 1 and "2 cases were announced, 0 were told of" in result[1], result[1]


@case
def an_exit_status_alone_is_a_failure():
    expect(run(GOOD + "\nexit 3"), 1, "2 passed, 1 failed, 0 skipped")


@case
def a_program_that_says_nothing_is_a_failure():
    expect(run("true"), 1, "0 passed, 1 failed, 0 skipped")


@case
def a_program_that_runs_no_case_is_a_failure():
    expect(run("echo '[==========] Running 0 test(s).'; echo '[==========] 0 test(s) run.'"), 1,
           "0 passed, 1 failed, 0 skipped")


@case
def a_program_that_tells_of_fewer_cases_than_it_announced_is_a_failure():
    script = """echo '[==========] Running 3 test(s).'; echo '[ RUN      ] a'; echo '[       OK ] a'
    echo '[==========] 3 test(s) run.'"""
    expect(run(script), 1, "1 passed, 1 failed, 0 skipped")


@case
def a_program_that_hangs_is_ended_and_is_a_failure():
    result = run(GOOD + "\nexec sleep 1000", timeout=1)
    expect(result, 1, "2 passed, 1 failed, 0 skipped")
    assert "still running after 1 s" in result[1]


@case
def a_program_that_is_not_there_is_a_failure():
    expect(run("exec /nonexistent/program"), 1, "0 passed, 1 failed, 0 skipped")


@case
def a_process_left_behind_is_ended_and_is_a_failure():
    result = run(GOOD + "\nsleep 1000 &\necho pid $!; echo '[  X '; exit 0")
    expect(result, 1, "2 passed, 1 failed, 0 skipped")
    pid = int(result[1].split("| pid ")[1].split()[0])
    assert not os.path.exists(f"/proc/{pid}") or b"sleep" not in open(f"/proc/{pid}/cmdline", "rb").read()


@case
def no_program_at_all_is_a_failure():
    expect(run(), 1, "0 passed, 0 failed, 0 skipped")


SKIP = """echo '[==========] Running 2 test(s).'
echo '[ RUN      ] a'; echo "%s"; echo '[  SKIPPED ] a'; echo '[ RUN      ] b'; echo '[       OK ] b'
echo '[==========] 2 test(s) run.'"""


@case
def a_skip_is_counted_apart_and_its_reason_told():
    result = run(SKIP % "kamailio is missing; install kamailio")
    expect(result, 0, "1 passed, 0 failed, 1 skipped")
    assert "skipped: a: kamailio is missing; install kamailio" in result[1]


@case
def in_ci_a_missing_peer_is_a_failure():
    expect(run(SKIP % "kamailio is missing; install kamailio", ci="true"), 1, "1 passed, 1 failed, 0 skipped")


@case
def in_ci_missing_data_of_others_stays_a_skip():
    expect(run(SKIP % "../shared/vectors is absent", ci="true"), 0, "1 passed, 0 failed, 1 skipped")


@case
def a_program_runs_as_an_ordinary_user_with_a_home_of_its_own():
    script = """echo '[==========] Running 1 test(s).'; echo '[ RUN      ] a'
    [ "$(id -u)" -ne 0 ] && touch "$HOME/x" "$TMPDIR/y" && echo '[       OK ] a' || echo '[  FAILED  ] a'
    echo '[==========] 1 test(s) run.'"""
    expect(run(script), 0, "1 passed, 0 failed, 0 skipped")


if __name__ == "__main__":
    run_cases()
