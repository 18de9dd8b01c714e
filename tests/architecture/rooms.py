"""Counts rooms, arrows, floors and circles of a checkout: `python -m tests.architecture.rooms [CHECKOUT]`.

The files and folders directly inside a folder are its rooms; its own `__init__.py` is none. An arrow from one room to
another is one import or many between their modules. Imports inside functions and under TYPE_CHECKING count. Rooms that
reach each other in both directions are a circle. The floors are the longest chain of arrows, counted in rooms, where a
circle is one place. The graph is the one of grimp, which import-linter uses.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
PACKAGES = ("smoothgen", "app", "workers")
FOLDERS = ("workers", "smoothgen.certificates", "smoothgen.queue", "app")

Arrows = Mapping[str, frozenset[str]]
"""For every room the rooms that it imports."""


def import_graph(checkout: Path = ROOT) -> grimp.ImportGraph:
    """The imports of a checkout's packages. Read from its files; nothing of it is run."""
    sys.path.insert(0, str(checkout.resolve()))
    try:
        return grimp.build_graph(*PACKAGES, include_external_packages=False, cache_dir=None)
    finally:
        sys.path.pop(0)


@dataclass(frozen=True)
class Folder:
    """The rooms of one folder and the arrows between them."""

    name: str
    arrows: Arrows

    @classmethod
    def of(cls, graph: grimp.ImportGraph, name: str) -> Folder:
        """Reads one folder, given as a package such as `smoothgen.queue`."""
        found: dict[str, set[str]] = {room: set() for room in sorted(graph.find_children(name))}
        for module in graph.find_descendants(name):
            room = _room(name, module)
            for imported in graph.find_modules_directly_imported_by(module):
                other = _room(name, imported)
                if other is not None and other != room:
                    found[str(room)].add(other)
        return cls(name, {room: frozenset(others) for room, others in found.items()})

    @cached_property
    def count(self) -> int:
        """The number of arrows."""
        return sum(len(others) for others in self.arrows.values())

    @cached_property
    def circles(self) -> list[list[str]]:
        """Every set of rooms that reach each other."""
        return circles(self.arrows)

    @cached_property
    def floors(self) -> int:
        """The number of rooms on the longest chain of arrows."""
        group = {room: room for room in self.arrows}
        group |= {room: circle[0] for circle in self.circles for room in circle}
        below: dict[str, set[str]] = {}
        for room, others in self.arrows.items():
            below.setdefault(group[room], set()).update(group[other] for other in others if group[other] != group[room])
        height: dict[str, int] = {}

        def floor(room: str) -> int:
            if room not in height:
                height[room] = 1 + max((floor(other) for other in below[room]), default=0)
            return height[room]

        return max(map(floor, below), default=0)


def circles(arrows: Arrows) -> list[list[str]]:
    """The sets of two or more nodes that reach each other, each sorted."""
    reach = {node: _reachable(arrows, node) for node in arrows}
    found = {frozenset({node} | {other for other in reach[node] if node in reach[other]}) for node in arrows}
    return sorted(sorted(circle) for circle in found if len(circle) > 1)


def circles_anywhere(graph: grimp.ImportGraph) -> list[list[str]]:
    """The circles between modules, and those between the rooms of every folder."""
    modules = {m: frozenset(graph.find_modules_directly_imported_by(m)) for m in graph.modules}
    found = circles(modules)
    for name in sorted(graph.modules):
        if graph.find_children(name):
            found += [circle for circle in Folder.of(graph, name).circles if circle not in found]
    return found


def table(folders: Iterable[Folder]) -> str:
    """A Markdown table with a line a folder."""
    lines = ["| folder | rooms | arrows | floors | circles |", "|---|---|---|---|---|"]
    for folder in folders:
        path = folder.name.replace(".", "/") + "/"
        lines.append(f"| `{path}` | {len(folder.arrows)} | {folder.count} | {folder.floors} | {len(folder.circles)} |")
    return "\n".join(lines)


def _room(folder: str, module: str) -> str | None:
    """The room of a folder that holds a module, or None for a module elsewhere and for the folder itself."""
    inside = module.removeprefix(folder + ".")
    return None if inside == module else f"{folder}.{inside.partition('.')[0]}"


def _reachable(arrows: Arrows, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(arrows[start])
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(arrows[node])
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.architecture.rooms", description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, nargs="?", default=ROOT, help="default: the one this file lies in")
    parser.add_argument("--arrows", action="store_true", help="list the arrows of each folder too")
    given = parser.parse_args()
    graph = import_graph(given.checkout)
    folders = [Folder.of(graph, name) for name in FOLDERS if name in graph.modules]
    print(table(folders))
    if given.arrows:
        for folder in folders:
            print(f"\n{folder.name}")
            for room, others in folder.arrows.items():
                print(f"  {room.rpartition('.')[2]} → {' '.join(sorted(o.rpartition('.')[2] for o in others)) or '-'}")
    found = circles_anywhere(graph)
    print("\nCircles between modules or between the rooms of any folder:", len(found) or "none")
    for circle in found:
        print("  " + " ↔ ".join(circle))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
