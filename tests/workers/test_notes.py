"""An answer that is no answer says so: notes on empty, unanswered and cut texts, and on samples that proved nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tokenizers import decoders

from smoothgen.certificates import Certificate, certify_universal, from_document
from smoothgen.cli.show import show_generation
from smoothgen.cli.show_covers import show_covers
from smoothgen.client import Generation
from smoothgen.contracts import Covers, JobResult, JobView, Note, Progress, PromptCover, TextParameters
from smoothgen.mechanisms import Gaussian
from tests.support.workers.jobs import ON_EMBEDDING, run, spec
from tests.workers.test_comparing import call, certificate_of
from tests.workers.test_executor import executor_of, run_state_of, selection_of
from tests.workers.test_fashion import planned
from tests.workers.test_rows import END, LINE, WORDS, saying, scripted, tokenizer
from workers.generators import load_generator
from workers.generators.closed_form import ClosedForm
from workers.jobs.comparison import Embedding, compared
from workers.jobs.selection import Selected
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings

LABEL: Any = {"name": "label", "extract": {"kind": "first_line"}}


def notes(result: JobResult) -> dict[str, str]:
    return {note.code: note.detail for note in result.notes or []}


def asked(metric: Any = "edit", *, samples: int = 40, **others: Any) -> Any:
    parameters = {"max_new_tokens": others.pop("max_new_tokens", 6)}
    sigma = others.pop("sigma", 1.0)
    return spec("a b", sigma=sigma, metric=metric, samples=samples, parameters=parameters, **others)


def test_a_model_that_ends_at_once_says_nothing_and_the_job_says_so():
    result = run(asked(), scripted(lambda number, step: saying(END)))
    assert result.output.text == ""
    assert result.certificate is not None
    assert notes(result)["empty_output"].startswith("16 of 16 selection samples and the output served said nothing")
    assert "truncated" not in notes(result)


def test_white_space_is_nothing_too():
    blank = tokenizer(eos_token="<end>")
    blank.backend_tokenizer.decoder = decoders.Replace("b", "\n ")
    result = run(asked(), scripted(lambda number, step: saying(LINE if step < 3 else END), blank))
    assert result.output.text
    assert "empty_output" in notes(result)


def test_the_share_is_of_the_samples_it_is_true_of():
    job = asked()
    model = scripted(lambda number, step: saying(END if number < 0 or step > 1 else LINE))
    [opened] = executor_of(model).run(run_state_of([selection_of(job)]))
    assert isinstance(opened, Selected)
    [note] = opened.notes or []
    empty = int(note.detail.split()[0])
    assert 0 < empty < 16
    assert note.detail.startswith(f"{empty} of 16 selection samples ")
    assert ("the output served" in note.detail) == (opened.output.text == "")
    assert opened.stored.notes == opened.notes


def test_an_answer_cut_by_max_new_tokens_is_noted_as_cut_and_as_no_answer():
    metric = {"name": "label", "extract": {"kind": "json_field", "field": "answer"}}
    result = run(asked(metric), scripted(lambda number, step: saying(LINE)))
    assert notes(result)["truncated"].startswith("16 of 16 selection samples and the output served stopped at max_new")
    assert notes(result)["no_answer"].startswith("16 of 16 selection samples and the output served gave no answer")
    assert "empty_output" not in notes(result)


def test_a_text_that_ends_with_its_last_token_allowed_is_whole():
    result = run(asked(max_new_tokens=3), scripted(lambda number, step: saying(LINE if step < 2 else END)))
    assert "truncated" not in notes(result)
    shorter = run(asked(max_new_tokens=2), scripted(lambda number, step: saying(LINE if step < 2 else END)))
    assert "truncated" in notes(shorter)


@pytest.mark.parametrize("tier", ["universal", "fleet"])
def test_tiers_without_selection_samples_speak_of_the_output_served(tier: str):
    result = run(asked(tier=tier), scripted(lambda number, step: saying(END)))
    assert notes(result)["empty_output"].startswith("the output served said nothing")


def test_an_exact_draw_is_noted_beside_the_selection_samples():
    model = scripted(lambda number, step: saying(END))
    result = run(asked(output="sample"), model)
    assert notes(result)["empty_output"].startswith("16 of 16 selection samples and the output served")


def test_an_answer_has_no_notes():
    model = scripted(lambda number, step: saying(WORDS["c"] if step < 2 else END))
    assert run(asked(LABEL, samples=400), model).notes is None


def test_samples_that_prove_no_more_than_none_are_noted():
    wide = spec("0", sigma=0.2, metric="absolute", samples=200, tolerance=0.1)
    narrow = spec("3", sigma=0.2, metric="absolute", samples=2000, tolerance=0.1)
    tanh = ClosedForm("closed-form-tanh")
    for job in (wide, narrow):
        result = run(job, tanh)
        assert result.certificate is not None
        without = certify_universal(diameter=1.0, mechanism=Gaussian(0.2), alpha=1e-3, tolerance=0.1)
        assert isinstance(without, Certificate)
        nothing = result.certificate["radius"] <= without.radius
        assert ("samples_added_nothing" in notes(result)) == nothing
    assert "samples_added_nothing" not in notes(run(narrow, tanh))
    coin = spec("2.5", sigma=0.5, metric="absolute", samples=50)  # 0 or 1, each half of the time
    assert notes(run(coin, ClosedForm("closed-form-step")))["samples_added_nothing"].startswith("50 of 50")
    epsilon = spec("2.5", sigma=0.5, metric="absolute", samples=50, epsilon=0.05)
    assert "at epsilon 0.05" in notes(run(epsilon, ClosedForm("closed-form-step"))).get("samples_added_nothing", "")


def test_nothing_is_said_of_samples_where_none_were_drawn():
    assert run(spec("0", sigma=0.5, metric="absolute", tier="universal"), ClosedForm("closed-form-tanh")).notes is None


def test_the_command_line_shows_notes_before_the_radius_and_beside_it(capsys: pytest.CaptureFixture[str]):
    job = asked()
    result = run(job, scripted(lambda number, step: saying(END)))
    fields = {name: getattr(result, name) for name in JobResult.model_fields}
    view = JobView(id=job.id, status="succeeded", progress=Progress(done=1, total=1), **fields)
    show_generation(Generation(view))
    shown = capsys.readouterr().out
    radius = next(line for line in shown.splitlines() if "certified radius" in line)
    assert shown.index("note empty_output:") < shown.index("certified radius")
    assert "see note empty_output" in " ".join(shown.split())
    assert radius


def test_covers_repeats_the_notes_of_the_other_prompt():
    settings = Settings()
    served = LoadedModel(load_generator("fashion-32", settings), Encoders(settings), settings)
    job = planned(
        served, "a giraffe reading a contract", metric="pixel-rmse", sigma=0.5, samples=4, selection_samples=2
    )
    parameters = job.parameters.model_copy(update={"num_inference_steps": 1})
    job = job.model_copy(update={"parameters": parameters})
    result = run(job, served.generator)
    assert result.certificate is not None
    assert {"out_of_vocabulary", "underspecified"} <= notes(result).keys()
    prompts = ("an elephant", "a red sneaker", "a sneaker")
    conditions = Embedding(job, served.generator)(prompts)
    elephant, sneaker, colourless = compared(from_document(result.certificate), call(*prompts), conditions).answers
    assert elephant.inside
    assert [note.code for note in elephant.notes or []] == ["out_of_vocabulary", "underspecified", "word_unknown"]
    assert sneaker.notes is None
    assert [note.code for note in colourless.notes or []] == ["underspecified"]
    assert '"notes":[{"code":"out_of_vocabulary"' in elephant.model_dump_json(exclude_none=True)


def test_covers_repeats_notes_where_the_prompts_cannot_be_compared():
    note = Note(code="out_of_vocabulary", detail="it names nothing the model knows")
    original = ClosedForm("closed-form-tanh").condition("0", TextParameters(), ON_EMBEDDING)
    other = replace(original, embedding=np.zeros(2, np.float32), notes=(note,))
    job = spec("0", sigma=1.0, metric="absolute", samples=20)
    certificate = certificate_of(job, ClosedForm("closed-form-tanh"))
    [answer] = compared(certificate, call("1"), (original, [other])).answers
    assert not answer.comparable
    assert answer.notes == [note]


def test_the_command_line_shows_the_notes_of_covers(capsys: pytest.CaptureFixture[str]):
    note = Note(code="out_of_vocabulary", detail="it names no garment")
    answer = PromptCover(prompt="an elephant", comparable=True, distance=0.1, inside=True, notes=[note])
    covers = Covers(certificate="c", radius=1.0, norm="l2", confidence=0.9, samples=9, statement="…", answers=[answer])
    show_covers(covers)
    assert "'an elephant': note out_of_vocabulary: it names no garment" in capsys.readouterr().out
