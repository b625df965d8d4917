"""The files of the corpus: which class each stands for."""

import glob
import os
import re

HERE = os.path.dirname(os.path.realpath(__file__))
CLASS = re.compile(r'^class (\S+) (\S+) "([^"]+)"$')


def files():
    """Every case: a script of messages, or a changed CMS object."""
    return sorted(glob.glob(os.path.join(HERE, "sip", "*", "*.flow")) + glob.glob(os.path.join(HERE, "mime", "*.flow"))
                  + glob.glob(os.path.join(HERE, "cms", "*.case")))


def name_of(path):
    return os.path.splitext(os.path.basename(path))[0]


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def lines_of(path):
    """The statements of a case of CMS, without its class and comments."""
    lines = [line.split("#")[0].strip() for line in read(path).splitlines()]
    return [line for line in lines if line and not line.startswith("class ")]


def classes_of(path):
    """(document, class, what it stands for), for each class that the case says it stands for."""
    return [match.groups() for match in map(CLASS.match, read(path).splitlines()) if match]


def wanted_classes():
    """The classes that must have a case, as (document, class): CLASSES."""
    with open(os.path.join(HERE, "CLASSES"), encoding="utf-8") as f:
        lines = [line.split("#")[0].split() for line in f]
    return [(words[0], name) for words in lines if words for name in words[1:]]
