"""Every class has a case, and every case has a class. Before the cases it shows the table of both."""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "e2e"), HERE]
import corpus  # noqa: E402
from cases import case, run_cases  # noqa: E402


def table():
    """{(document, class): [(name of the case, what it stands for)]} in the order of CLASSES."""
    found = {wanted: [] for wanted in corpus.wanted_classes()}
    for path in corpus.files():
        for document, name, sentence in corpus.classes_of(path):
            found.setdefault((document, name), []).append((corpus.name_of(path), sentence))
    return found


@case
def every_class_has_a_case():
    lacking = [" ".join(wanted) for wanted, cases in table().items() if not cases]
    assert not lacking, f"no case stands for: {', '.join(lacking)}"


@case
def every_case_stands_for_one_class_that_is_wanted():
    wanted = corpus.wanted_classes()
    assert len(wanted) == len(set(wanted))
    for path in corpus.files():
        classes = corpus.classes_of(path)
        assert len(classes) == 1 and classes[0][:2] in wanted, (path, classes)


@case
def every_case_says_what_must_come_of_it_at_the_parser_and_at_the_proxy():
    for path in corpus.files():
        words = [line.split()[0] for line in corpus.read(path).splitlines() if line.strip()]
        if path.endswith(".case"):
            assert {"verify", "open", "readers"} & set(words), path
            continue
        assert "parsed" in words, path
        arrived = [at for at, word in enumerate(words) if word in ("receive", "unreadable")]
        outcomes = {"send", "untouched", "log", "nothing", "ask"}
        assert arrived and all(outcomes & set(words[at + 1:]) for at in arrived), path


@case
def the_sections_of_the_rfcs_are_all_among_the_classes():
    wanted = corpus.wanted_classes()
    sections = {"rfc4475": [f"3.1.1.{n}" for n in range(1, 14)] + [f"3.1.2.{n}" for n in range(1, 20)] + ["3.2.1"]
                + [f"3.3.{n}" for n in range(1, 16)] + ["3.4.1"], "rfc5118": [f"4.{n}" for n in range(1, 11)]}
    for document, names in sections.items():
        assert [name for one, name in wanted if one == document] == names, document


def show():
    for (document, name), cases in table().items():
        print(f"{document:8} {name:22} " + f"\n{'':32}".join(f"{one}: {sentence}" for one, sentence in cases))


if __name__ == "__main__":
    show()
    run_cases()
