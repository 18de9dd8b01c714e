"""What a request may say of an answer that is to be kept, and the problems that name value and remedy."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from smoothgen.contracts import GenerateRequest, JobSpec
from smoothgen.errors import InvalidInput, InvalidKeep
from smoothgen.planning.plan import plan
from tests.app.conftest import model_card

CARD = model_card("numbers").model_copy(
    update={"mechanisms": ["embedding", "tokens", "edits"], "default_mechanism": "tokens"}
)
LABEL = {"name": "label", "extract": {"kind": "number"}}


def planned(output: str = "representative", **robustness: Any) -> JobSpec:
    body = {"model": CARD.id, "prompt": "0.5", "output": output, "robustness": {"metric": LABEL, **robustness}}
    return plan(GenerateRequest.model_validate(body), CARD, max_samples=5000)


def test_a_share_is_asked_of_every_mechanism() -> None:
    for mechanism in ("embedding", "tokens", "edits"):
        spec = planned(mechanism=mechanism, keep=0.9)
        assert (spec.mechanism, spec.request.robustness.keep) == (mechanism, 0.9)
    assert planned(keep=0.9).mechanism == "tokens"  # a share says nothing of noise
    assert planned().request.robustness.keep is None


def test_a_majority_selects_noise_and_a_half() -> None:
    spec = planned("majority")
    assert (spec.mechanism, spec.request.robustness.keep, spec.request.output) == ("embedding", 0.5, "majority")
    assert planned("majority", keep=0.8).request.robustness.keep == 0.8


@pytest.mark.parametrize(
    ("asked", "error", "field", "words"),
    [
        ({"keep": 0.9, "metric": "edit"}, InvalidKeep, "robustness.keep", "use metric 'label' or 'verdict'"),
        ({"output": "majority", "metric": "edit"}, InvalidKeep, "output", "output='majority'"),
        ({"output": "majority", "keep": 0.4}, InvalidKeep, "robustness.keep", "a majority is more than half"),
        ({"output": "majority", "mechanism": "tokens"}, InvalidInput, "output", "mechanism 'tokens' draws none"),
        ({"output": "majority", "mechanism": "edits"}, InvalidInput, "output", "use mechanism 'embedding'"),
        ({"output": "majority", "edits": {}}, InvalidInput, "output", "use mechanism 'embedding'"),
        ({"output": "majority", "tier": "universal"}, InvalidInput, "output", "tier 'universal' draws none"),
    ],
)
def test_what_no_answer_can_keep_is_a_clear_problem(
    asked: dict[str, Any], error: type[InvalidInput], field: str, words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        planned(**asked)
    assert raised.value.field == field


@pytest.mark.parametrize("tier", ["fleet", "universal"])
def test_tiers_without_samples_have_no_share(tier: str) -> None:
    with pytest.raises(ValidationError, match="samples none"):
        planned(keep=0.9, tier=tier)
