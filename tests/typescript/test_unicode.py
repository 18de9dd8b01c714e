"""What the verifier in TypeScript calls the signs of a text is what Python's Unicode data calls them."""

import re
import sys

from tests.typescript.make_unicode import TABLE, kind_of


def test_the_table_names_signs_as_python_does():
    text = TABLE.read_text("utf-8")
    kinds, runs = ("".join(re.findall(r'"([^"]*)"', part)) for part in text.split("export const")[1:])
    names, point = ["", *kinds.split()], 0
    for run in runs.split():
        number, length = (int(part, 36) for part in run.split("."))
        if names[number]:  # a later Unicode may name what this one leaves open
            assert {kind_of(each) for each in range(point, point + length)} == {names[number]}, hex(point)
        point += length

    assert point == sys.maxunicode + 1
