"""OpenAI's own client, unmodified, against a service: only its base_url is another."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from openai.types.responses import Response

import smoothgen
from smoothgen.images import decode_image
from tests.support.processes import FASHION, SLOW, TANH, Lab, Serve, eventually

FEW: dict[str, Any] = {"smoothgen": {"robustness": {"sigma": 1.0, "tolerance": 0.3, "samples": 200}}}
ASKED: list[Any] = [{"role": "user", "content": "0.25"}]


@pytest.fixture(scope="module")
def client(served: Serve) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def about(answer: Any) -> dict[str, Any]:
    """The object `smoothgen` of an answer, which the client keeps though it does not know it."""
    return dict(answer.model_extra["smoothgen"])


def completed(client: openai.OpenAI, response_id: str) -> Response:
    """The response once it has ended, which must be well."""

    def ended() -> Response | None:
        response = client.responses.retrieve(response_id)
        return None if response.status in ("queued", "in_progress") else response

    response = eventually(ended, 300)
    assert response is not None
    assert response.status == "completed"
    return response


def test_models_are_listed_and_read(client: openai.OpenAI):
    listed = {model.id: model for model in client.models.list()}
    assert {TANH, FASHION} <= set(listed)
    assert about(listed[FASHION])["modality"] == "image"
    assert client.models.retrieve(TANH).object == "model"


def test_an_answer_comes_with_a_certificate_that_verifies(client: openai.OpenAI, served: Serve):
    answer = client.chat.completions.create(model=TANH, messages=ASKED, seed=7, extra_body=FEW)
    said = about(answer)
    assert said["status"] == "certified"
    assert answer.metadata is not None
    assert answer.metadata["smoothgen_certificate"] == said["certificate"]
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.system_fingerprint
    with smoothgen.Client(served.url) as ours:
        certificate = ours.certificate(said["certificate"])
        same = ours.generate("0.25", model=TANH, seed=7, **FEW["smoothgen"]["robustness"])
    assert smoothgen.verify(certificate)
    assert certificate.radius == said["radius"]
    assert same.text == answer.choices[0].message.content
    assert same.certificate.radius == said["radius"]
    assert same.statement == smoothgen.statement_of(same.certificate) == said["statement"]


def test_the_certificate_is_named_in_headers_too(client: openai.OpenAI):
    raw = client.chat.completions.with_raw_response.create(model=TANH, messages=ASKED, extra_body=FEW)
    assert raw.headers["x-smoothgen-certificate"] == about(raw.parse())["certificate"]


def test_a_request_that_says_nothing_of_robustness_is_certified(client: openai.OpenAI):
    assert about(client.chat.completions.create(model=TANH, messages=ASKED))["status"] == "certified"


def test_an_abstention_is_told(client: openai.OpenAI):
    asked = {"smoothgen": {"robustness": {**FEW["smoothgen"]["robustness"], "epsilon": 50.0}}}
    said = about(client.chat.completions.create(model=TANH, messages=ASKED, extra_body=asked))
    assert (said["status"], said["certificate"]) == ("abstained", None)
    assert said["reason"]


def test_a_stream_tells_the_text_uncertified_and_then_the_certificate(client: openai.OpenAI):
    chunks = list(client.chat.completions.create(model=TANH, messages=ASKED, stream=True, extra_body=FEW))
    told = [about(chunk)["status"] for chunk in chunks if "smoothgen" in (chunk.model_extra or {})]
    assert told == ["queued", "uncertified", "certified"]
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert float(text) <= 1
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None


def test_a_streams_last_chunk_says_what_the_whole_answer_says(client: openai.OpenAI):
    robustness = {**FEW["smoothgen"]["robustness"], "epsilon": 0.01}
    asked = {"model": TANH, "messages": ASKED, "seed": 7, "extra_body": {"smoothgen": {"robustness": robustness}}}
    [*_, last] = client.chat.completions.create(stream=True, **asked)
    of_stream, whole = about(last), about(client.chat.completions.create(**asked))
    own = {"job", "certificate", "signature"}
    assert whole["decision"]["holds"]
    assert {k: v for k, v in of_stream.items() if k not in own} == {k: v for k, v in whole.items() if k not in own}


def test_notes_are_told_where_clients_drop_unknown_fields(client: openai.OpenAI):
    """No output has the answer that the pattern asks for: what is certified is that there is none."""
    label = {"name": "label", "extract": {"kind": "regex", "pattern": "nowhere"}}
    asked = {"smoothgen": {"robustness": {"sigma": 1.0, "samples": 200, "metric": label}}}
    raw = client.chat.completions.with_raw_response.create(model=TANH, messages=ASKED, extra_body=asked)
    answer = raw.parse()
    said = about(answer)
    assert said["status"] == "certified"
    assert answer.metadata is not None
    assert "no_answer" in answer.metadata["smoothgen_notes"].split(",")
    assert answer.metadata["smoothgen_notes"] == raw.headers["x-smoothgen-notes"]
    assert set(answer.metadata["smoothgen_notes"].split(",")) == {note["code"] for note in said["notes"]}
    response = client.responses.create(model=TANH, input="0.25", extra_body=asked)
    assert response.metadata is not None
    assert "no_answer" in response.metadata["smoothgen_notes"]
    assert "smoothgen_notes" not in (client.chat.completions.create(model=TANH, messages=ASKED).metadata or {})


def test_a_picture_is_base64(client: openai.OpenAI):
    few = {"smoothgen": {"robustness": {"samples": 20, "deadline_s": 600}}}
    answer = client.images.generate(model=FASHION, prompt="a red dress", size="32x32", extra_body=few)
    assert answer.data is not None
    encoded = answer.data[0].b64_json
    assert encoded is not None
    assert base64.b64decode(encoded)
    assert decode_image(encoded).size == (32, 32)
    assert about(answer)["status"] == "certified"


def test_a_background_response_is_read_later_and_deleted(client: openai.OpenAI, served: Serve):
    response = client.responses.create(model=TANH, input="0.25", background=True, extra_body=FEW)
    response = completed(client, response.id)
    assert float(response.output_text) <= 1
    assert about(response)["status"] == "certified"
    client.responses.delete(response.id)
    for ask in (client.responses.retrieve, client.responses.cancel, client.responses.delete):
        with pytest.raises(openai.NotFoundError) as gone:
            ask(response.id)
        error: Any = gone.value.body
        assert (error["type"], error["code"]) == ("not_found_error", "not-found")
        assert "erased" in error["message"]
    with smoothgen.Client(served.url) as ours:
        assert smoothgen.verify(ours.certificate(about(response)["certificate"]))


def test_a_response_that_was_deleted_before_its_end_is_gone(client: openai.OpenAI):
    slow = {"smoothgen": {"robustness": {"sigma": 1.0, "samples": 4000, "deadline_s": 3600}}}
    response = client.responses.create(model=SLOW, input="0.75", background=True, extra_body=slow)
    client.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


@pytest.mark.parametrize("background", [False, True])
def test_a_response_repeats_what_was_asked(client: openai.OpenAI, background: bool):
    asked: dict[str, Any] = {"max_output_tokens": 7, "temperature": 0.5, "top_p": 0.75}
    made = client.responses.create(
        model=TANH, input="0.25", background=background, metadata={"of": "me"}, extra_body=FEW, **asked
    )
    assert {name: getattr(made, name) for name in asked} == asked
    assert made.background is background
    assert made.instructions is None
    assert made.metadata is not None
    assert made.metadata["of"] == "me"
    read = client.responses.retrieve(made.id)
    assert {name: getattr(read, name) for name in asked} == asked
    assert (read.background, read.instructions) == (None, None)  # not kept
    plain = client.responses.create(model=TANH, input="0.25", extra_body=FEW)
    assert (plain.max_output_tokens, plain.temperature, plain.top_p, plain.background) == (32, 0.0, None, False)


def test_a_background_response_can_be_cancelled(client: openai.OpenAI):
    slow = {"smoothgen": {"robustness": {"sigma": 1.0, "samples": 4000, "deadline_s": 3600}}}
    response = client.responses.create(model=SLOW, input="0.25", background=True, extra_body=slow)
    assert client.responses.cancel(response.id).status == "cancelled"


@pytest.mark.parametrize(
    ("changes", "status", "named"),
    [
        ({"n": 2}, 422, "n"),
        ({"logprobs": True}, 422, "logprobs"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, 422, "tools"),
        ({"response_format": {"type": "json_object"}}, 422, "response_format"),
        ({"messages": [{"role": "assistant", "content": "0.25"}]}, 422, "messages.0.role"),
        ({"messages": [{"role": "system", "content": "Count."}, *ASKED]}, 422, "messages"),
        ({"messages": []}, 422, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 422, "messages.0.content"),
        ({"metadata": {"smoothgen_certificate": "mine"}}, 422, "metadata.smoothgen_certificate"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, 422, "max_completion_tokens"),
        ({"model": "nobody"}, 404, "model"),
        ({"max_tokens": -4}, 422, "max_tokens"),
        ({"max_completion_tokens": 5000}, 422, "max_completion_tokens"),
        ({"temperature": -1}, 422, "temperature"),
        ({"model": FASHION}, 422, "model"),
        ({"extra_body": {"smoothgen": {"robustness": {"samples": 0}}}}, 422, "smoothgen.robustness.samples"),
        ({"extra_body": {"smoothgen": {"robustnes": {}}}}, 422, "smoothgen.robustnes"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_served_is_an_error_in_openais_form(
    client: openai.OpenAI, changes: dict[str, Any], status: int, named: str | None
):
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(**{"model": TANH, "messages": ASKED, **changes})
    error: Any = refused.value.body
    assert refused.value.status_code == status
    assert error["param"] == named
    assert len(error["message"]) > 20
    assert error["type"] in ("invalid_request_error", "not_found_error")


def test_what_asks_for_nothing_is_taken(client: openai.OpenAI):
    answer = client.chat.completions.create(
        model=TANH,
        messages=ASKED,
        n=1,
        logprobs=False,
        frequency_penalty=0,
        tool_choice="none",
        user="me",
        extra_body=FEW,
    )
    assert "ignored" not in about(answer)


def test_fields_that_nobody_knows_are_left_aside_and_named(client: openai.OpenAI):
    answer = client.chat.completions.create(model=TANH, messages=ASKED, extra_body=FEW | {"novelty": 1})
    assert about(answer)["ignored"] == ["novelty"]


def test_a_repeat_without_a_key_is_the_same_job_until_it_ends_and_after_where_it_is_a_retry(client: openai.OpenAI):
    slow = {"smoothgen": {"robustness": {"sigma": 1.0, "samples": 20, "deadline_s": 3600}}}

    def sent(retry: int) -> str:
        marked = {"x-stainless-retry-count": str(retry)}
        response = client.responses.create(
            model=SLOW, input="0.5", background=True, extra_body=slow, extra_headers=marked
        )
        return response.id

    first = sent(0)
    assert sent(0) == first
    completed(client, first)
    assert sent(1) == first
    assert sent(0) != first


def test_a_request_that_takes_too_long_is_told_to_come_again_and_its_job_goes_on(lab: Lab):
    gateway, _ = lab.gateway(openai_wait_s=0), lab.worker(SLOW)
    slow = {"smoothgen": {"robustness": {"sigma": 1.0, "samples": 40, "deadline_s": 3600}}}
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="any", max_retries=0)
    with client, pytest.raises(openai.APIStatusError) as late:
        client.chat.completions.create(model=SLOW, messages=ASKED, extra_body=slow)
    assert late.value.status_code == 504
    assert late.value.response.headers["x-should-retry"] == "true"
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="any", max_retries=1000) as patient:
        answer = patient.chat.completions.create(model=SLOW, messages=ASKED, seed=3, extra_body=slow)
    assert about(answer)["status"] == "certified"
    submitted = 'smoothgen_jobs_submitted_total{model="closed-form-slow"} 2.0'  # the patient client's retries made none
    assert submitted in gateway.http.get("/metrics").text


def test_defaults_of_the_server_certify_requests_that_say_nothing(lab: Lab):
    asked = {"robustness": {"sigma": 0.5, "tolerance": 0.25, "samples": 123, "deadline_s": 3600}}
    gateway, _ = lab.gateway(openai_defaults={TANH: asked}), lab.worker(TANH)
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="any") as client:
        said = about(client.chat.completions.create(model=TANH, messages=ASKED))
    with smoothgen.Client(gateway.url) as ours:
        certificate = ours.certificate(said["certificate"])
    assert (certificate.tolerance, certificate.evidence.samples) == (0.25, 123)


def test_langchain_keeps_the_certificates_id(served: Serve):
    said = langchain(served).invoke("0.25").response_metadata
    assert said["headers"]["x-smoothgen-status"] == "certified"
    with smoothgen.Client(served.url) as ours:
        assert smoothgen.verify(ours.certificate(said["headers"]["x-smoothgen-certificate"]))
    assert said["id"].endswith(said["headers"]["x-smoothgen-certificate"])


def langchain(served: Serve, **more: Any) -> ChatOpenAI:
    key: Any = "any"
    return ChatOpenAI(
        base_url=f"{served.url}/v1", api_key=key, model=TANH, extra_body=FEW, include_response_headers=True, **more
    )


def test_langchain_streams_and_names_the_job_whose_certificate_comes_last(served: Serve):
    whole = None
    for chunk in langchain(served).stream("0.25"):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert float(str(whole.content)) <= 1
    with smoothgen.Client(served.url) as ours:
        assert smoothgen.verify(ours.certificate(whole.response_metadata["headers"]["x-smoothgen-job"]))


def test_langchain_asks_many_at_once(served: Serve):
    answers = langchain(served).batch(["0.25", "0.5", "0.75"])
    assert {each.response_metadata["headers"]["x-smoothgen-status"] for each in answers} == {"certified"}


def test_langchain_through_responses(served: Serve):
    said = langchain(served, use_responses_api=True).invoke("0.25")
    assert float(said.text) <= 1
    assert said.response_metadata["metadata"]["smoothgen_status"] == "certified"


def test_a_picture_in_a_message_is_refused_by_name(served: Serve):
    parts: list[Any] = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    with pytest.raises(openai.UnprocessableEntityError, match="only text is read here"):
        langchain(served).invoke([HumanMessage(content=parts)])


def test_an_erased_answer_is_gone_where_its_request_is_repeated(client: openai.OpenAI, served: Serve):
    same: dict[str, Any] = {"model": TANH, "messages": ASKED, "extra_body": FEW}
    key = {"Idempotency-Key": "to be erased"}
    first = client.chat.completions.create(**same, extra_headers=key)
    assert served.http.delete(f"/jobs/{about(first)['job']}/content").status_code == 204
    with pytest.raises(openai.APIStatusError) as gone:
        client.chat.completions.create(**same, extra_headers=key)
    assert gone.value.status_code == 410
    with pytest.raises(openai.APIError, match="was erased"):
        list(client.chat.completions.create(**same, stream=True, extra_headers=key))
