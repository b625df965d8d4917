"""Whether a request was forwarded as it came, octet by octet but for what a proxy writes."""

import re


def header_lines(head):
    """Each header with its folds and its line's end."""
    return re.findall(rb"[^\r\n][^\n]*\r\n(?:[ \t][^\n]*\r\n)*", head)


def name_of(line):
    name = line.partition(b":")[0].strip().lower()
    return {b"v": b"via", b"l": b"content-length"}.get(name, name)


def without_received(via):
    return re.sub(rb"\s*;\s*(received|rport)\s*=\s*[^;,\s]*|;rport\b", b"", via)


def compare(sent, got, proxy, strict_route=None):
    """A proxy of that name writes a Via on top, `received` and `rport` in the one below, Max-Forwards, Max-Breadth and
    Record-Route; and where the Route leads to a strict router, the Request-URI and the Route."""
    head, _, rest = sent.partition(b"\r\n\r\n")
    arrived, _, body = got.partition(b"\r\n\r\n")
    old, new = header_lines(head + b"\r\n"), header_lines(arrived + b"\r\n")
    strict = strict_route is not None and strict_route in sent
    assert strict or old[0] == new[0], (old[0], new[0])
    length = re.search(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d+)", head, re.I | re.M)
    assert body == (rest[:int(length[1])] if length else rest), body
    top = next(at for at, line in enumerate(new) if name_of(line) == b"via")
    assert proxy.encode() in new.pop(top)
    new = [line for line in new if b";lr;dialog=" not in line and name_of(line) != b"max-breadth"]
    for before in old[1:]:
        name = name_of(before)
        if strict and name == b"route":
            continue
        after = next((line for line in new[1:] if line == before or name_of(line) == name), None)
        assert after, f"{before} is missing"
        new.remove(after)
        if name == b"max-forwards":
            number, less = int(before.split(b":")[1]), int(after.split(b":")[1])
            assert less == number - 1 and before.split(b":")[0] == after.split(b":")[0], after
        elif name == b"via":
            assert without_received(before) == without_received(after), (before, after)
        else:
            assert before == after, (before, after)
    left = {name_of(line) for line in new[1:]}
    assert left <= {b"max-forwards", b"route"} and len(new) <= 2, new
