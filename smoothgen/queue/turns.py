"""Whose turn it is: the order in which a worker looks at its models and at their streams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from smoothgen.contracts import PRIORITIES, Priority
from smoothgen.queue import keys

_LEADERS: Final[tuple[Priority, ...]] = ("high", "high", "normal", "high", "high", "normal", "high", "low")
"""The priority that is served first, for each of eight turns. Urgent work comes first, and no other starves."""


@dataclass(frozen=True)
class Lane:
    """A stream of a model's work, and the stream of the selections of the same model and priority."""

    stream: keys.Key
    selections: keys.Key


class Turns:
    """Counts a worker's turns, and says what each turn begins with."""

    def __init__(self) -> None:
        self._turn = 0

    def next(self, models: Iterable[str]) -> list[str]:
        """Begins the next turn. Returns the models in its order: one after another, every model leads a turn."""
        self._turn += 1
        ordered = list(models)
        shift = self._turn % len(ordered)
        return [*ordered[shift:], *ordered[:shift]]

    def lanes(self, model: str, build: str, served: int) -> list[Lane]:
        """Returns the streams of a model and of a build of it in the order of this turn. served: how many models the
        worker serves.

        Of every two turns, chunks of jobs that run lead one, and selections of jobs that wait lead the other.
        """
        turn = self._turn // max(1, served)
        rounds, place = divmod(turn, len(_LEADERS))
        # Not simply every other turn: the one turn in eight that low priority leads would always be of one kind.
        chunks_first = (turn + rounds) % 2 == 0
        leader = _LEADERS[place]
        lanes: list[Lane] = []
        for priority in (leader, *(other for other in PRIORITIES if other != leader)):
            selections = keys.work(model, priority)
            pair = [Lane(selections, selections), Lane(keys.work(model, priority, build), selections)]
            lanes += reversed(pair) if chunks_first else pair
        return lanes
