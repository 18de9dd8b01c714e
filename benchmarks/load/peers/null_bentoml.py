"""The null model on BentoML. Run by `bentoml serve` of the peers' own Python; PEER_SETTINGS says how."""

import json
import os
import uuid
from typing import Any

import bentoml

OUTPUT = "0.5"
SETTINGS = json.loads(os.environ["PEER_SETTINGS"])
QUIET: dict[str, Any] = {
    "logging": {"access": {"enabled": False}},
    "metrics": {"enabled": False},
    "monitoring": {"enabled": False},
    "tracing": {"sample_rate": 0.0},
    "traffic": {"timeout": 60},
    # By default a service closes its connection to another after 100 requests, under those still on their way: 500s.
    "runner_connection": {"max_requests": 10**9, "max_age": 86400.0},
}


def answer(output: str) -> dict[str, str]:
    return {"id": uuid.uuid4().hex, "output": output}


@bentoml.service(workers=1, **QUIET)
class Model:
    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
    async def predict(self, prompts: list[str]) -> list[str]:
        return [OUTPUT] * len(prompts)


if SETTINGS["batching"]:
    # The documentation's way to batch a request of several fields: a service of its own behind the one that answers.
    @bentoml.service(workers=SETTINGS["workers"], **QUIET)
    class Null:
        model = bentoml.depends(Model)

        @bentoml.api(route="/generate")
        async def generate(self, model: str, prompt: str, robustness: dict[str, Any]) -> dict[str, str]:
            del model, robustness
            [output] = await self.model.to_async.predict([prompt])
            return answer(output)

else:

    @bentoml.service(workers=SETTINGS["workers"], **QUIET)
    class Null:
        @bentoml.api(route="/generate")
        async def generate(self, model: str, prompt: str, robustness: dict[str, Any]) -> dict[str, str]:
            del model, prompt, robustness
            return answer(OUTPUT)
