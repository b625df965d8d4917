"""scripts/install-check, with stand-ins for what would make a system and run the commands of the README."""

import glob
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
from cases import case, run_cases  # noqa: E402

SCRIPT = os.path.join(os.environ["SIPSEAL_SOURCE"], "scripts/install-check")
SOURCE_LINE = "http://mirror.example/debian|bookworm|bookworm|main|"
# unshare runs what is to happen in namespaces: here debootstrap, or `sh -c ENTER sh ROOT demo|test`.
STANDINS = {
    "id": "echo $UID_GIVEN",
    "apt-get": 'echo "$TARGETS"',
    "apt-config": 'echo \'Acquire::http::Proxy "http://proxy.example";\'; echo \'DPkg::Post-Invoke "harm";\'',
    "git": "exit 0",
    "debootstrap": "exit 0",
    "unshare": '''. "${0%/*}/given"
for last; do :; done
case $last in
demo) exit $DEMO ;;
test) echo "$COUNTS"; exit $TEST ;;
esac
exit $DEBOOTSTRAP''',
}


class Result:
    def __init__(self, words=(), uid="0", targets=SOURCE_LINE, demo="0", test="0", debootstrap="0",
                 counts="7 passed, 0 failed, 1 skipped", without=()):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in STANDINS.items():
                if name in without:
                    continue
                path = os.path.join(folder, name)
                with open(path, "w", encoding="ascii") as f:
                    f.write("#!/bin/sh\n" + text + "\n")
                os.chmod(path, 0o755)
            with open(os.path.join(folder, "given"), "w", encoding="ascii") as f:
                f.write(f"DEMO={demo} TEST={test} DEBOOTSTRAP={debootstrap} COUNTS='{counts}'\n")
            environment = {"PATH": folder, "TMPDIR": folder, "UID_GIVEN": uid, "TARGETS": targets}
            result = subprocess.run([sys.executable, SCRIPT, *words], env=environment, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
            self.status, self.said = result.returncode, result.stdout
            self.logs = glob.glob(f"{folder}/sipseal-install-check-*.log")
            self.left = [f for f in glob.glob(f"{folder}/sipseal-install-check-*") if f not in self.logs]


def assert_ended(result, status, words, log):
    assert result.status == status and words in result.said, vars(result)
    assert not result.left and len(result.logs) == log, vars(result)


@case
def where_both_commands_do_what_they_should_it_says_the_counts_and_leaves_nothing():
    assert_ended(Result(), 0, "make test: 7 passed, 0 failed, 1 skipped", 0)


@case
def a_command_that_fails_is_a_failure_and_the_log_is_kept():
    assert_ended(Result(demo="1"), 1, "make demo ended with status 1", 1)
    assert_ended(Result(test="2", counts="6 passed, 1 failed, 1 skipped"), 1, "6 passed, 1 failed, 1 skipped", 1)


@case
def a_test_run_that_counts_nothing_is_a_failure():
    assert_ended(Result(counts="all is well"), 1, "counted no cases", 1)


@case
def a_system_that_cannot_be_made_is_a_failure():
    assert_ended(Result(debootstrap="1"), 1, "debootstrap ended with status 1", 1)


@case
def where_it_cannot_be_tried_it_says_why():
    assert_ended(Result(uid="1000"), 77, "needs root", 0)
    assert_ended(Result(without=["debootstrap"]), 77, "install debootstrap", 0)
    assert_ended(Result(targets=SOURCE_LINE.replace("bookworm", "trixie")), 77, "no Debian 12", 0)


@case
def a_word_that_it_does_not_know_is_wrong_usage():
    assert_ended(Result(words=["everything"]), 2, "scripts/install-check", 0)


if __name__ == "__main__":
    run_cases()
