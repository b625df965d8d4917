"""The cases of tests/corpus/cms: what is not quite the CMS that it should be, and what is said of it. Each file is a
case; der.py has the notation of the changes. What a rule leads to at a proxy is in rule.h and docs/rules.md."""
# timeout: 600

import atexit
import glob
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "e2e"), HERE]
import corpus  # noqa: E402
import der  # noqa: E402
import openssl  # noqa: E402
from cases import case, need, run_cases  # noqa: E402
from processes import run  # noqa: E402
from rules import RULES  # noqa: E402

CONTENT = b"what Alice wrote"
WORDS = ("like", "verify", "open", "readers")


class World:
    """Alice, Bob and good objects of theirs, by sipseal itself. Keys are made for the run."""

    def __init__(self):
        need(openssl.PROGRAM, "openssl")
        self.folder = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, self.folder, True)
        ca = openssl.authority(f"{self.folder}/ca")
        self.anchor = f"{ca}/ca.pem"
        for name in ("alice", "bob"):
            openssl.issue(ca, self.folder, name, f"URI:sip:{name}@home.example")
        self.alice = [f"{self.folder}/alice.pem", f"{self.folder}/alice.key"]
        self.good = {"signed": self.tool("sign", *self.alice, data=CONTENT),
                     "sealed": self.tool("seal", self.alice[0], f"{self.folder}/bob.pem", data=CONTENT)}
        self.names = {kind: der.read_names(os.path.join(HERE, "cms", kind + ".names")) for kind in self.good}

    @staticmethod
    def tool(word, *files, data):
        """What cmstool writes; or the name of the rule that was broken."""
        program = os.path.join(os.environ["SIPSEAL_BUILD"], "tests", "interop", "cmstool")
        result = run([program, word, "-", "-", *files], data, status=None)
        assert result.returncode in (0, 1), result
        return result.stdout if result.returncode == 0 else result.stderr.decode().strip()

    def sign(self, octets):
        return run([openssl.PROGRAM, "dgst", "-sha256", "-sign", self.alice[1]], octets)

    def object(self, kind):
        return der.Object(self.good[kind], self.names[kind], self.sign)

    def said(self, word, octets):
        """What a verifier, a reader, or who counts the readers says: content, a number, or the rule."""
        files = {"verify": [self.anchor], "open": self.alice, "readers": []}[word]
        return self.tool(word, *files, data=octets)


_world = []


def world():
    if not _world:
        _world.append(World())
    return _world[0]


def changed(lines):
    """The object that the lines of a case make, as an Object."""
    kind = next(line.split()[1] for line in lines if line.startswith("like "))
    made = world().object(kind)
    for line in lines:
        if line.split()[0] not in WORDS and line != "cut everywhere":
            made.change(line)
    return made


def wanted_of(lines):
    """What must be said of the object: pairs of a word and what it says."""
    return [line.split(None, 1) for line in lines if line.split()[0] in WORDS[1:]]


def check(lines):
    made = changed(lines)
    whole = made.encode()
    objects = [whole[:end] for end in made.ends()] if "cut everywhere" in lines else [whole]
    wanted = wanted_of(lines)
    assert wanted, "the case expects nothing"
    for octets in objects:
        for word, want in wanted:
            said = world().said(word, octets)
            said = ("ok" if said == CONTENT else said.decode()) if isinstance(said, bytes) else said
            assert want in RULES or want.isdecimal(), f"{want} is no rule"
            assert said == want, f"{word} says {said} of {octets.hex()}, not {want}"


@case
def the_good_objects_are_good_and_their_names_name_all_of_them():
    w = world()
    for kind, word in (("signed", "verify"), ("sealed", "open")):
        made = w.object(kind)
        assert made.encode() == w.good[kind] and w.said(word, w.good[kind]) == CONTENT
        assert len(made.items) == len(w.names[kind]) == len(set(w.names[kind].values()))
    signed = w.object("signed")
    assert signed.named("content").octets == CONTENT
    signed.change("sign again")
    assert w.said("verify", signed.encode()) == CONTENT, "signing again makes no good signature"


def make_case(path):
    def one():
        check(corpus.lines_of(path))
    one.__name__ = corpus.name_of(path)
    case(one)


for file in sorted(glob.glob(os.path.join(HERE, "cms", "*.case"))):
    make_case(file)

if __name__ == "__main__":
    if sys.argv[1:2] == ["-w"]:  # the objects into a folder, as seeds for fuzzing
        for file in sorted(glob.glob(os.path.join(HERE, "cms", "*.case"))):
            with open(os.path.join(sys.argv[2], corpus.name_of(file) + ".der"), "wb") as out:
                out.write(changed(corpus.lines_of(file)).encode())
        sys.exit(0)
    run_cases()
