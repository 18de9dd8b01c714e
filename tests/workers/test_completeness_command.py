"""`smoothgen verify CERT --model MODEL --prompt TEXT`: completeness is checked, and what hinders it is one line."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smoothgen import verify
from smoothgen.certificates import ExhaustiveCertificate, certify_exhaustive, read_certificate, to_document
from smoothgen.cli.completeness import Against, with_completeness
from smoothgen.contracts import Parameters, read_parameters
from smoothgen.errors import InvalidInput
from tests.support.certificates import examples
from tests.support.workers.jobs import run
from tests.workers.test_token_comparison import PROMPT, certified, job
from workers.generators.closed_form import ClosedForm
from workers.generators.language.adapter import LanguageModel
from workers.research.completeness import answer, completeness_of


@pytest.fixture(scope="module")
def document(llama: LanguageModel) -> dict[str, Any]:
    made = run(job(), llama).certificate
    assert made is not None
    return made


def left_out(document: dict[str, Any], place: int) -> dict[str, Any]:
    """The document of somebody who never ran one of the neighbours. It verifies."""
    honest = read_certificate(document)
    assert isinstance(honest, ExhaustiveCertificate)
    evidence = honest.evidence
    made = certify_exhaustive(
        np.delete(evidence.costs, place),
        np.delete(evidence.distances, place),
        diameter=evidence.diameter,
        tolerance=honest.tolerance,
        next_cost=evidence.next_cost,
        threat=honest.threat,
        provenance=honest.provenance,
    )
    assert isinstance(made, ExhaustiveCertificate)
    return to_document(made.identified("forged", "2026-01-01T00:00:00Z"))


def saved(folder: Path, name: str, document: dict[str, Any]) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document))
    return str(path)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "smoothgen.cli", "verify", *arguments], capture_output=True, text=True, check=False
    )


def completeness(said: dict[str, Any]) -> tuple[bool, str]:
    [check] = [check for check in said["checks"] if check["name"] == "completeness"]
    return check["passed"], check["detail"]


def test_the_command_accepts_a_complete_list_and_rejects_one_with_a_gap(
    document: dict[str, Any], llama_folder: Path, tmp_path: Path
) -> None:
    true, gap = saved(tmp_path, "true", document), saved(tmp_path, "gap", left_out(document, 2))
    tampered = saved(tmp_path, "tampered", document | {"radius": 9.0})
    prompt = tmp_path / "prompt.txt"
    prompt.write_text(PROMPT + "\n")
    options = ("--json", "--model", f"tiny={llama_folder}", "--prompt-file", str(prompt))
    done = command(true, gap, tampered, *options)
    assert (done.returncode, done.stderr) == (1, "")
    said = json.loads(done.stdout)
    assert (said[true]["valid"], said[true]["meaning"]) == (True, "checked")
    assert completeness(said[true])[1].startswith("checked with the table: all")
    assert (said[gap]["valid"], said[gap]["meaning"], completeness(said[gap])[0]) == (False, "not checked", False)
    assert "the cost of run 2 is stated as" in completeness(said[gap])[1]
    assert completeness(said[tampered])[1].startswith("completeness unchecked")  # rejected without the model
    assert not said[tampered]["valid"]


def test_errors_are_one_line_with_a_remedy(document: dict[str, Any], llama_folder: Path, tmp_path: Path) -> None:
    true, noise = saved(tmp_path, "true", document), saved(tmp_path, "noise", to_document(examples.full()))
    model = ("--model", f"tiny={llama_folder}")
    for arguments, message in [
        ((true, *model), "give the prompt, by one of --prompt and --prompt-file"),
        ((true, *model, "--prompt", PROMPT, "--prompt-file", "x"), "by one of --prompt and --prompt-file"),
        ((true, "--prompt", PROMPT), "give --model"),
        ((true, *model, "--prompt", PROMPT + " "), "give the very text that was sent, white space included"),
        ((noise, *model, "--prompt", PROMPT), "--model is for 'exhaustive/v1', leave it out"),
        ((true, *model, "--prompt-file", str(tmp_path / "none")), "No such file"),
        ((true, "--model", "closed-form-nothing", "--prompt", PROMPT), "unknown closed-form model"),
    ]:
        done = command(*arguments)
        [line] = done.stderr.splitlines()
        assert (done.returncode, done.stdout) == (2, ""), line
        assert message in line


def test_without_a_model_completeness_stays_unchecked(document: dict[str, Any]) -> None:
    verdicts = {"c": verify(document)}
    assert with_completeness(verdicts, {"c": document}, Against(None, None, None)) == verdicts
    assert verdicts["c"].valid
    assert completeness(verdicts["c"].to_dict())[1].startswith("completeness unchecked")


def test_a_process_that_dies_is_told(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smoothgen.cli.completeness._MODULE", "workers.nowhere")
    with pytest.raises(InvalidInput, match=r"ended with exit code 1: .*workers\.nowhere"):
        with_completeness({"c": verify(document)}, {"c": document}, Against("tiny", PROMPT, None))


def test_a_tampered_cost_is_seen(document: dict[str, Any], llama: LanguageModel) -> None:
    made = read_certificate(document)
    assert isinstance(made, ExhaustiveCertificate)
    costs = made.evidence.costs.copy()
    costs[-1] *= 1 - 1e-9
    evidence = document["evidence"] | {"costs": base64.b64encode(costs.tobytes()).decode()}
    forged = read_certificate(document | {"evidence": evidence})
    assert isinstance(forged, ExhaustiveCertificate)
    assert completeness_of(llama, made, PROMPT).passed
    check = completeness_of(llama, forged, PROMPT)
    assert (check.passed, f"the cost of run {len(costs) - 1} is stated as" in check.detail) == (False, True)


def test_another_model_and_another_prompt_are_told(
    document: dict[str, Any], llama: LanguageModel, gpt2: LanguageModel
) -> None:
    made = read_certificate(document)
    assert isinstance(made, ExhaustiveCertificate)
    with pytest.raises(InvalidInput, match="give --model NAME=SOURCE of that one"):
        completeness_of(gpt2, made, PROMPT)
    with pytest.raises(InvalidInput, match="does not read its prompt as tokens"):
        completeness_of(ClosedForm("closed-form-tanh"), made, PROMPT)
    assert "tokens, the document says" in completeness_of(llama, made, PROMPT + " of").detail
    assert (
        "lists no sequences" in answer("closed-form-tanh", {"c": {"document": to_document(examples.full())}})["error"]
    )


def test_a_prompt_in_a_chat_template_is_listed_without_it(llama: LanguageModel) -> None:
    made = certified(job(chat=True, samples=20), llama)
    assert completeness_of(llama, made, PROMPT).passed
    request = made.provenance.request
    assert request is not None
    object.__setattr__(request, "template", "sha256:" + "0" * 64)
    with pytest.raises(InvalidInput, match="reads sha256:"):
        completeness_of(llama, made, PROMPT)


def text(parameters: dict[str, Any]) -> Parameters:
    return read_parameters("text", parameters)


def test_turns_before_the_prompt_are_not_at_hand(llama: LanguageModel) -> None:
    parameters = {"max_new_tokens": 4, "chat": True, "attacked_turns": "user"}
    alone = certified(job(chat=True, samples=20).model_copy(update={"parameters": text(parameters)}), llama)
    assert completeness_of(llama, alone, PROMPT).passed
    history = [{"role": "user", "content": "the"}, {"role": "assistant", "content": "yes"}]
    talk = job(chat=True, samples=20).model_copy(update={"parameters": text({**parameters, "history": history})})
    with pytest.raises(InvalidInput, match=r"names by their sha256 alone, .*; leave out --model and --prompt"):
        completeness_of(llama, certified(talk, llama), PROMPT)
