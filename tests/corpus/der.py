"""Objects of DER as a tree, and a notation for changing them that people can review.

A case in tests/corpus/cms begins with a good object and says what is different. Items have the names of the file
signed.names or sealed.names; lengths around a change are written anew. One change on a line:

    set NAME ITEMS          other items in its place; none: it is taken away
    before NAME ITEMS       further items in front of it
    after NAME ITEMS        and behind it
    repeat NAME N           it stands N times
    reverse NAME            the items in it the other way round
    flip NAME N             one bit of byte N of its content turned over; from -1 on counted from the end
    header NAME OCTETS      other octets for its tag and length; after ... those that follow its content
    append OCTETS           after the whole object
    cut N                   N bytes of the whole object are missing at its end
    sign again              over the attributes as they are now, by the right key

ITEMS are any number of

    SEQUENCE { } SET { } [n] { }    with items inside; tagged n, constructed
    [n] OCTETS                      tagged n, primitive
    OID 1.2.840  INTEGER n  NULL  BOOLEAN OCTETS  OCTETS OCTETS  UTCTIME 'text'  BITS OCTETS
    TAG nn OCTETS                   any tag, by its number in hexadecimal
    RAW OCTETS                      octets, whatever they are
    NEST n { }                      n SEQUENCEs in one another, around the items
    $NAME                           a copy of a named item of the good object

and OCTETS are 'text', hexadecimal digits without blanks, xx*n for n times the same octet, or - for none."""

import re

NUMBERS = {"INTEGER": 0x02, "BITS": 0x03, "OCTETS": 0x04, "NULL": 0x05, "OID": 0x06, "UTCTIME": 0x17, "BOOLEAN": 0x01,
           "SEQUENCE": 0x30, "SET": 0x31}


class Mistake(Exception):
    """The notation is used wrongly."""


def length_of(count):
    if count < 128:
        return bytes([count])
    octets = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


class Item:
    """One item: its tag, and either items or octets. `header` and `tail` stand in for tag and length where a case says
    so."""

    def __init__(self, tag, children=None, octets=b""):
        self.tag, self.children, self.octets = tag, children, octets
        self.header, self.tail = None, b""

    def content(self):
        return self.octets if self.children is None else b"".join(child.encode() for child in self.children)

    def encode(self, tag=None):
        content = self.content()
        header = self.header if self.header is not None else bytes([tag or self.tag]) + length_of(len(content))
        return header + content + self.tail


class Raw(Item):
    """Octets that need be no item."""

    def __init__(self, octets):
        super().__init__(0, None, octets)

    def encode(self, tag=None):
        return self.octets


def parse(der):
    """The items in octets that are well-formed DER with tags of one byte, as sipseal writes it."""
    items = []
    while der:
        tag, first, at = der[0], der[1], 2
        if first & 0x80:
            at += first & 0x7f
            first = int.from_bytes(der[2:at], "big")
        content, der = der[at:at + first], der[at + first:]
        items.append(Item(tag, parse(content)) if tag & 0x20 else Item(tag, None, content))
    return items


# --- the notation ---

def octets(word):
    if word == "-":
        return b""
    if word.startswith("'"):
        return word[1:-1].encode()
    repeated = re.fullmatch(r"([0-9a-f]{2})\*(\d+)", word)
    if repeated:
        return bytes.fromhex(repeated[1]) * int(repeated[2])
    try:
        return bytes.fromhex(word)
    except ValueError:
        raise Mistake(f"{word} is no octets") from None


def integer(number):
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def identifier(dotted):
    first, second, *rest = [int(arc) for arc in dotted.split(".")]
    out = b""
    for arc in [first * 40 + second] + rest:
        groups = [arc & 0x7f]
        while arc := arc >> 7:
            groups.insert(0, arc & 0x7f | 0x80)
        out += bytes(groups)
    return out


class Reader:
    """Reads ITEMS out of the words of a line."""

    def __init__(self, text, named):
        self.words = re.findall(r"'[^']*'|[{}]|[^\s{}]+", text)
        self.named = named

    def take(self):
        if not self.words:
            raise Mistake("something is missing at the end of the line")
        return self.words.pop(0)

    def inside(self):
        if self.take() != "{":
            raise Mistake("{ is missing")
        items = self.items()
        if self.take() != "}":
            raise Mistake("} is missing")
        return items

    def items(self):
        items = []
        while self.words and self.words[0] != "}":
            items.append(self.item())
        return items

    def item(self):
        word = self.take()
        tagged = re.fullmatch(r"\[(\d+)\]", word)
        if word.startswith("$"):
            return Raw(self.named(word[1:]).encode())
        if tagged:
            number = int(tagged[1])
            if self.words[:1] == ["{"]:
                return Item(0xa0 | number, self.inside())
            return Item(0x80 | number, None, octets(self.take()))
        if word in ("SEQUENCE", "SET"):
            return Item(NUMBERS[word], self.inside())
        if word == "NEST":
            count, items = int(self.take()), self.inside()
            for _ in range(count):
                items = [Raw(Item(NUMBERS["SEQUENCE"], items).encode())]  # as octets: Python's own depth has a limit
            return items[0]
        if word == "RAW":
            return Raw(octets(self.take()))
        if word == "TAG":
            return Item(int(self.take(), 16), None, octets(self.take()))
        if word == "NULL":
            return Item(NUMBERS[word])
        if word == "INTEGER":
            return Item(NUMBERS[word], None, integer(int(self.take())))
        if word == "OID":
            return Item(NUMBERS[word], None, identifier(self.take()))
        if word in NUMBERS:
            return Item(NUMBERS[word], None, octets(self.take()))
        raise Mistake(f"{word} is no item")


class Object:
    """A good object, its items by name, and what changes make of it. `sign` makes a signature over octets."""

    def __init__(self, der, names, sign=None):
        self.root = parse(der)[0]
        self.items = {name: self._at(path) for name, path in names.items()}
        self.sign = sign
        self.after = b""
        self.missing = 0

    def _at(self, path):
        item = self.root
        for number in path.split(".") if path else []:
            item = item.children[int(number)]
        return item

    def named(self, name):
        if name not in self.items:
            raise Mistake(f"nothing is called {name}")
        return self.items[name]

    def _place(self, name):
        """The list that a named item stands in, and where."""
        item = self.named(name)

        def search(parent):
            for at, child in enumerate(parent.children or []):
                if child is item:
                    return parent.children, at
                found = search(child)
                if found:
                    return found
            return None
        return search(self.root) or _mistake(f"{name} is no longer there")

    def change(self, line):
        word, _, rest = line.partition(" ")
        name, _, rest = rest.strip().partition(" ")
        if word == "append":
            self.after += octets(name)
        elif word == "cut":
            self.missing += int(name)
        elif word == "sign" and name == "again":
            self.named("signature").octets = self.sign(self.named("attributes").encode(NUMBERS["SET"]))
        elif word in ("set", "before", "after"):
            reader = Reader(rest, self.named)
            items = reader.items()
            if reader.words:
                raise Mistake(f"what is {reader.words[0]} here?")
            place, at = self._place(name)
            place[at + (word == "after"):at + (word != "before")] = items
        elif word == "repeat":
            place, at = self._place(name)
            place[at:at + 1] = [self.named(name)] * int(rest)
        elif word == "reverse":
            self.named(name).children.reverse()
        elif word == "flip":
            item = self.named(name)
            changed = bytearray(item.content())
            changed[int(rest)] ^= 1
            item.children, item.octets = None, bytes(changed)
        elif word == "header":
            before, _, behind = rest.partition("...")
            self.named(name).header, self.named(name).tail = octets(before.strip()), octets(behind.strip() or "-")
        else:
            raise Mistake(f"{word} is no change")

    def encode(self):
        der = self.root.encode() + self.after
        return der[:len(der) - self.missing]

    def ends(self):
        """Where the contents of items begin: one cut at every level."""
        places = set()

        def visit(item, at):
            whole, inside = item.encode(), item.content()
            start = at + len(whole) - len(item.tail) - len(inside)
            places.add(start)
            for child in item.children or []:
                visit(child, start)
                start += len(child.encode())
        visit(self.root, 0)
        return sorted(places)


def _mistake(text):
    raise Mistake(text)


def read_names(path):
    """The file of names: NAME, PATH and what it is."""
    names = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            words = line.split("#")[0].split()
            if words:
                names[words[0]] = words[1] if len(words) > 1 and words[1] != "/" else ""
    return names
