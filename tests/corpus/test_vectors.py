"""The data of others: every file of it is used by a test, or listed with the reason why not (VECTORS)."""

import collections
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "e2e"), HERE]
from cases import case, run_cases  # noqa: E402
from vectors import folder  # noqa: E402

SOURCE = os.environ["SIPSEAL_SOURCE"]
Row = collections.namedtuple("Row", "how where pattern")


def expression(pattern):
    """A pattern as a regular expression over the whole path."""
    words = {"**": ".*", "*": "[^/]*", ".": r"\."}
    return re.compile(re.sub(r"\*\*|\*|\.", lambda m: words[m[0]], pattern))


def rows():
    with open(os.path.join(HERE, "VECTORS"), encoding="utf-8") as f:
        return [Row(*line.split()) for line in f if line.strip() and line[0] != "#"]


def expected():
    """The rows of the table that unit/cms_expected runs, each as the files that it names: the one that is judged, and
    those that it is judged with."""
    with open(os.path.join(HERE, "EXPECTED"), encoding="utf-8") as f:
        table = [line.split() for line in f if line.strip() and line[0] != "#"]
    return [[row[0]] + [name.lstrip("=") for name in row[4].split(",") if name not in ("-", "mail")] for row in table]


def files():
    root = folder()
    return sorted(os.path.relpath(os.path.join(at, name), root) for at, _, names in os.walk(root) for name in names)


def row_of(path):
    return next((row for row in rows() if expression(row.pattern).fullmatch(path)), None)


@case
def every_file_is_listed():
    names = files()
    assert len(names) > 1000
    unlisted = [name for name in names if not row_of(name)]
    assert not unlisted, f"{len(unlisted)} files are not in tests/corpus/VECTORS: {unlisted[:10]}"
    assert not row_of("rfc4475/new.txt") and not row_of("new"), "the list takes anything"
    print(dict(collections.Counter(row_of(name).how for name in names)))


@case
def every_row_of_the_list_stands_for_a_file():
    used = {row_of(name) for name in files()}
    idle = [row.pattern for row in rows() if row not in used]
    assert not idle, idle


def source_of(program):
    """The text of a test program."""
    place, name = program.split("/")
    found = glob.glob(os.path.join(SOURCE, "tests", place, f"test_{name}.*"))
    assert len(found) == 1, f"there is no test {program}"
    with open(found[0], encoding="utf-8") as f:
        return f.read()


@case
def a_test_that_is_said_to_compare_a_file_names_it():
    listed = {name for row in expected() for name in row}
    for name in files():
        row = row_of(name)
        if row.how != "compared":
            continue
        stem = os.path.splitext(os.path.basename(name))[0]
        if row.where == "unit/cms_expected":
            assert name in listed, f"tests/corpus/EXPECTED does not name {name}"
            continue
        text = source_of(row.where)
        assert stem in text, f"{row.where} does not name {name}"


@case
def every_row_of_the_table_of_what_is_expected_names_files_that_are_there_and_are_said_to_be_compared():
    names = set(files())
    for row in expected():
        for name in row:
            assert name in names, f"tests/corpus/EXPECTED names {name}, which is not there"
        assert row_of(row[0]).how == "compared", f"{row[0]} is in EXPECTED, and VECTORS does not say compared"


@case
def a_test_that_is_said_to_walk_a_folder_names_it():
    for row in rows():
        if row.how == "walked":
            top = "/".join(row.pattern.split("/")[:2 if row.pattern.startswith("fuzz-seeds") else 1])
            assert f'walk(*state, VECTORS "/{top}"' in source_of(row.where), row


@case
def what_is_said_to_be_a_seed_is_one():
    with open(os.path.join(SOURCE, "tests/fuzz/run"), encoding="utf-8") as f:
        text = f.read()
    for row in rows():
        if row.how == "seed":
            table = re.search(rf'"{row.where}": \(\[.*?\), *\n', text, re.S) or re.search(rf'"{row.where}": .*', text)
            assert row.pattern.removesuffix("/**") in table[0], row


if __name__ == "__main__":
    run_cases()
