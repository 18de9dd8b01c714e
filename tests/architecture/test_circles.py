"""No module imports itself through others, and no room of the certificates does. Every import is an arrow: those inside
functions and those for the type checker too."""

from collections.abc import Iterable, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

ROOMS = (
    "smoothgen.certificates",
    "smoothgen.edits",
    "smoothgen.evaluation",
    "smoothgen.mechanisms",
    "smoothgen.synonyms",
    "smoothgen.tokens",
)


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("smoothgen", "app", "workers", exclude_type_checking_imports=False, cache_dir=None)


def circle(arrows: Mapping[str, Iterable[str]]) -> list[str]:
    """Returns one circle of the arrows, empty where there is none."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_itself_through_others() -> None:
    assert circle({module: graph().find_modules_directly_imported_by(module) for module in graph().modules}) == []


@pytest.mark.parametrize("package", ROOMS)
def test_no_room_imports_itself_through_others(package: str) -> None:
    rooms = {module: room for room in graph().find_children(package) for module in within(room)}
    arrows: dict[str, set[str]] = {room: set() for room in rooms.values()}
    for module, room in rooms.items():
        imported = {rooms[other] for other in graph().find_modules_directly_imported_by(module) if other in rooms}
        arrows[room] |= imported - {room}
    assert circle(arrows) == []


def within(room: str) -> set[str]:
    """Returns a room's modules, its own name included."""
    return {room, *graph().find_descendants(room)}


def test_a_circle_is_found() -> None:
    assert circle({"a": ["b"], "b": ["c"], "c": ["a"]}) != []
