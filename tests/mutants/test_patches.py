"""Every mutant still fits the tree: its patch applies, and the case that it names is there. Whether the case notices is
for `make mutants` to say (docs/testing.md)."""

import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
from cases import case, run_cases  # noqa: E402
from mutant import SOURCE, Mutant, PatchError, mutant_files  # noqa: E402


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as f:
        return f.read()


def faults(check):
    """What a check says of each mutant for which it says something."""
    found = []
    for file in mutant_files():
        try:
            fault = check(Mutant(file))
        except PatchError as error:
            fault = str(error)
        if fault:
            found.append(f"{os.path.basename(file)}: {fault}")
    assert not found, "\n".join(found)


@case
def every_patch_applies_and_changes_something():
    def check(mutant):
        text = read(mutant.path)
        return "it changes nothing" if mutant.apply_to(text) == text else None

    assert len(mutant_files()) > 0
    faults(check)


@case
def every_patch_names_a_case_that_exists():
    def check(mutant):
        room, program = mutant.program.split("/")
        if room == "flow":
            path = os.path.join(SOURCE, "tests", "flow", mutant.case + ".flow")
            return None if os.path.exists(path) else f"there is no script {mutant.case}"
        text = read("tests", room, f"test_{program}.c")
        defined = f"static void {mutant.case}(void **state)" in text
        registered = re.search(rf"\w\({mutant.case}[,)]", text)
        return None if defined and registered else f"{mutant.program} has no case {mutant.case}"

    faults(check)


@case
def every_patch_cites_a_section_of_the_wire_profile():
    sections = set(re.findall(r"^#{2,3} (\d+(?:\.\d+)?)", read("docs", "protocol.md"), re.M))
    assert "2.1" in sections

    def check(mutant):
        cited = re.match(r"protocol\.md (\d+(?:\.\d+)?)\b", mutant.rule)
        return None if cited and cited[1] in sections else f"no section is cited: {mutant.rule}"

    faults(check)


TEXT = "one\ntwo\nthree\nfour\nfive\n"
HEAD = "Rule: protocol.md 2: a rule\nTest: unit/base a_case\n\n"


def made(diff, name="000-made"):
    """A mutant of a diff, whose file is written where tests may write."""
    path = os.path.join(tempfile.gettempdir(), name + ".patch")
    with open(path, "w", encoding="utf-8") as f:
        f.write(HEAD + "--- a/x\n+++ b/x\n" + diff)
    return Mutant(path)


def refused(act):
    try:
        act()
    except PatchError:
        return
    raise AssertionError("it was taken")


@case
def a_patch_is_placed_by_its_lines_and_never_by_guess():
    mutant = made("@@ -90,3 +90,3 @@\n two\n-three\n+3\n four\n")
    assert mutant.apply_to(TEXT) == TEXT.replace("three", "3")
    assert mutant.apply_to("0\n" + TEXT) == "0\n" + TEXT.replace("three", "3")
    assert mutant.apply_to(TEXT.replace("two", "2")) == "one\n2\n3\nfour\nfive\n"  # context may differ at the ends
    refused(lambda: mutant.apply_to(TEXT.replace("three", "drei")))
    refused(lambda: mutant.apply_to(TEXT + TEXT))


@case
def what_is_no_patch_is_refused():
    refused(lambda: made("@@ -1,3 +1,2 @@\n two\n-three\n+3\n four\n"))
    refused(lambda: made("two\n-three\n"))
    refused(lambda: made(""))


if __name__ == "__main__":
    run_cases()
