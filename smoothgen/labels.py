"""Extracting the answer from a text: the label of the label metric (theory §1).

A rule is data (it stands in the request and in the certificate) and its extractor is a pure function of the text.
Regular expressions run on RE2: linear time on any input, so a stranger's pattern cannot hang a worker. RE2 has no
look-around and no back-references; such a pattern is refused with RE2's own reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from smoothgen.errors import InvalidMetric, UnknownName

Extractor = Callable[[str], str | None]
"""From a text to its label, None where the text has no answer. None is a label like any other."""

LONGEST_PATTERN: Final = 1000
_MOST_RE2_BYTES: Final = 1 << 20
"""The memory that a compiled pattern may take. The limit bounds the time too: with 8 MB a pattern of 16 characters took
half a second."""
_PATTERNS_KEPT: Final = 16
"""How many compiled patterns are kept. Together they take some 16 MB at most, and their searches as much again."""
_NUMBER: Final = r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"


def extractor(rule: Mapping[str, Any]) -> Extractor:
    """Returns the extractor of a rule such as {"kind": "regex", "pattern": "..."}.

    Kinds: regex (first group, or the whole match where there is none), number (the first number, without thousands
    separators), first_line (the first line that is not blank), json_field (a dotted path into the first JSON
    object). Labels are stripped of white space. Raises UnknownName or InvalidMetric.
    """
    kind = str(rule.get("kind"))
    if kind not in _KINDS:
        raise UnknownName("extraction rule", kind, _KINDS, field="robustness.metric.extract.kind")
    return _KINDS[kind](rule)


def _regex(rule: Mapping[str, Any]) -> Extractor:
    return _search(str(rule.get("pattern", "")))


def _number(rule: Mapping[str, Any]) -> Extractor:
    del rule
    search = _search(_NUMBER)

    def first_number(text: str) -> str | None:
        found = search(text)
        return None if found is None else found.replace(",", "").removeprefix("+")

    return first_number


def _first_line(rule: Mapping[str, Any]) -> Extractor:
    del rule
    return lambda text: next((line.strip() for line in text.splitlines() if line.strip()), None)


def _json_field(rule: Mapping[str, Any]) -> Extractor:
    path = str(rule.get("field", "")).split(".")

    def field_of_first_object(text: str) -> str | None:
        start = text.find("{")
        if start < 0:
            return None
        try:
            value, _ = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            return None
        for name in path:
            if not isinstance(value, dict) or name not in value:
                return None
            value = value[name]
        if not isinstance(value, str):
            return json.dumps(value, sort_keys=True)
        # JSON can spell half of a surrogate pair, which no UTF-8 document can hold: it stays spelt out.
        return value.strip().encode("utf-8", "backslashreplace").decode()

    return field_of_first_object


def compiled_pattern(pattern: str) -> Any:
    """Returns an RE2 pattern, compiled, with `search` as in `re`. Raises InvalidMetric for what RE2 does not take."""
    if not pattern or len(pattern) > LONGEST_PATTERN:
        raise InvalidMetric(
            f"pattern must have 1 to {LONGEST_PATTERN} characters, got {len(pattern)}",
            field="robustness.metric.extract.pattern",
        )
    return _compiled(pattern)


def _search(pattern: str) -> Extractor:
    compiled = compiled_pattern(pattern)

    def first_match(text: str) -> str | None:
        found = compiled.search(text)
        if found is None:
            return None
        label = found.group(1) if compiled.groups else found.group(0)
        return None if label is None else str(label).strip()

    return first_match


@lru_cache(_PATTERNS_KEPT)
def _compiled(pattern: str) -> Any:
    """Returns the pattern as RE2 compiles it. Raises InvalidMetric."""
    import re2  # a gateway and a worker have it; verifying a certificate does not need it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MOST_RE2_BYTES
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        if "too large" in reason:
            raise InvalidMetric(
                f"pattern {pattern!r:.200} takes RE2 more than {_MOST_RE2_BYTES >> 10} kB to compile, the most that is "
                "allowed here; use fewer repetitions or smaller classes of characters",
                field="robustness.metric.extract.pattern",
            ) from error
        raise InvalidMetric(
            f"pattern {pattern!r:.200} is not a regular expression RE2 takes: {reason}; "
            "look-around and back-references are not offered",
            field="robustness.metric.extract.pattern",
        ) from error
    finally:
        re2.purge()  # RE2's own cache would keep 128 patterns of any size


_KINDS: Final[dict[str, Callable[[Mapping[str, Any]], Extractor]]] = {
    "regex": _regex,
    "number": _number,
    "first_line": _first_line,
    "json_field": _json_field,
}
