"""The manual pages: mandoc finds nothing wrong with them, and they name every command and every option that there is."""

import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
from cases import case, need, run_cases  # noqa: E402
from processes import run  # noqa: E402

BUILD = os.path.realpath(os.environ["SIPSEAL_BUILD"])
SOURCE = os.environ.get("SIPSEAL_SOURCE") or os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
PAGES = sorted(glob.glob(os.path.join(SOURCE, "man/*.[1-8]")))


def shown(path):
    """A page as its reader sees it, in one line."""
    text = run([need("mandoc", "mandoc"), "-Tascii", path]).decode()
    return " ".join(re.sub(r".\x08", "", text).split())


def help_of(program, *words):
    return run([os.path.join(BUILD, program), *words, "--help"]).decode()


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


@case
def mandoc_has_no_warning_about_any_page():
    assert len(PAGES) == 3, PAGES
    mandoc = need("mandoc", "mandoc")
    said = subprocess.run([mandoc, "-Tlint", "-Wwarning", *PAGES], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=False).stdout.decode()
    assert not said, said


@case
def sipseald_s_page_names_each_command_and_option():
    page, told = shown(os.path.join(SOURCE, "man/sipseald.8")), help_of("sipseald")
    options = options_in(told)
    commands = re.search(r"^ +sipseald ([a-z|]+) \[", told, re.M)[1].split("|")
    assert len(options) >= 7 and "status" in commands, (options, commands)
    missing = [word for word in sorted(options) if word not in page]
    missing += [word for word in commands if not re.search(rf"\b{word}\b", page)]
    assert not missing, f"sipseald(8) does not name {missing}"


@case
def sipseal_s_page_names_each_command_and_option():
    page, told = shown(os.path.join(SOURCE, "man/sipseal.1")), help_of("sipseal")
    commands = [line.strip() for line in re.findall(r"^  ([a-z]+(?: [a-z]+)?)(?= {2,})", told, re.M)]
    assert len(commands) > 8, told
    for command in commands:
        assert f"sipseal {command}" in page, command
        missing = [option for option in sorted(options_in(help_of("sipseal", *command.split()))) if option not in page]
        assert not missing, f"sipseal(1) does not name {missing} of {command}"


if __name__ == "__main__":
    run_cases()
