"""What the client should know about the outputs, as notes."""

from __future__ import annotations

from collections.abc import Sequence

from smoothgen.contracts import Note
from workers.generators import Failure, Made, Picture


def picture_notes(selection: Sequence[Made | Failure], served: Made) -> list[Note]:
    """A note where a safety checker withheld pictures, with how many of the samples drawn before the certificate's.

    `selection`: the samples the centre was chosen from, or for tiers without a choice the one that is served.
    """
    black = sum(isinstance(output, Picture) and output.withheld for output in selection)
    shown = isinstance(served, Picture) and served.withheld
    if not black and not shown:
        return []
    return [
        Note(
            code="safety_checker",
            detail=f"the model's safety checker put a black picture in the place of {black} of {len(selection)} "
            f"selection samples; the picture served is {'a black one' if shown else 'not one of them'}. Black pictures "
            "are equal to each other, so a small distance between them and a large radius say nothing about the model.",
        )
    ]
