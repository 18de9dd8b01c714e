"""A Lua script and its call agree on every key and every argument: on their names, and on where each one stands."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smoothgen.queue import scripts
from smoothgen.queue.keys import Key
from smoothgen.queue.scripts.script import Parameter, Script, ScriptCall

FOLDER = Path(scripts.__file__).parent
CALLS = {
    call.script.name: call
    for module in pkgutil.iter_modules(scripts.__path__, f"{scripts.__name__}.")
    for call in vars(importlib.import_module(module.name)).values()
    if isinstance(call, type) and issubclass(call, ScriptCall) and call is not ScriptCall
}


def example(call: type[ScriptCall]) -> ScriptCall:
    """A call whose values say which parameter they are of."""
    given: dict[str, Any] = {}
    for parameter in (*call.script.keys, *call.script.arguments):
        name = parameter.name
        if parameter.kind == "*{":
            parts = {part: f"{name}.{part}" for part in parameter.parts}
            before = vars(given[name][0]) if name in given else {}
            given[name] = [SimpleNamespace(**before, **parts)]
        elif parameter.kind == "**":
            given[name] = {f"{name}.name": f"{name}.value"}
        else:
            given[name] = [name] if parameter.kind == "*" else name
    return call(**{each.name: given[each.name] for each in dataclasses.fields(call)})


def places(script: Script, given: str) -> dict[str, int]:
    """Where the text that Redis runs finds each name, counted from 1. given: KEYS or ARGV."""
    table = {"KEYS": "key", "ARGV": "arg"}[given]
    line = re.search(rf"^local {table} = \{{(.*)\}}$", script.text, re.MULTILINE)
    named = re.findall(rf"(\w+) = (?:{given}\[(\d+)\]|(\d+))", line[1]) if line else []
    return {name.removesuffix("_at"): int(one or many) for name, one, many in named}


def misplaced(call: ScriptCall) -> Iterator[str]:
    """The names whose values are not sent to the place where the script finds them."""
    for given, sent in (("KEYS", call.sent_keys), ("ARGV", call.sent_arguments)):
        for name, place in places(call.script, given).items():
            if told(sent[place - 1]) != name:
                yield name


def told(value: Any) -> str:
    """Which parameter a value of an example is of."""
    return "window_count" if value == 1 else str(value).partition(".")[0]  # an example has one window


def used(source: str, table: str) -> set[str]:
    """The names that a script's steps use: `key.name` or `arg.name`."""
    return set(re.findall(rf"\b{table}\.(\w+)", source))


def test_every_script_has_one_call_and_every_call_a_script() -> None:
    assert sorted(CALLS) == sorted(path.stem for path in FOLDER.glob("*.lua"))


@pytest.mark.parametrize("name", CALLS)
def test_a_call_has_a_field_for_every_name_of_the_header(name: str) -> None:
    call = CALLS[name]
    headed = {each.name for each in (*call.script.keys, *call.script.arguments)}
    counted = {each for each in headed if isinstance(getattr(call, each, None), property)}  # such as window_count
    assert {field.name for field in dataclasses.fields(call)} | counted == headed


@pytest.mark.parametrize("name", CALLS)
def test_keys_are_typed_as_keys_and_arguments_are_not(name: str) -> None:
    call, keys = CALLS[name], {each.name for each in CALLS[name].script.keys}
    typed = {field.name for field in dataclasses.fields(call) if re.search(rf"\b{Key.__name__}\b", str(field.type))}
    records = {each.name for each in call.script.keys if each.kind == "*{"}
    assert typed == keys - records


@pytest.mark.parametrize("name", CALLS)
def test_every_value_is_sent_to_where_the_script_finds_it(name: str) -> None:
    call = CALLS[name]
    sent = example(call)
    assert list(misplaced(sent)) == []
    listed = re.findall(r"^-- (?:KEYS|ARGV):(.*(?:\n--   .*)*)", call.script.source, re.MULTILINE)
    headed = [re.sub(r"\W.*", "", each.strip()) for line in listed for each in line.replace("\n--", "").split(",")]
    order = [told(value) for value in (*sent.sent_keys, *sent.sent_arguments)]
    assert list(dict.fromkeys(order)) == list(dict.fromkeys(each for each in headed if each))


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if len(places(call.script, "ARGV")) > 1])
def test_a_call_that_swaps_two_arguments_is_caught(name: str) -> None:
    call = example(CALLS[name])

    class Swapped(type(call)):  # type: ignore[misc]
        @property
        def sent_arguments(self) -> list[Any]:
            first, second, *rest = super().sent_arguments
            return [second, first, *rest]

    swapped = Swapped(**vars(call))
    assert list(misplaced(swapped)) == list(places(call.script, "ARGV"))[:2]


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if len(places(call.script, "ARGV")) > 1])
def test_a_header_that_swaps_two_names_swaps_them_on_both_sides(name: str) -> None:
    call = example(CALLS[name])
    first, second = list(places(call.script, "ARGV"))[:2]
    other = Script(name)
    lines = re.sub(rf"ARGV: {first}, {second}", f"ARGV: {second}, {first}", call.script.source)
    vars(other)["source"] = lines

    class Reordered(type(call)):  # type: ignore[misc]
        script = other

    reordered = Reordered(**vars(call))
    assert reordered.sent_arguments[:2] == call.sent_arguments[1::-1]
    assert list(misplaced(reordered)) == []


@pytest.mark.parametrize("name", CALLS)
def test_the_steps_use_what_the_header_names_and_no_numbers(name: str) -> None:
    script = CALLS[name].script
    for table, given, parameters in (("key", "KEYS", script.keys), ("arg", "ARGV", script.arguments)):
        assert not re.search(rf"{given}\[\d+\]", script.source)
        found = places(script, given)
        known = {each.name + ("_at" if each.is_many else "") for each in parameters if each.name in found}
        assert used(script.source, table) <= known
        single = {each.name for each in parameters if each.name in found and not each.is_many}
        assert single <= used(script.source, table)


def test_none_is_sent_as_nothing_and_floats_with_all_their_digits() -> None:
    assert Parameter.read("a").values(None) == [""]
    assert Parameter.read("a?").values(None) == []
    assert Parameter.read("a").values(0.1 + 0.2) == ["0.30000000000000004"]
    assert Parameter.read("a**").values({"x": 1, "y": None}) == ["x", 1, "y", ""]
    assert Parameter.read("a*{b c}").values([SimpleNamespace(b=1, c=2), SimpleNamespace(b=3, c=4)]) == [1, 2, 3, 4]


@pytest.mark.parametrize("written", ["a b", "A", "a{b}", "a*{}", "a*{b, c}", "?", ""])
def test_a_header_that_cannot_be_read_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="in the header of a script"):
        Parameter.read(written)


def test_shared_functions_stand_once_and_after_those_they_use() -> None:
    text = CALLS["open"].script.text
    defined = [re.findall(rf"^local function {name}\(", text, re.MULTILINE) for name in ("lives", "current", "put")]
    assert [len(each) for each in defined] == [1, 1, 1]
    assert text.startswith("#!lua flags=allow-oom\n")
    assert text.index("function lives") < text.index("function current") < text.index("function put")
