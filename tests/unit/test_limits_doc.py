"""docs/limits.md names every limit of the code with the value that it has there, and no other; and what a configuration
can set with its bounds and default, as sipseald.conf(5) does.

A limit is a constant of an enumeration in a header whose name ends as limits' names do. What a file says of it is
found by reading the sources; expressions are worked out from the constants that they name."""

import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
from cases import case, run_cases  # noqa: E402

TREE = os.environ.get("SIPSEAL_SOURCE") or os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
LIMIT = re.compile(r"(_MAX(_MS|_S)?|_(LIMIT|AFTER|FIRST|LONGEST|STABLE|PARTIAL)_MS|_AFTER_S|_MIN(_MS)?|_WINDOW|_BATCH|"
                   r"_ROUNDS|_RECORDS|_SECONDS|_MESSAGES|_TIMES|_PART|_QUANTUM|_DEFAULT|_BUFFER|_AT_ONCE|BACKLOG|VAULT_ARENA)$")
CONSTANT = re.compile(r"^\s*([A-Z][A-Z0-9_]*)\s*=\s*(.+)$", re.S)


def read(path):
    with open(os.path.join(TREE, path), encoding="utf-8") as f:
        return f.read()


def sources():
    for folder in ("include/sipseal", "src/*"):
        for ending in ("h", "c"):
            yield from sorted(glob.glob(os.path.join(TREE, folder, f"*.{ending}")))


def constants():
    """[(file, name, expression)] of all enumerations."""
    found = []
    for path in sources():
        text = re.sub(r"/\*.*?\*/", " ", read(path), flags=re.S)
        for body in re.findall(r"\benum\s*(?:[a-z_]+\s*)?\{([^{}]*)\}", text):
            for item in re.split(r",(?![^()]*\))", body):
                matched = CONSTANT.match(item)
                if matched:
                    found.append((os.path.relpath(path, TREE), matched[1], " ".join(matched[2].split())))
    return found


def number(text):
    digits = text.rstrip("uUlL")
    return str(int(digits, 8 if re.fullmatch(r"0\d+", digits) else 0))


def value_of(expression, known):
    """The value of what is made of numbers and constants; None for anything else."""
    plain = re.sub(r"\b\d\w*", lambda m: number(m[0]), expression)
    try:
        plain = re.sub(r"[A-Za-z_]\w*", lambda m: f"({known[m[0]]})", plain)
        return int(eval(plain, {"__builtins__": {}}))  # numbers and operators alone are left
    except (KeyError, SyntaxError, TypeError):
        return None


def values():
    """{name: {value, ...}}: names in different files may be the same."""
    listed, found, known = constants(), {}, {}
    for _ in range(6):  # constants that name others
        for _, name, expression in listed:
            value = value_of(expression, known)
            if value is not None:
                known[name] = value
                found.setdefault(name, set()).add(value)
    return found


def documented():
    """{name: value} of the tables' first two columns."""
    rows = re.findall(r"^\| `([A-Z][A-Z0-9_]*)` \| (\d+)", read("docs/limits.md"), re.M)
    names = [name for name, _ in rows]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, f"stand twice: {sorted(twice)}"
    return {name: int(value) for name, value in rows}


def keys():
    """{key: (default, least, most)} of the list that the schema is made from."""
    known = {name: max(found) for name, found in values().items()}
    rows = re.findall(r"^\s*X\((\w+), LIMIT_\w+, ([^,]+), ([^,]+), ([^)]+)\)", read("src/config/limit_list.h"), re.M)
    return {name: tuple(value_of(part.strip(), known) for part in rest) for name, *rest in rows}


@case
def every_limit_of_the_code_is_documented():
    named = {name for path, name, _ in constants() if path.endswith(".h") and LIMIT.search(name)}
    assert len(named) > 100, f"only {len(named)} were found: this looked at the wrong thing"
    missing = sorted(named - set(documented()))
    assert not missing, f"docs/limits.md does not name {', '.join(missing)}"


@case
def every_documented_limit_is_in_the_code_with_that_value():
    found, wrong = values(), []
    for name, value in documented().items():
        if value not in found.get(name, set()):
            wrong.append(f"{name}: {value} in docs/limits.md, {sorted(found.get(name, set()))} in the code")
    assert not wrong, "\n".join(wrong)


@case
def every_key_of_the_configuration_is_documented_with_its_default_and_bounds():
    rows = re.findall(r"^\| `limits\.(\w+)` \| (\d+) \| (\d+) to (\d+) \|", read("docs/limits.md"), re.M)
    assert {name: tuple(map(int, rest)) for name, *rest in rows} == keys()
    assert len(keys()) >= 15


@case
def the_manual_page_says_the_same_of_them():
    rows = re.findall(r"^\.It Ic (\w+) Ta (\d+) to (\d+) Ta (\d+) Ta", read("man/sipseald.conf.5"), re.M)
    assert {name: (int(default), int(least), int(most)) for name, least, most, default in rows} == keys()


@case
def the_manual_page_explains_every_counter():
    page = read("man/sipseald.8")
    # What declares them, and what logs them with gauges besides.
    lists = {"src/proxy/proxy.h": ("PROXY_COUNTERS", "src/daemon/net_log.c"),
             "src/net/transports.h": ("TRANSPORTS_COUNTERS", "src/daemon/net_log.c"),
             "src/daemon/vault.h": ("VAULT_COUNTERS", "src/daemon/vault_job.c"),
             "src/daemon/store_batch.h": ("STORE_COUNTERS", "src/daemon/store_batch.c")}
    for path, (name, logged) in lists.items():
        block = re.search(rf"#define {name}\(X\)(.*?)\n\n", read(path), re.S)[1]
        counters = re.findall(r"\bX\((\w+)\)", block)
        assert counters, f"{name} declares nothing"
        more = re.findall(r'^        \{"(\w+)", ', read(logged), re.M)
        assert more, f"{logged} logs no gauge beside {name}"
        missing = [c for c in counters + more if not re.search(rf"^\.It Li (.* )?{c}\b", page, re.M)]
        assert not missing, f"sipseald(8) does not explain {', '.join(missing)} of {name}"


if __name__ == "__main__":
    run_cases()
