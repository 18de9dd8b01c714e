"""A model's name that nobody knows is refused at once, where the model hub cannot be asked for it."""

from __future__ import annotations

import pytest
from huggingface_hub import constants

from tests.support.processes import free_port
from tests.support.workers.settings import CPU
from workers.generators import load_generator
from workers.generators.registry import known_names


@pytest.mark.timeout(20)  # the hub's own client tries for a minute
@pytest.mark.parametrize("written", ["fashion-33", "mine=fashion-33", "owner/fashion-33", "mine=owner/fashion-33"])
def test_an_unknown_name_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free_port()}")
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(OSError, match=r"unknown model '(owner/)?fashion-33'; known: closed-form-") as caught:
        load_generator(written, CPU)
    assert all(name in str(caught.value) for name in known_names())


def test_the_models_that_come_with_the_package_are_known() -> None:
    assert {"smollm2-135m", "fashion-32", "fashion-lipschitz-32", "fashion-gan-32", "closed-form-tanh"} <= known_names()
