"""No circle of imports, between modules or between the rooms of a folder: `make rooms` shows them."""

from __future__ import annotations

from tests.architecture.rooms import Folder, circles, circles_anywhere, import_graph


def test_no_modules_and_no_rooms_import_each_other_in_a_circle() -> None:
    assert circles_anywhere(import_graph()) == []


def test_a_circle_is_found_and_is_one_floor() -> None:
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": set()}
    folder = Folder("house", {room: frozenset(others) for room, others in arrows.items()})

    assert circles(folder.arrows) == [["b", "c"]]
    assert (folder.count, folder.floors) == (4, 3)


def test_imports_inside_functions_and_for_types_count() -> None:
    graph = import_graph()

    # smoothgen.cli.main imports `verify` inside its command, and nowhere else.
    assert "smoothgen.certificates.verify" in graph.find_modules_directly_imported_by("smoothgen.cli.main")
