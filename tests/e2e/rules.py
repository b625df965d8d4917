"""The rules of include/sipseal/rule.h: their names, responses and sentences, as the product tells them."""

import os
import re

HEADER = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../include/sipseal/rule.h")


def _read():
    with open(HEADER, encoding="utf-8") as f:
        text = f.read().replace("\\\n", " ")
    return {name: (int(status), sentence)
            for name, status, sentence in re.findall(r'X\(RULE_\w+,\s*"([^"]+)",\s*(\d+),\s*"([^"]+)"\s*\)', text)}


RULES = _read()
