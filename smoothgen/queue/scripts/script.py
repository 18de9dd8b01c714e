"""A Lua script read from its file, and a call of it that names its keys and arguments.

A script's file begins with comments. `-- USES:` names the files of `shared/` that it needs, and `-- KEYS:` and
`-- ARGV:` name what it is given, in this order, separated by commas:

    name        one value; None is sent as ''
    name?       one value, or nothing at all for None
    name*       any number of values
    name*{a b}  any number of records, each by its attributes a and b
    name**      a mapping: names and values alternate

In the script `key.name` and `arg.name` are the values. Of the first parameter of a line that is many, `key.name_at` and
`arg.name_at` are the index in KEYS and ARGV where its values begin. So neither Python nor Lua counts positions, and two
parameters cannot be swapped between them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any, ClassVar, Final

_FILES: Final = resources.files("smoothgen.queue.scripts")
_PARAMETER: Final = re.compile(r"([a-z][a-z0-9_]*)(\?|\*\*|\*\{[a-z_]+(?: [a-z_]+)*\}|\*)?")


@dataclass(frozen=True)
class Parameter:
    """One name of a script's header. kind: what follows the name there; parts: the attributes of its records."""

    name: str
    kind: str = ""
    parts: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> Parameter:
        """Returns the parameter that a header writes so. Raises ValueError for anything else."""
        found = _PARAMETER.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} in the header of a script is none of name, name?, name*, name*{{a b}}, name**")
        name, mark = found[1], found[2] or ""
        return cls(name, mark[:2], tuple(mark[2:-1].split())) if mark.startswith("*{") else cls(name, mark)

    @property
    def is_many(self) -> bool:
        """Returns whether the parameter stands for any number of values."""
        return self.kind.startswith("*")

    def values(self, given: Any) -> Iterable[Any]:
        """Returns what is sent for the value of a call's field."""
        if self.kind == "**":
            return [_sent(value) for item in given.items() for value in item]
        if self.kind == "*{":
            return [_sent(getattr(record, part)) for record in given for part in self.parts]
        if self.kind == "*":
            return [_sent(value) for value in given]
        return [] if self.kind == "?" and given is None else [_sent(given)]


def _sent(value: Any) -> Any:
    """Returns a value as Redis is sent it: None as '', and a float with all the digits it has."""
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else value


@dataclass(frozen=True)
class Script:
    """A script of the folder, by the name of its file. Nothing is read before it is used.

    replicated: its answer counts once replicas have what it wrote, where the operator asked for that.
    """

    name: str
    replicated: bool = False

    @cached_property
    def source(self) -> str:
        """Returns the text of the script's file."""
        return _source(f"{self.name}.lua")

    @cached_property
    def keys(self) -> tuple[Parameter, ...]:
        """Returns the keys the script is given, in order."""
        return _parameters(self.source, "KEYS")

    @cached_property
    def arguments(self) -> tuple[Parameter, ...]:
        """Returns the arguments the script is given, in order."""
        return _parameters(self.source, "ARGV")

    @cached_property
    def text(self) -> str:
        """Returns the whole script as Redis is given it: flags, shared functions, names of keys and arguments,
        steps."""
        return self._text("")

    @cached_property
    def guarded_text(self) -> str:
        """Returns the script as a node of a cluster is given it: it drops its last key before it begins
        (`smoothgen.queue.cluster.scripts`)."""
        return self._text("table.remove(KEYS)\n")

    def _text(self, before: str) -> str:
        flags, steps = "", self.source
        if steps.startswith("#!"):
            first, _, steps = steps.partition("\n")
            flags = first + "\n"
        shared = "".join(_source(f"shared/{name}.lua") for name in _with_needed(self.source))
        named = _names("key", "KEYS", self.keys) + _names("arg", "ARGV", self.arguments)
        return flags + before + shared + named + steps

    @cached_property
    def sha(self) -> str:
        """Returns the SHA-1 of the text, as EVALSHA wants it."""
        return _sha1(self.text)

    @cached_property
    def guarded_sha(self) -> str:
        """Returns the SHA-1 of the guarded text."""
        return _sha1(self.guarded_text)


@dataclass(frozen=True, kw_only=True)
class ScriptCall:
    """One call of a script. A subclass has a field for every name in the script's header."""

    script: ClassVar[Script]

    @property
    def sent_keys(self) -> list[Any]:
        """Returns the keys of this call, in the order of the script's header."""
        return self._values(self.script.keys)

    @property
    def sent_arguments(self) -> list[Any]:
        """Returns the arguments of this call, in the order of the script's header."""
        return self._values(self.script.arguments)

    def _values(self, parameters: Iterable[Parameter]) -> list[Any]:
        return [value for each in parameters for value in each.values(getattr(self, each.name))]


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _source(name: str) -> str:
    return _FILES.joinpath(name).read_text(encoding="utf-8")


def _header(source: str, label: str) -> list[str]:
    """Returns the names that a header's line lists, continued on lines that begin with `--` and three spaces."""
    found = re.search(rf"^-- {label}:(.*(?:\n--   .*)*)", source, re.MULTILINE)
    listed = "" if found is None else found[1].replace("\n--  ", "").strip()
    return listed.split(", ") if listed else []


def _parameters(source: str, label: str) -> tuple[Parameter, ...]:
    parameters = tuple(Parameter.read(text) for text in _header(source, label))
    twice = {each.name for each in parameters if sum(other.name == each.name for other in parameters) > 1}
    if twice:
        raise ValueError(f"the header of a script names {sorted(twice)} more than once under {label}")
    return parameters


def _with_needed(source: str, before: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Returns the names of the shared files that a file uses, each once and after those it uses itself."""
    needed = before
    for name in _header(source, "USES"):
        if name not in needed:
            needed = (*_with_needed(_source(f"shared/{name}.lua"), needed), name)
    return needed


def _names(table: str, given: str, parameters: tuple[Parameter, ...]) -> str:
    """Returns the line of Lua that gives the values their names; the empty text where there are none."""
    named = ", ".join(_entries(given, parameters))
    return f"local {table} = {{{named}}}\n" if named else ""


def _entries(given: str, parameters: tuple[Parameter, ...]) -> Iterator[str]:
    for index, parameter in enumerate(parameters, start=1):
        if parameter.is_many:  # whatever follows has no fixed place
            yield f"{parameter.name}_at = {index}"
            return
        yield f"{parameter.name} = {given}[{index}]"
