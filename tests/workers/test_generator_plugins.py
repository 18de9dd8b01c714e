"""Generators that installed packages bring: the example of the page, and plug-ins that break each rule."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from smoothgen import verify
from smoothgen.contracts import GenerateRequest, JobResult, TextParameters
from smoothgen.errors import InvalidInput, InvalidPlugin, UnknownName
from smoothgen.noise import Seed, Stream, generator
from smoothgen.planning.plan import plan
from smoothgen.plugins import GENERATORS
from tests.support import plugins
from tests.support.workers.jobs import Silent
from tests.support.workers.settings import CPU
from tests.workers.test_executor import run_state_of, selection_of
from tests.workers.test_score_jobs import model_of
from workers.generators import Draw, Failure, Generator, Smoothing, load_generator
from workers.generators.batching import Batcher
from workers.jobs.in_process import run_job
from workers.jobs.outcomes import Refused
from workers.serving.executor import Executor
from workers.serving.loaded_model import LoadedModel
from workers.settings import Settings

GOOD = """
import numpy as np

class Dial:
    description, output_kind, attack_on, dimension = "a dial", "number", "angle of the dial", 3
    default_sigma, deterministic, random, precision, weights = 1.0, True, False, "float64", ""
    examples = ("0.5", "0.75")
    def __init__(self, argument): ...
    def embed(self, prompt, parameters):
        return np.array([float(prompt)] * 2), ["two hands"]
    def generate(self, noisy, randomness, parameters):
        return [repr(float(1 / (1 + np.exp(-row.sum())))) for row in noisy]
"""


def install(folder: Path, code: str, name: str = "dial") -> None:
    plugins.write_package(folder, code, name=name, target="dial:Dial", group=GENERATORS)
    plugins.forget("dial", "thermostat")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    plugins.forget("dial", "thermostat")
    yield tmp_path
    plugins.forget("dial", "thermostat")


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    plugins.pip_install(plugins.EXAMPLES, folder)
    return folder


@pytest.fixture
def thermostat(site: Path, examples: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedModel:
    monkeypatch.syspath_prepend(str(examples))
    plugins.forget("thermostat")
    return loaded("plugin:thermostat")


def loaded(written: str) -> LoadedModel:
    return model_of(load_generator(written, CPU))


def run(model: LoadedModel, prompt: str, **asked: Any) -> JobResult:
    robustness = {"samples": 200, "selection_samples": 16, **asked.pop("robustness", {})}
    request = GenerateRequest.model_validate(
        {"model": model.card.id, "prompt": prompt, "seed": 1, "robustness": robustness, **asked}
    )
    job = plan(request, model.card, max_samples=1000)
    return run_job(job, model.generator, model.metric(job.metric), batcher=Batcher(64), watch=Silent())


LABEL = {"name": "label", "extract": {"kind": "regex", "pattern": "heat|idle"}}


def test_the_example_is_served_and_certified(thermostat: LoadedModel) -> None:
    card = thermostat.card
    assert (card.id, card.modality, card.default_sigma, card.largest_dimension) == ("plugin:thermostat", "text", 1.0, 1)
    assert (card.mechanisms, card.revision) == (["embedding"], "smoothgen-example-plugins 1.0")
    result = run(thermostat, "16", robustness={"metric": LABEL})
    assert result.certificate is not None
    assert result.certificate["model"]["digest"] == card.digest
    assert result.certificate["threat"]["attack_on"] == "plugin:temperature in degrees"
    assert result.certificate["sampling"]["randomness"] == "common"
    assert result.certificate["radius"] > 0.2
    assert (verify(result.certificate).valid, verify(result.certificate).meaning) == (True, "not checked")
    assert "whoever" not in result.certificate["statement"]


def test_the_radius_is_below_the_true_one(thermostat: LoadedModel) -> None:
    """It heats below 20 degrees, so under noise of level 1 it heats at 18 + delta with probability Phi(2 - delta)."""
    keep = 0.9
    result = run(thermostat, "18", robustness={"metric": LABEL, "keep": keep, "samples": 1000})
    assert result.certificate is not None
    radius = result.certificate["radius"]
    assert radius > 0
    assert ndtr(20 - (18 + radius)) >= keep


def test_its_argument_makes_another_model_with_another_digest(thermostat: LoadedModel) -> None:
    warm = loaded('warm=plugin:thermostat:{"threshold": 25}')
    assert warm.card.id == "warm"
    assert warm.card.digest != thermostat.card.digest
    assert run(warm, "22", robustness={"metric": LABEL}).output.text.endswith("heat")
    assert run(thermostat, "22", robustness={"metric": LABEL}).output.text.endswith("idle")
    assert loaded("cool=plugin:thermostat").card.digest == thermostat.card.digest
    with pytest.raises(InvalidPlugin, match=r"needs a name of its own: name=plugin:thermostat:\{\}"):
        loaded("plugin:thermostat:{}")
    with pytest.raises(InvalidPlugin, match="does not take the argument 'hot': JSONDecodeError"):
        loaded("warm=plugin:thermostat:hot")


def test_its_chance_is_given_to_it(thermostat: LoadedModel) -> None:
    common = {run(thermostat, "10", seed=seed, robustness={"metric": "edit"}).output.text for seed in range(8)}
    assert common == {"heat", "Thank you. heat"}
    fresh = run(thermostat, "10", robustness={"metric": "edit", "randomness": "fresh"})
    assert fresh.certificate is not None
    assert fresh.certificate["sampling"]["randomness"] == "fresh"
    again = run(thermostat, "10", robustness={"metric": "edit", "randomness": "fresh"})
    assert fresh.certificate["evidence"] == again.certificate["evidence"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("prompt", "parameters", "words"),
    [
        ("warm", {}, "does not take this prompt"),
        ("17", {"temperature": 0.5}, "a thermostat draws no tokens"),
        ("17", {"chat": True}, "chat"),
        ("inf", {}, "'inf' is no temperature here; send degrees"),
        ("nan", {}, "'nan' is no temperature here; send degrees"),
        ("1e39", {}, "'1e39' is no temperature here; send degrees"),
    ],
)
def test_what_it_does_not_take_is_a_problem(
    thermostat: LoadedModel, prompt: str, parameters: dict[str, Any], words: str
) -> None:
    request = GenerateRequest.model_validate(
        {"model": "plugin:thermostat", "prompt": prompt, "parameters": parameters, "robustness": {"metric": "edit"}}
    )
    job = plan(request, thermostat.card, max_samples=1000)
    [refused] = Executor(thermostat, 64).run(run_state_of([selection_of(job)]))
    assert isinstance(refused, Refused)
    assert words in refused.problem.detail
    assert refused.problem.status == 422


def test_an_x_that_is_not_finite_is_the_plugins_own_failure(site: Path) -> None:
    install(site, GOOD)
    model = loaded("plugin:dial")
    job = plan(GenerateRequest.model_validate({"model": "plugin:dial", "prompt": "nan"}), model.card, max_samples=1000)
    [refused] = Executor(model, 64).run(run_state_of([selection_of(job)]))
    assert isinstance(refused, Refused)
    assert refused.problem.status == 500
    assert "not finite in float32" in refused.problem.detail


def test_a_good_one_is_served(site: Path) -> None:
    install(site, GOOD)
    result = run(loaded("plugin:dial"), "0.5")
    assert result.certificate is not None
    assert result.certificate["metric"]["name"] == "absolute"
    assert result.certificate["threat"]["held_fixed"] == ["two hands"]
    assert result.certificate["sampling"]["randomness"] == "none"
    assert verify(result.certificate).valid


def changed(**lines: str) -> str:
    """The good plug-in with methods, or the beginning of its body, replaced."""
    code = GOOD
    for name, body in lines.items():
        code = re.sub(rf"(    def {name}\(.*\n)        .*\n", rf"\g<1>        {body}\n", code)
    return code


LEAKS = changed(
    embed='self.seen = float(prompt); return np.array([float(prompt)] * 2), ["two hands"]',
    generate="return [repr(min(1.0, self.seen)) for row in noisy]",
)
SIDEWAYS = changed(generate="return [repr(float(abs(np.tanh(noisy.mean())))) for row in noisy]")
CHANCE = changed(generate="import random; return [repr(random.random()) for row in noisy]")
BROKEN_RULES = {
    "leaks the prompt": (LEAKS, "a way around x"),
    "rows read each other": (SIDEWAYS, "changes with the rows beside it"),
    "chance of its own": (CHANCE, "other outputs the second time"),
    "draws though it says no": (
        changed(generate="return [repr(r.random()) for r in randomness]"),
        "states random=False and draws",
    ),
    "drops the prompt": (changed(embed="return np.zeros(2), []"), "equal x"),
    "embeds at random": (
        changed(embed="import random; return np.array([random.random()]), []"),
        "another x",
    ),
    "too many numbers": (changed(embed="return np.full(4, float(prompt)), []"), "states at most 3 numbers"),
    "not finite": (changed(embed="return np.array([np.nan]), []"), "not finite in float32"),
    "holds fixed one text": (changed(embed='return np.array([float(prompt)]), "all of it"'), "a list of words"),
    "raises": (changed(generate="raise OSError('no weights')"), "OSError: no weights"),
    "gives numbers": (changed(generate="return [0.5 for row in noisy]"), "gave float 0.5, not a text"),
    "gives too few": (changed(generate="return []"), "gave 0 outputs for 4 rows"),
    "refuses its examples": (GOOD.replace('("0.5", "0.75")', '("warm", "cold")'), "does not take this prompt"),
}


@pytest.mark.parametrize("rule", BROKEN_RULES)
def test_one_that_breaks_a_rule_is_not_served(site: Path, rule: str) -> None:
    code, words = BROKEN_RULES[rule]
    install(site, code)
    with pytest.raises(InvalidPlugin, match="generator plug-in 'dial' cannot be certified") as error:
        loaded("plugin:dial")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (', "angle of the dial", 3', ", 7, 3", "states attack_on=7"),
        ("attack_on, dimension", "attack_on, size", "does not state dimension"),
        ('dial", 3', 'dial", 0', "states dimension=0"),
        ("deterministic, random", "certain, random", "does not state deterministic"),
        ("1.0, True", "1.0, False", "states deterministic=False; it must be True"),
        ('True, False, "float64"', 'True, None, "float64"', "states random=None"),
        ('"float64"', '"float16"', "states precision='float16'"),
        ('precision, weights = 1.0, True, False, "float64", ""', 'precision = 1.0, True, False, "float64"', "weights"),
        ('"float64", ""', '"float64", "v1"', "states weights='v1'"),
        ('"number"', '"sound"', "states output_kind='sound'"),
        ('"number"', '"picture"', "does not state side"),
        ('("0.5", "0.75")', '("0.5", "0.5")', "states examples="),
        ("default_sigma, determ", "sigma, determ", "does not state default_sigma"),
        ("class Dial", "class Dual", "cannot be loaded"),
        ("argument): ...", "argument): raise ValueError('no folder')", "does not take the argument ''"),
    ],
)
def test_one_that_does_not_state_what_the_theory_needs_is_not_served(
    site: Path, old: str, new: str, words: str
) -> None:
    assert old in GOOD
    install(site, GOOD.replace(old, new))
    with pytest.raises(InvalidPlugin, match="plug-in 'dial'") as error:
        loaded("plugin:dial")
    assert words in str(error.value)


@pytest.mark.parametrize("written", ["fashion-32=plugin:dial", "smollm2-135m=plugin:dial"])
def test_a_name_in_the_box_is_refused(site: Path, written: str) -> None:
    install(site, GOOD)
    with pytest.raises(InvalidPlugin, match="the name of a model in the box"):
        loaded(written)


def test_an_entry_point_with_the_name_of_a_model_in_the_box_is_refused(site: Path) -> None:
    install(site, GOOD, name="fashion-32")
    with pytest.raises(InvalidPlugin, match="the name of a model in the box"):
        loaded("mine=plugin:fashion-32")


def test_one_that_is_not_installed_is_unknown(site: Path) -> None:
    with pytest.raises(UnknownName, match=r"plug-in of smoothgen\.generators 'dial'"):
        loaded("plugin:dial")


def test_samples_that_fail_count_as_the_worst(site: Path) -> None:
    install(
        site,
        changed(generate='return [None if row.sum() > 3 else ["a"] if row.sum() > 2.5 else "0.5" for row in noisy]'),
    )
    model = loaded("plugin:dial")
    result = run(model, "0.5")
    assert result.certificate is not None
    assert 0 < result.certificate["failed"] < 100
    reasons = {made.reason for made in _outputs(model.generator) if isinstance(made, Failure)}
    assert reasons == {"the plug-in gave None", "the plug-in gave list ['a'], not a text"}


def _outputs(model: Generator) -> list[Any]:
    draw = Draw(Seed(1, "server"), Stream.GENERATOR_COMMON, 0)
    condition = model.condition("1.2", TextParameters(), Smoothing("embedding", 1.0, draw))
    noise = condition.mechanism.draw(draw.seed, Stream.SELECTION, range(64), condition.embedding.shape)
    return list(model.generate(condition, noise, [draw] * 64, TextParameters()))


def test_pictures_of_a_stated_size(site: Path) -> None:
    code = changed(generate="return [np.full((8, 8, 3), 40 + 100 * (row.sum() > 0), np.uint8) for row in noisy]")
    install(site, code.replace('"number"', '"picture"').replace("examples =", "side = 8\n    examples ="))
    model = loaded("plugin:dial")
    assert model.card.image is not None
    assert (model.card.modality, model.card.image.width, model.card.metrics[0].name) == ("image", 8, "pixel-rmse")
    result = run(model, "1.5")
    assert result.certificate is not None
    assert result.output.type == "image"
    assert verify(result.certificate).valid
    with pytest.raises(InvalidInput, match="no size of model"):
        run(model, "1.5", parameters={"width": 16})
    with pytest.raises(InvalidInput, match="negative_prompt has no meaning"):
        run(model, "1.5", parameters={"negative_prompt": "dark"})


def test_generators_of_equal_places_draw_equal_numbers() -> None:
    seed = Seed(2**127 + 5, "server")
    one, same = (generator(seed, Stream.GENERATOR, 7).normal(size=5) for _ in range(2))
    assert np.array_equal(one, same)
    elsewhere = [(seed, Stream.GENERATOR, 8), (seed, Stream.SERVED, 7), (Seed(5, "server"), Stream.GENERATOR, 7)]
    others = [generator(*place) for place in elsewhere]
    assert not any(np.array_equal(one, other.normal(size=5)) for other in others)


def test_the_settings_take_one_beside_others() -> None:
    written = ['warm=plugin:thermostat:{"a": "b=c"}', "plugin:thermostat", "closed-form-tanh"]
    assert Settings(models=written).models == written
