"""Score `profanity`: what it says, that it loads late, and what happens where its package is not installed."""

from __future__ import annotations

import builtins
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from smoothgen import verify
from smoothgen.contracts import Robustness
from smoothgen.errors import InvalidClaim
from smoothgen.planning.claims import require_claims
from smoothgen.scores import profanity_identity
from tests.support.workers.jobs import Measures
from tests.workers.test_executor import run_state_of, selection_of, without_times
from tests.workers.test_score_jobs import TANH, by_executors, claim_on, model_of, number_job, plain
from workers.jobs.outcomes import Refused
from workers.scores import names_of_scores, output_score, profanity
from workers.serving.executor import Executor

CLEAN: dict[str, Any] = {"score": {"name": "profanity"}, "at_most": 0.5}


def test_it_tells_clean_from_profane_texts() -> None:
    score = output_score(claim_on(name="profanity"), Measures())
    clean, profane, empty = score.values(["Good morning to all of you.", "You are a fucking idiot.", ""])
    assert 0 <= clean < 0.2
    assert 0.8 < profane <= 1
    assert 0 <= empty <= 1
    assert score.identity == profanity_identity(score.identity.options["model"])
    assert score.identity.options["model"].startswith("alt-profanity-check ")


def test_a_text_has_one_score_whatever_the_others() -> None:
    score = output_score(claim_on(name="profanity"), Measures())
    texts = ["damn it", "good", "damn it", "a shitty day", ""]
    assert np.array_equal(score.values(texts), np.concatenate([score.values([text]) for text in texts]))


def test_a_job_is_certified_by_it() -> None:
    job = number_job(CLEAN, samples=100)
    result = by_executors(job)
    assert without_times(result) == without_times(plain(job))
    assert result.certificate is not None
    [claim] = result.certificate["claims"]
    assert claim["radius"] > 0
    assert "by classifier 'alt-profanity-check" in result.certificate["statement"]
    assert (verify(result.certificate).valid, verify(result.certificate).meaning) == (True, "checked")


def test_a_certificate_of_another_range_is_of_no_known_score() -> None:
    result = plain(number_job(CLEAN, samples=100))
    assert result.certificate is not None
    result.certificate["claims"][0]["score"]["range"] = [0.0, 2.0]
    assert not verify(result.certificate).valid


def test_the_list_of_scores_imports_nothing() -> None:
    code = (
        "import sys; from workers.scores import names_of_scores; "
        "assert 'profanity' in names_of_scores('text', sentence=False, classifier=False, clip=False); "
        "assert not {'profanity_check', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real_import, real_find = builtins.__import__, profanity.find_spec

    def no_import(name: str, *rest: Any) -> Any:
        if name == "profanity_check":
            raise ModuleNotFoundError("No module named 'profanity_check'")
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_import)
    monkeypatch.setattr(profanity, "find_spec", lambda name: None if name == "profanity_check" else real_find(name))
    profanity._classifier.cache_clear()
    yield
    profanity._classifier.cache_clear()


@pytest.mark.usefixtures("not_installed")
def test_where_it_is_not_installed_the_extra_is_named_by_gateway_and_worker() -> None:
    model = model_of(TANH)
    assert "profanity" not in model.card.scores
    robustness = Robustness.model_validate({"claims": [CLEAN], "mechanism": "embedding"})
    with pytest.raises(InvalidClaim, match=r"needs the package alt-profanity-check .*smoothgen\[profanity\]") as error:
        require_claims(robustness, model.card)
    assert error.value.field == "robustness.claims.0"
    [refused] = Executor(model, 64).run(run_state_of([selection_of(number_job(CLEAN))]))
    assert isinstance(refused, Refused)
    assert refused.problem.status == 422
    assert "pip install 'smoothgen[profanity]'" in refused.problem.detail


def test_it_is_a_score_of_texts() -> None:
    assert "profanity" in names_of_scores("text", sentence=False, classifier=False, clip=False)
    assert "profanity" not in names_of_scores("picture", sentence=True, classifier=True, clip=True)
