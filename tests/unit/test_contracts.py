"""What the contracts of the API promise whoever reads an answer back."""

from __future__ import annotations

import typing
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from smoothgen.contracts import Covers, JobView


def models_of(kind: object) -> Iterator[type[BaseModel]]:
    """The models that an annotation names."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in typing.get_args(kind):
        yield from models_of(part)


def reachable(model: type[BaseModel], found: set[type[BaseModel]]) -> set[type[BaseModel]]:
    if model not in found:
        found.add(model)
        for field in model.model_fields.values():
            for part in models_of(field.annotation):
                reachable(part, found)
    return found


@pytest.mark.parametrize("view", [JobView, Covers])
def test_what_may_be_null_may_be_left_out_of_answers_that_leave_nulls_out(view: type[BaseModel]) -> None:
    """These answers leave out what is null, so that a client could not read a field back that must be there."""
    demanded = [
        f"{model.__name__}.{name}"
        for model in reachable(view, set())
        for name, field in model.model_fields.items()
        if field.is_required() and type(None) in typing.get_args(field.annotation)
    ]
    assert demanded == []
