"""The null model on LitServe. Run by the peers' own Python; PEER_SETTINGS says how."""

import json
import os
import uuid
from typing import Any

import litserve

OUTPUT = "0.5"


class Single(litserve.LitAPI):
    def setup(self, device: str) -> None: ...

    def decode_request(self, request: dict[str, Any]) -> str:
        return request["prompt"]

    def predict(self, prompt: str) -> str:
        del prompt
        return OUTPUT

    def encode_response(self, output: str) -> dict[str, str]:
        return {"id": uuid.uuid4().hex, "output": output}


class Batched(Single):
    def batch(self, inputs: list[str]) -> list[str]:
        return inputs

    def predict(self, prompts: list[str]) -> list[str]:
        return [OUTPUT] * len(prompts)

    def unbatch(self, outputs: list[str]) -> list[str]:
        return outputs


def main() -> None:
    settings = json.loads(os.environ["PEER_SETTINGS"])
    if settings["batch_size"] > 1:
        api = Batched(
            max_batch_size=settings["batch_size"], batch_timeout=settings["batch_timeout_s"], api_path="/generate"
        )
    else:
        api = Single(api_path="/generate")
    server = litserve.LitServer(
        api,
        accelerator="cpu",
        devices=1,
        workers_per_device=settings["workers"],
        fast_queue=settings["fast_queue"],
    )
    server.run(
        host="127.0.0.1",
        port=settings["port"],
        num_api_servers=settings["api_servers"],
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )


if __name__ == "__main__":
    main()
