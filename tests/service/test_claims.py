"""Claims on scores through a real gateway and a real worker."""

from __future__ import annotations

from typing import Any

from smoothgen import Client, verify
from tests.support.processes import TANH, Lab

NUMBER: dict[str, Any] = {"score": {"name": "pattern", "pattern": r"^0\.[0-9]"}, "of": "share", "at_least": 0.5}
SHORT: dict[str, Any] = {"score": {"name": "length", "cap": 40}, "of": "quantile:0.9", "at_most": 30}


def test_claims_come_back_with_the_certificate(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(TANH, batch_size=16)
    with Client(gateway.url) as client:
        made = client.generate("0.25", model=TANH, sigma=1.0, samples=400, tolerance=0.3, claims=[NUMBER, SHORT])
        assert made.certificate is not None
        assert [claim.asked.of for claim in made.certificate.score_claims] == ["share", "quantile:0.9"]
        assert all(claim.radius for claim in made.certificate.score_claims)
        assert verify(made.view.certificate).meaning == "checked"
        early = client.generate("0.25", model=TANH, sigma=1.0, epsilon=0.01, tolerance=0.3, claims=[NUMBER])
        assert early.certificate is not None
        assert early.certificate.evidence.samples < 500
        futile = client.generate("0.25", model=TANH, sigma=1.0, claims=[{**NUMBER, "at_least": 0.999}])
        assert futile.abstention is not None
        assert "even if every sample is at its best" in futile.abstention.detail
    answer = gateway.http.post(
        "/generate",
        json={"model": TANH, "prompt": "0.25", "robustness": {"claims": [{**SHORT, "at_most": 40}]}},
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/robustness/claims/0"
    [card] = [model for model in gateway.http.get("/models").json()["data"] if model["id"] == TANH]
    assert {"pattern", "json_schema", "length"} <= set(card["scores"])
