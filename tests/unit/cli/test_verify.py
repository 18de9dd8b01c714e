"""`smoothgen verify`: certificates, whole answers with a certificate inside, and answers without one."""

import dataclasses
import io
import json
import re
import sys

import pytest
from rich.console import Console

from smoothgen.certificates import to_document, verify
from smoothgen.cli import main, show
from tests.support.certificates import edits
from tests.support.certificates.examples import full

CERTIFICATE = to_document(full())
FORGED = {**CERTIFICATE, "radius": CERTIFICATE["radius"] + 0.125}
ANSWER = {
    "id": "4d8e",
    "status": "succeeded",
    "model": {"id": "closed-form-tanh", "digest": "sha256:00"},
    "progress": {"done": 500, "total": 500},
}
ABSTENTION = {"reason": "radius_out_of_reach", "detail": "the bound at epsilon is above the tolerance", "curve": []}
SAID = "verifying the certificate inside the answer of job '4d8e', and nothing else of it"


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs `smoothgen verify` on documents, in this process. Gives the exit code, stdout and stderr."""

    def run(*documents, options=()):
        paths = [tmp_path / f"{number}.json" for number in range(len(documents))]
        for path, document in zip(paths, documents, strict=True):
            path.write_text(document if isinstance(document, str) else json.dumps(document))
        monkeypatch.setattr(sys, "argv", ["smoothgen", "verify", *options, *map(str, paths)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return end.value.code, said.out, said.err

    return run


def test_a_certificate_on_its_own_is_verified_without_another_word(command):
    code, out, err = command(CERTIFICATE)
    assert (code, err) == (0, "")
    assert "VALID" in out
    assert "verifying" not in out


@pytest.mark.parametrize(("inside", "code", "verdict"), [(CERTIFICATE, 0, "VALID"), (FORGED, 1, "REJECTED")])
def test_of_a_whole_answer_the_certificate_inside_is_verified_and_that_is_said(command, inside, code, verdict):
    given, out, err = command({**ANSWER, "certificate": inside})
    assert (given, err) == (code, "")
    first, second, *_ = out.splitlines()
    assert first.endswith(f"0.json: {SAID}")
    assert second.split(": ")[1].startswith(verdict)


def test_the_verdicts_as_json_are_all_of_stdout(command):
    code, out, err = command({**ANSWER, "certificate": CERTIFICATE}, CERTIFICATE, FORGED, options=["--json"])
    assert code == 1
    assert [verdict["valid"] for verdict in json.loads(out).values()] == [True, True, False]
    assert [line.split(": ", 1)[1] for line in err.splitlines()] == [SAID]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({**ANSWER, "abstention": ABSTENTION}, "it is an abstention ('radius_out_of_reach')"),
        ({**ANSWER, "certificate": None, "abstention": ABSTENTION}, "it is an abstention ('radius_out_of_reach')"),
        ({**ANSWER, "fleet": {"pool": "p", "windows": []}}, "its status is 'succeeded'"),
        ({**ANSWER, "status": "running"}, "its status is 'running'"),
    ],
)
def test_of_an_answer_without_a_certificate_there_is_nothing_to_verify(command, answer, why):
    code, out, err = command(answer)
    assert (code, out) == (2, "")
    [line] = err.splitlines()
    assert line.startswith("smoothgen: ")
    assert line.endswith(f"0.json: nothing to verify: the answer of job '4d8e' holds no certificate, {why}")


@pytest.mark.parametrize(
    "document",
    [
        {"certificate": CERTIFICATE},
        {**ANSWER, "id": 7, "certificate": CERTIFICATE},
        {**CERTIFICATE, **ANSWER, "certificate": CERTIFICATE},
        {"window": "hour:2026-11-23T22", "pool": {"id": "p"}, "certificate": CERTIFICATE},
        {"schema": "smoothgen/certificate/v2"},
        {"radius": 0.5},
        "",
    ],
)
def test_what_is_no_answer_of_a_job_is_judged_as_it_stands(command, document):
    code, out, err = command(document)
    assert (code, err) == (1, "")
    assert "REJECTED" in out
    assert "verifying" not in out


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            {"type": "urn:smoothgen:problem:no-worker", "title": "No worker", "status": 503, "detail": "wait"},
            "a problem document: 503 'No worker': 'wait'",
        ),
        ({"id": "4d8e", "status": "queued"}, "it is an answer without a certificate: status 'queued'"),
        (
            {"id": "chatcmpl-4d8e", "choices": [], "smoothgen": {"status": "abstained", "certificate": None}},
            "it is an answer without a certificate: status 'abstained'",
        ),
        ({"status": "failed", "certificate": None}, "it is an answer without a certificate: status 'failed'"),
        ({"prompt": "a"}, "this is JSON, but no certificate; GET /certificates/{id} gives one"),
        ([CERTIFICATE], "this is JSON, but no certificate; GET /certificates/{id} gives one"),
        (json.dumps(json.dumps(CERTIFICATE)), "this is JSON, but no certificate; GET /certificates/{id} gives one"),
    ],
)
def test_json_that_is_no_certificate_is_no_forgery(command, document, said):
    code, out, err = command(document)
    assert (code, out) == (2, "")
    [line] = err.splitlines()
    assert line.endswith(f"0.json: nothing to verify: {said}")


def test_a_stranger_cannot_write_to_the_terminal_by_a_problem(command):
    _, _, err = command({"title": "\x1b[2J\n", "status": 503, "detail": "\x1b[2J" + "x" * 500})
    assert "\x1b" not in err
    assert len(err.splitlines()) == 1


def test_no_file_and_a_folder_are_told_in_a_sentence(monkeypatch, capsys, tmp_path):
    for path, said in (
        (tmp_path / "none.json", f"there is no file {tmp_path / 'none.json'}; check its name"),
        (tmp_path, f"{tmp_path} is a folder; name the files in it"),
    ):
        monkeypatch.setattr(sys, "argv", ["smoothgen", "verify", str(path)])
        with pytest.raises(SystemExit) as end:
            main()
        err = capsys.readouterr().err
        assert (end.value.code, "Errno" in err) == (2, False)
        assert err.startswith(f"smoothgen: {said}")


def test_a_stranger_cannot_write_to_the_terminal_by_the_name_of_a_job(command):
    _, out, _ = command({**ANSWER, "id": "\x1b[2J\n" + "x" * 500, "certificate": CERTIFICATE})
    assert "\x1b" not in out
    assert max(map(len, re.findall("x+", out))) < 80


def test_every_check_is_printed_in_full_on_a_line_of_its_own(command):
    _, out, _ = command(CERTIFICATE)
    lines = out.splitlines()[1:]
    assert max(map(len, lines)) > 80
    printed = [line.split(maxsplit=2) for line in lines]
    assert printed == [["ok", check.name, check.detail] for check in verify(CERTIFICATE).checks]


def test_on_a_narrow_terminal_a_check_is_wrapped_and_nothing_of_it_is_left_out(monkeypatch):
    terminal = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=70, highlight=False)
    monkeypatch.setattr(show, "_out", terminal)
    verdict = verify(CERTIFICATE)
    show.show_verification("some.json", verdict)
    lines = terminal.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 70
    assert "…" not in "".join(lines)
    printed = "".join("".join(lines).split())
    assert all("".join(check.detail.split()) in printed for check in verdict.checks)


# With the prompt at hand


EDITED = to_document(edits.full())
TOLD = ["--prompt", edits.PROMPT, *(f"--variant={text}" for text in edits.VARIANTS)]


def completeness(out, path="0.json"):
    [said] = [verdict for name, verdict in json.loads(out).items() if name.endswith(path)]
    [check] = [check for check in said["checks"] if check["name"] == "completeness"]
    return said["meaning"], check["passed"], check["detail"]


def test_a_set_of_edits_is_listed_again_from_the_prompt(command):
    code, out, err = command(EDITED, options=["--json", *TOLD])
    assert (code, err) == (0, "")
    assert completeness(out) == (
        "checked",
        True,
        f"the set is that of the prompt: {EDITED['size']} texts, listed again",
    )
    assert completeness(command(EDITED, options=["--json"])[1])[2].startswith("completeness unchecked")


def test_the_prompt_of_edits_may_end_a_file_with_a_line_break(command, tmp_path):
    prompt = tmp_path / "prompt.txt"
    prompt.write_text(edits.PROMPT + "\n")
    code, out, _ = command(EDITED, options=["--json", "--prompt-file", str(prompt), *TOLD[2:]])
    assert (code, completeness(out)[1]) == (0, True)


def test_a_set_of_edits_that_leaves_texts_out_is_rejected(command):
    fewer = dataclasses.replace(edits.EDITS.identity, digest="sha256:" + "5" * 64)
    made = to_document(edits.certified([0.0] * (edits.EDITS.size - 1), edit_set=fewer))
    code, out, _ = command(made, EDITED, options=["--json", *TOLD])
    assert (code, completeness(out)[1], completeness(out, "1.json")[1]) == (1, False, True)
    assert "another is stated" in completeness(out)[2]


@pytest.mark.parametrize(
    ("document", "options", "message"),
    [
        (EDITED, TOLD[:2], f"has {len(edits.VARIANTS)} variants beside the edits of the prompt, and 0 are given"),
        (EDITED, ["--prompt", "another", *TOLD[2:]], "give the very text that was sent"),
        (EDITED, TOLD[2:], "give the prompt, by one of --prompt and --prompt-file"),
        (EDITED, [*TOLD, "--model", "tiny"], "a set of edits is listed without a model"),
        (CERTIFICATE, TOLD, "has no list that a prompt gives again; --prompt is for 'exhaustive/v1' and 'edits/v1'"),
    ],
)
def test_what_cannot_be_listed_again_is_one_line_with_a_remedy(command, document, options, message):
    code, out, err = command(document, options=options)
    assert (code, out) == (2, "")
    [line] = err.splitlines()
    assert message in line
