"""A strict reader of Prometheus' text format 0.0.4: what is not exactly that is a failure."""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\+Inf|-?\d+(?:\.\d+)?)")


class Family:
    def __init__(self, name, text):
        self.name = name
        self.help = text
        self.type = None
        self.samples = {}  # {(name, ((label, value), ...)): number}


def _family_of(families, sample):
    for name in (sample, re.sub(r"_(bucket|sum|count)$", "", sample)):
        if name in families and (name == sample or families[name].type == "histogram"):
            return families[name]
    raise AssertionError(f"{sample} has no HELP and TYPE before it")


def _check_histogram(family):
    buckets = [(labels, value) for (name, labels), value in family.samples.items() if name.endswith("_bucket")]
    bounds = [float(dict(labels)["le"]) for labels, _ in buckets]
    counts = [value for _, value in buckets]
    assert bounds == sorted(set(bounds)) and bounds[-1] == float("inf"), bounds
    assert counts == sorted(counts) and counts[-1] == family.samples[(family.name + "_count", ())], counts
    assert (family.name + "_sum", ()) in family.samples


def read(text):
    """{name: Family} in their order."""
    families, current = {}, None
    assert text.endswith("\n") and "\r" not in text
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, words = line[7:].split(" ", 1)
            assert re.fullmatch(NAME, name) and name not in families and words.strip(), line
            assert not re.search(r"\\(?![\\n])", words), line
            current = families[name] = Family(name, words)
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert current and current.name == name and current.type is None and not current.samples, line
            assert kind in ("counter", "gauge", "histogram"), line
            assert kind != "counter" or name.endswith("_total"), line
            current.type = kind
        else:
            matched = SAMPLE.fullmatch(line)
            assert matched, line
            family = _family_of(families, matched[1])
            assert family is current and family.type, f"{line} does not stand with the others of its family"
            labels = tuple(tuple(pair.split("=", 1)) for pair in re.findall(LABEL, matched[2] or ""))
            labels = tuple((label, value[1:-1]) for label, value in labels)
            assert len({label for label, _ in labels}) == len(labels), line
            key = (matched[1], labels)
            assert key not in family.samples, f"{line} stands twice"
            family.samples[key] = float(matched[3])
    for family in families.values():
        assert family.type, family.name
        if family.type == "histogram":
            _check_histogram(family)
    return families
