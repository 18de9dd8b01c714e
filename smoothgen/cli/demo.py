"""`smoothgen demo`: the whole product once, small: a real server, models and certificates, and two forgeries."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from smoothgen.certificates import Certificate, ExhaustiveCertificate, save_certificate, to_document
from smoothgen.certificates.format.document import content_digest
from smoothgen.cli.plot import plot_curve, plot_neighbours
from smoothgen.cli.save import save_generation
from smoothgen.cli.show import progress, show_generation
from smoothgen.cli.show_exhaustive import show_neighbours
from smoothgen.client import Client, Generation
from smoothgen.errors import GenerationFailed, ServerProblem, ServerUnreachable, SmoothGenError
from smoothgen.local.stack import die_with_parent

PROMPT = "The capital of France is"
_ANSWER = {"name": "label", "extract": {"kind": "regex", "pattern": "[A-Z][a-z]+"}}
_RUNS = 128
_SAMPLES = 300
_LISTED = 12
PICTURE_PROMPT = "a red sneaker"
_PICTURE_SAMPLES = 200
_START_TIMEOUT_S = 300.0
_STOP_TIMEOUT_S = 30.0


def run_demo(folder: Path) -> int:
    """Runs the demo into this folder: serves, asks, certifies, verifies and forges. Returns exit code 0 if the
    certificate stands and both forgeries fall, else 1."""
    console = Console(highlight=False)
    folder.mkdir(parents=True, exist_ok=True)
    with _server(folder) as client:
        _heading(console, "1. A certified generation, and the prompts that an attack on its embeddings can reach")
        console.print(f"prompt: {PROMPT}\n", markup=False)
        generation = _ask(client, samples=_RUNS)
        show_generation(generation)
        view = client.neighbours(generation.id, limit=1000)
        shown = view.model_copy(update={"neighbours": view.neighbours[:_LISTED]})
        show_neighbours(shown, generation.broken_by, min(view.runs, _LISTED))
        plot_neighbours(view, folder / "neighbours.png")
        noisy = _ask(client, samples=_SAMPLES, mechanism="embedding")
        console.print(_beside(noisy), markup=False, soft_wrap=True)
        with progress() as bar:
            picture = client.generate(
                PICTURE_PROMPT, model="fashion-32", samples=_PICTURE_SAMPLES, on_progress=bar.on_progress
            )
        save_generation(client, picture, folder / "picture")
    certificate = folder / "certificate.json"
    radius, distance = _write(generation, certificate)
    if isinstance(noisy.certificate, Certificate):
        save_certificate(noisy.certificate, folder / "certificate-noise.json")
        plot_curve(noisy.certificate, folder / "curve-noise.png")
    _heading(console, "2. An independent process verifies it")
    accepted = _verify(certificate)
    _heading(console, "3. One digit of the radius changed, digest forged to match")
    radius_accepted = _verify(radius)
    _heading(console, "4. One distance of the evidence changed, hashes forged to match")
    distance_accepted = _verify(distance)
    _heading(console, "5. A picture, certified by noise, drawn while you read")
    console.print(f"prompt: {PICTURE_PROMPT}\n", markup=False)
    show_generation(picture, folder / "picture" / "output.png")
    sound = accepted and not radius_accepted and not distance_accepted and bool(picture.verify())
    console.print(
        f"\nEverything is in {folder}/: certificates, pictures of the runs (neighbours.png) and of the noise "
        "(curve-noise.png), the picture and its noisy samples (picture/), the forgeries, the server's log."
    )
    console.print("Next: `make serve`, then `smoothgen generate --help`, or http://127.0.0.1:8000/docs")
    return 0 if sound else 1


def _heading(console: Console, words: str) -> None:
    """Prints a line across the terminal and the words below it, wrapped: a rule with a title would cut a long one."""
    console.rule()
    console.print(words, style="bold", markup=False)


def _ask(client: Client, **robustness: Any) -> Generation:
    with progress(mechanism=robustness.get("mechanism")) as bar:
        return client.generate(
            PROMPT,
            model="smollm2-135m",
            metric=_ANSWER,
            max_new_tokens=3,
            on_progress=bar.on_progress,
            **robustness,
        )


def _beside(noisy: Generation) -> str:
    """Returns what noise on the embeddings proves of the same prompt, in a sentence."""
    certificate, usage = noisy.certificate, noisy.usage
    spent = "" if usage is None else f" after {usage.overhead} runs"
    if not isinstance(certificate, Certificate):
        return f"Noise on the same embeddings, snapped to tokens (mechanism embedding), proves nothing{spent}.\n"
    return (
        f"Noise on the same embeddings, snapped to tokens (mechanism embedding), proves a radius of "
        f"{certificate.radius!r}{spent}, with confidence {certificate.confidence!r}.\n"
    )


@contextmanager
def _server(folder: Path) -> Iterator[Client]:
    """Runs `smoothgen serve` as its own process on a free port, gives a client once it is ready, and stops it
    afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = folder / "serve.log"
    command = [sys.executable, "-m", "smoothgen.cli", "serve", "--port", str(port), "--state", str(folder / "state")]
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603
            command,
            env={"SMOOTHGEN_LOG_FORMAT": "console", **os.environ},  # its last line is shown while it starts
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,
        )
        try:
            with Client(url) as client:
                _wait_until_ready(client, process, log)
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_ready(client: Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    # The status line repeats the log's last line: on the first run that says how far the model's conversion is.
    with Console(stderr=True).status("") as status:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise SmoothGenError(f"the server did not start; {log} says why: {_last_line(log)}")
            try:
                if {"smollm2-135m", "fashion-32"} <= {m["id"] for m in client.models() if m["workers"]}:
                    return
            except (ServerUnreachable, ServerProblem):
                pass  # the gateway is still starting
            status.update(f"starting queue, gateway and worker … {_last_line(log)}")
            time.sleep(0.25)
    raise SmoothGenError(f"the server was not ready within {_START_TIMEOUT_S:g} s; {log} says why")


def _last_line(log: Path) -> str:
    """Returns the log's last line, shortened."""
    with log.open("rb") as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - 2000))
        lines = stream.read().decode(errors="replace").split("\n")
    return next((line.strip()[:100] for line in reversed(lines) if line.strip()), "")


def _write(generation: Generation, path: Path) -> tuple[Path, Path]:
    """Saves the certificate and two forgeries. Returns the forgeries' paths."""
    certificate = generation.certificate
    if not isinstance(certificate, ExhaustiveCertificate):
        raise GenerationFailed("the server abstained, so there is no certificate to show")
    save_certificate(certificate, path)
    document = to_document(certificate)
    radius, distance = path.with_name("forged-radius.json"), path.with_name("forged-distance.json")
    _forge(radius, {**document, "radius": _next_digit(document["radius"])})
    _forge(distance, {**document, "evidence": _one_distance_changed(document["evidence"])})
    return radius, distance


def _forge(path: Path, document: dict[str, Any]) -> None:
    """Writes a document with a digest that fits it, as a forger would."""
    path.write_text(json.dumps({**document, "digest": content_digest(document)}, indent=2) + "\n", encoding="utf-8")


def _next_digit(radius: float) -> float:
    """Returns the radius with its third significant digit raised by one (nine becomes zero)."""
    digits = list(repr(radius))
    third = [i for i, c in enumerate(digits) if c.isdigit() and "".join(digits[:i]).strip("0.") != ""][1]
    digits[third] = str((int(digits[third]) + 1) % 10)
    return float("".join(digits))


def _one_distance_changed(evidence: dict[str, Any]) -> dict[str, Any]:
    """Returns the evidence with the run that changed the answer said to have kept it, and a digest that fits."""
    costs, packed = (base64.b64decode(evidence[name]) for name in ("costs", "distances"))
    distances = np.frombuffer(packed, dtype="<f8").copy()
    distances[np.argmax(distances > 0)] = 0.0
    forged = distances.tobytes()
    return {
        **evidence,
        "distances": base64.b64encode(forged).decode("ascii"),
        "sha256": f"sha256:{hashlib.sha256(costs + forged).hexdigest()}",
    }


def _verify(path: Path) -> bool:
    """Runs `smoothgen verify` in a process of its own, with its output on the terminal. Returns whether it accepted."""
    sys.stdout.flush()
    return subprocess.call([sys.executable, "-m", "smoothgen.cli", "verify", str(path)]) == 0  # noqa: S603
