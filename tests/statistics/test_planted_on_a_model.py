"""Faults planted in certificates of a real model are refuted by the attacks that other certificates stand."""

from __future__ import annotations

import pytest

from smoothgen.errors import CertificatesFalsified, InvalidInput, UnknownName
from smoothgen.studies.falsified import CONTROL, PLANTED, caught, require_unfalsified
from smoothgen.studies.store import Task
from tests.support.workers.settings import CPU
from workers.evaluation.faults.task import KIND, run
from workers.generators import load_generator
from workers.serving.loaded_model import Encoders, LoadedModel

SEEN = ("sigma halved", "radius inflated twofold", "samples of two weights")
"""By two certificates already; the other faults need as many as the plan `proposal` makes."""


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return LoadedModel(load_generator("fashion-lipschitz-32", CPU), Encoders(CPU), CPU)


def task(**settings: object) -> Task:
    asked = {"prompts": ["a red dress", "a blue coat"], "certificates": 2, **settings}
    return Task(kind=KIND, study=KIND, model="fashion-lipschitz-32", setting="s", settings=asked)


@pytest.mark.slow
@pytest.mark.parametrize("fault", SEEN)
def test_a_fault_in_certificates_of_a_real_model_is_caught(model: LoadedModel, fault: str) -> None:
    [(named, found)] = caught(run(task(faults=[fault]), model)).items()

    assert named == f"{PLANTED}{fault}"
    with pytest.raises(CertificatesFalsified, match="certificates were crossed"):
        require_unfalsified(found)


@pytest.mark.slow
def test_sound_certificates_of_the_same_model_stand_the_same_attacks(model: LoadedModel) -> None:
    rows = run(task(faults=["none, proven constant"], certificates=1), model)

    assert caught(rows)[CONTROL].sound
    assert {row.multiple for row in rows} == {0.0, 1.0, 2.0}


def test_what_is_no_fault_and_no_such_model_is_refused(model: LoadedModel) -> None:
    with pytest.raises(UnknownName, match="planted fault"):
        run(task(faults=["magic"]), model)
    with pytest.raises(InvalidInput, match="planted faults"):
        run(task().model_copy(update={"kind": "attacks"}), model)
    closed = LoadedModel(load_generator("closed-form-tanh", CPU), Encoders(CPU), CPU)
    with pytest.raises(InvalidInput, match="Lipschitz network"):
        run(task(), closed)
