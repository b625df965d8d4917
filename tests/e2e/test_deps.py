"""scripts/deps, with stand-ins for the commands that would look at this system or change it."""

import glob
import os
import pty
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
from cases import case, run_cases  # noqa: E402

TESTS = os.path.join(os.environ["SIPSEAL_SOURCE"], "tests")
DEPS = os.path.join(os.environ["SIPSEAL_SOURCE"], "scripts/deps")
# dpkg-query knows every package but those in $MISSING, until sudo has run; the words given to sudo are kept.
STANDINS = {
    "dpkg-query": """for p; do :; done
[ -e "$FOLDER/sudo.log" ] && [ -z "$BROKEN" ] && MISSING=
case " $MISSING " in *" $p "*) exit 1 ;; *) printf installed ;; esac""",
    "id": "echo 1000",
    "sudo": 'echo "$@" >>"$FOLDER/sudo.log"',
    "apt-get": 'echo "$@" >>"$FOLDER/apt.log"',
}


class Result:
    def __init__(self, words, missing, ci="", answer=None, without=(), broken=""):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in STANDINS.items():
                if name not in without:
                    path = os.path.join(folder, name)
                    with open(path, "w", encoding="ascii") as f:
                        f.write("#!/bin/sh\n" + text + "\n")
                    os.chmod(path, 0o755)
            for name in ("sh", "cat"):
                os.symlink(f"/bin/{name}", os.path.join(folder, name))
            environment = {"PATH": folder, "FOLDER": folder, "MISSING": missing, "CI": ci, "BROKEN": broken}
            self.run(words, environment, answer)
            self.sudo, self.apt = [self.read(os.path.join(folder, f"{name}.log")) for name in ("sudo", "apt")]

    def run(self, words, environment, answer):
        source = subprocess.DEVNULL
        if answer is not None:
            ours, source = pty.openpty()
            os.write(ours, answer.encode())
        result = subprocess.run(["/bin/sh", DEPS, *words], stdin=source, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=environment, text=True, timeout=30, check=False)
        self.status, self.said = result.returncode, result.stdout

    @staticmethod
    def read(path):
        try:
            with open(path, encoding="ascii") as f:
                return f.read()
        except FileNotFoundError:
            return ""


@case
def where_nothing_is_missing_nothing_is_said_or_done():
    for purpose in ("build", "test", "demo", "fuzz"):
        result = Result([purpose, "-y"], "")
        assert (result.status, result.said, result.sudo, result.apt) == (0, "", "", ""), vars(result)


@case
def what_is_missing_is_listed_and_not_installed_when_nobody_can_be_asked():
    result = Result(["demo"], "kamailio gcc")
    assert result.status == 1 and "missing for 'demo': gcc kamailio" in result.said and not result.sudo, vars(result)
    assert "scripts/deps demo -y" in result.said, result.said


@case
def it_asks_and_a_no_is_a_no():
    result = Result(["build"], "gcc", answer="n\n")
    assert result.status == 1 and "[y/N]" in result.said and not result.sudo, vars(result)
    result = Result(["build"], "gcc", answer="y\n")
    assert result.status == 0 and result.sudo == f"sh {DEPS} --install build\n", vars(result)


@case
def with_y_and_in_ci_it_does_not_ask():
    for words, ci in ((["build", "-y"], ""), (["build"], "true")):
        result = Result(words, "gcc", ci=ci)
        assert result.status == 0 and "[y/N]" not in result.said and "--install build" in result.sudo, vars(result)


@case
def what_a_test_asks_for_by_name_is_installed_for_tests():
    with open(DEPS, encoding="utf-8") as f:
        listed = set(re.findall(r"[a-z][a-z0-9.+-]+", f.read()))
    asked = set()
    for path in glob.glob(os.path.join(TESTS, "*", "*.py")):
        with open(path, encoding="utf-8") as f:
            asked |= set(re.findall(r'\bneed\([^()]+, "([a-z0-9.+-]+)"\)', f.read()))
    assert {"kamailio", "sip-tester", "baresip-core"} <= asked, asked
    essential = {"util-linux"}
    assert asked <= listed | essential, f"scripts/deps does not install {asked - listed - essential}"


@case
def tests_can_go_on_without_their_peers_and_not_without_a_compiler():
    result = Result(["test"], "kamailio")
    assert result.status == 0 and "will be skipped" in result.said, vars(result)
    result = Result(["test"], "kamailio gcc")
    assert result.status == 1, vars(result)


@case
def without_root_and_sudo_it_says_what_is_needed():
    result = Result(["demo", "-y"], "kamailio", without=["sudo"])
    assert result.status == 1 and "needs root" in result.said and not result.apt, vars(result)


@case
def what_is_still_missing_afterwards_is_a_failure():
    result = Result(["demo", "-y"], "kamailio", broken="yes")
    assert result.status == 1 and "did not install: kamailio" in result.said, vars(result)


@case
def a_purpose_that_is_none_is_refused():
    result = Result(["everything"], "")
    assert result.status == 2 and "usage" in result.said, vars(result)


if __name__ == "__main__":
    run_cases()
