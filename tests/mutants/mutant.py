"""A mutant: a patch that breaks one security rule of docs/protocol.md, and the case that must notice.

A file NNN-name.patch begins with two lines, and then is a unified diff of one file:

    Rule: protocol.md 2.1, rule 3: the certificate names the sender
    Test: unit/mechanism a_signer_is_who_the_certificate_says

The patch is placed by its lines, not by their numbers: the sources may move under it. When its lines are not there, or
there twice, it does not apply."""

import os
import re

FOLDER = os.path.dirname(os.path.realpath(__file__))
SOURCE = os.path.dirname(os.path.dirname(FOLDER))
DROPPED_MAX = 2  # lines of context that may differ at either end, as in patch --fuzz=2

HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


class PatchError(Exception):
    """The file is no mutant, or its patch does not apply."""


class Mutant:
    def __init__(self, path):
        self.name = os.path.basename(path)[: -len(".patch")]
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")
        self.rule = self._head(lines, 0, "Rule")
        words = self._head(lines, 1, "Test").split()
        if len(words) != 2:
            raise PatchError(f"{self.name}: Test names a program and one of its cases")
        self.program, self.case = words
        self.path, self.hunks = self._diff(lines)

    def _head(self, lines, number, word):
        line = lines[number] if number < len(lines) else ""
        if not line.startswith(word + ": "):
            raise PatchError(f"{self.name}: line {number + 1} is no {word}")
        return line[len(word) + 2:].strip()

    def _diff(self, lines):
        """The file, and of each hunk the lines with their marks."""
        at = next((i for i, line in enumerate(lines) if line.startswith("--- a/")), None)
        if at is None or at + 1 >= len(lines) or lines[at + 1] != "+++ b/" + lines[at][6:]:
            raise PatchError(f"{self.name}: it is no diff of one file")
        hunks = []
        body = lines[at + 2:]
        while body and body[0]:
            begins = HUNK.match(body[0])
            if not begins:
                raise PatchError(f"{self.name}: no hunk where one should be: {body[0]}")
            old, new = (int(count) if count else 1 for count in begins.groups())
            end = 1
            while end < len(body) and body[end][:1] in (" ", "-", "+"):
                end += 1
            hunk = body[1:end]
            if sum(line[0] != "+" for line in hunk) != old or sum(line[0] != "-" for line in hunk) != new:
                raise PatchError(f"{self.name}: the numbers of a hunk are not those of its lines")
            hunks.append(hunk)
            body = body[end:]
        if not hunks:
            raise PatchError(f"{self.name}: there is no hunk")
        return lines[at][6:], hunks

    def apply_to(self, text):
        """The text of the file as the mutant has it."""
        lines = text.split("\n")
        for hunk in self.hunks:
            lines = self._place(hunk, lines)
        return "\n".join(lines)

    def _place(self, hunk, lines):
        for dropped in range(DROPPED_MAX + 1):
            first = min(dropped, context_at(hunk))
            last = len(hunk) - min(dropped, context_at(hunk[::-1]))
            old = [line[1:] for line in hunk[first:last] if line[0] != "+"]
            new = [line[1:] for line in hunk[first:last] if line[0] != "-"]
            places = [i for i in range(len(lines) - len(old) + 1) if lines[i:i + len(old)] == old]
            if len(places) == 1:
                return lines[:places[0]] + new + lines[places[0] + len(old):]
            if places:
                raise PatchError(f"{self.name}: its lines stand {len(places)} times in {self.path}")
        raise PatchError(f"{self.name}: its lines are not in {self.path}")


def context_at(hunk):
    """How many lines of context a hunk begins with."""
    return next((i for i, line in enumerate(hunk) if line[0] != " "), len(hunk))


def mutant_files():
    return [os.path.join(FOLDER, file) for file in sorted(os.listdir(FOLDER)) if file.endswith(".patch")]
