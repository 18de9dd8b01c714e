"""Pictures through the whole product: the shipped model behind `smoothgen serve`, over HTTP and the command line."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from smoothgen import Client
from smoothgen.certificates import from_document
from tests.app.conftest import problem_of
from tests.service.conftest import ask, finished, submit, substance
from tests.service.test_stack import smoothgen
from tests.support.processes import FASHION, TANH, Serve

SNEAKER = "a red sneaker"
QUICK = {"samples": 40, "selection_samples": 8, "tolerance": 0.3}


def asked(prompt: str = SNEAKER, parameters: dict[str, Any] | None = None, **robustness: Any) -> dict[str, Any]:
    """A request body, small enough to be quick."""
    body = {"model": FASHION, "prompt": prompt, "seed": 5, "robustness": QUICK | robustness}
    return body if parameters is None else body | {"parameters": parameters}


def drawn(png: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(png))
    assert picture.format == "PNG"
    picture.load()
    return picture


@pytest.fixture(scope="module")
def sneaker(served: Serve) -> dict[str, Any]:
    """One finished job."""
    view = finished(served.http, submit(served.http, asked()))
    assert view["status"] == "succeeded", view
    return view


def test_a_picture_is_answered_with_its_certificate(served: Serve, sneaker: dict[str, Any]) -> None:
    assert (sneaker["output"]["type"], sneaker["output"]["media_type"]) == ("image", "image/png")
    assert sneaker["output"]["certified"]
    assert sneaker["progress"]["done"] == sneaker["progress"]["total"] == sneaker["usage"]["overhead"] == 48
    certificate = sneaker["certificate"]
    assert certificate["radius"] > 0
    assert certificate["metric"]["name"] == "pixel-rmse"
    assert certificate["request"]["parameters"]["num_inference_steps"] > 0  # what the request left open is written down
    assert served.http.get(f"/certificates/{sneaker['id']}").json() == certificate
    assert served.http.post("/certificates/verify", json=certificate).json()["valid"]


def test_the_picture_is_the_one_the_certificate_names(served: Serve, sneaker: dict[str, Any]) -> None:
    output = served.http.get(f"/jobs/{sneaker['id']}/output")
    assert output.headers["content-type"] == "image/png"
    digest = f"sha256:{hashlib.sha256(output.content).hexdigest()}"
    assert digest == sneaker["output"]["digest"] == sneaker["certificate"]["output"]["digest"]
    assert output.content == base64.b64decode(sneaker["output"]["data"])
    picture = drawn(output.content)
    assert (picture.size, picture.mode) == ((32, 32), "RGB")


def test_the_stated_distance_can_be_measured_again(sneaker: dict[str, Any]) -> None:
    # The centre is a picture in the certificate, the output is a picture: anyone can compare them.
    certificate = sneaker["certificate"]
    pictures = (sneaker["output"]["data"], certificate["metric"]["centre"]["value"])
    output, centre = (np.asarray(drawn(base64.b64decode(p)), dtype=np.float64) / 255 for p in pictures)
    rmse = float(np.sqrt(np.mean((output - centre) ** 2)))
    assert certificate["output"]["distance_to_centre"] == pytest.approx(rmse, rel=1e-6)


def test_the_noisy_samples_can_be_looked_at(served: Serve, sneaker: dict[str, Any]) -> None:
    response = served.http.get(f"/jobs/{sneaker['id']}/samples")
    assert response.headers["content-type"] == "image/png"
    assert drawn(response.content).size == (3 * 64 + 2 * 2, 3 * 64 + 2 * 2)  # 8 samples in rows of 3
    with Client(served.url) as client:
        assert client.samples(sneaker["id"]) == response.content


def test_one_seed_gives_one_picture_and_one_certificate(served: Serve, sneaker: dict[str, Any]) -> None:
    again = finished(served.http, submit(served.http, asked()))
    assert substance(again["certificate"]) == substance(sneaker["certificate"])
    assert again["output"] == sneaker["output"]


@pytest.mark.parametrize(
    ("prompt", "codes"),
    [
        (SNEAKER, set()),
        ("a giraffe on a bicycle", {"out_of_vocabulary", "underspecified", "word_unknown"}),
        ("a sneaker", {"underspecified"}),
    ],
)
def test_a_prompt_beyond_the_models_vocabulary_is_noted(served: Serve, prompt: str, codes: set[str]) -> None:
    view = finished(served.http, submit(served.http, asked(prompt, samples=8, selection_samples=1)))
    assert view["status"] == "succeeded", view
    # Eight samples prove no more than none do, and the answer says so.
    assert {note["code"] for note in view["notes"]} == codes | {"samples_added_nothing"}
    assert all(note["detail"] for note in view["notes"])


@pytest.mark.parametrize("metric", ["feature-chord", "verdict", {"name": "pixel-rmse", "cap": 0.5}])
def test_every_metric_of_the_model_is_certified(served: Serve, metric: Any) -> None:
    view = finished(served.http, submit(served.http, asked(metric=metric)))
    assert view["status"] == "succeeded", view
    assert served.http.post("/certificates/verify", json=view["certificate"]).json()["valid"]


@pytest.mark.parametrize(
    ("mechanism", "with_image", "name", "attack_on"),
    [
        ("embedding", False, "gaussian", "conditioning space"),
        ("embedding", True, "gaussian", "conditioning space"),
        ("embedding-per-step", False, "gaussian-per-step", "conditioning space"),
        ("latent-schedule", False, "latent-schedule", "initial latent"),
        ("latent-schedule", True, "latent-schedule", "seed image's latent"),
        ("img2img", True, "forward-diffusion", "seed image's latent"),
    ],
)
def test_every_mechanism_of_the_model_is_served(
    served: Serve, sneaker: dict[str, Any], mechanism: str, with_image: bool, name: str, attack_on: str
) -> None:
    parameters = {"image": sneaker["output"]["data"], "strength": 0.5} if with_image else {}
    view = finished(served.http, submit(served.http, asked(parameters=parameters, mechanism=mechanism)))
    assert view["status"] == "succeeded", view
    certificate = view["certificate"]
    assert certificate["mechanism"]["name"] == name
    assert attack_on in certificate["threat"]["attack_on"]
    assert served.http.post("/certificates/verify", json=certificate).json()["valid"]
    if with_image:  # the picture itself is the client's; the certificate names it
        digest = hashlib.sha256(sneaker["output"]["data"].encode()).hexdigest()
        assert certificate["request"]["parameters"]["image"] == f"sha256:{digest}"


def test_the_card_says_what_the_model_takes(served: Serve) -> None:
    [card] = [model for model in served.http.get("/models").json()["data"] if model["id"] == FASHION]
    assert card["modality"] == "image"
    noised = ["embedding", "embedding-shaped", "embedding-per-step", "latent-schedule", "img2img"]
    assert card["mechanisms"] == [*noised, "tokens"]
    assert card["default_mechanism"] == "embedding"
    assert [metric["name"] for metric in card["metrics"]] == ["pixel-rmse", "feature-chord", "verdict"]
    assert (card["image"]["width"], card["image"]["smallest_side"], card["image"]["largest_side"]) == (32, 32, 32)
    assert card["image"]["scheduler"] in card["image"]["schedulers"]


def test_the_prompts_that_change_a_picture_are_named(served: Serve) -> None:
    body = asked("blue bag", mechanism="tokens", samples=16, metric="verdict", tolerance=0.5)
    del body["robustness"]["selection_samples"]
    view = finished(served.http, submit(served.http, body))
    assert view["status"] == "succeeded", view
    assert (view["output"]["type"], view["output"]["certified"]) == ("image", True)
    certificate = view["certificate"]
    assert (certificate["method"], certificate["alpha"]) == ("exhaustive/v1", 0.0)
    assert certificate["threat"]["attack_on"] == "input token embeddings of the text encoder"
    verdict = served.http.post("/certificates/verify", json=certificate).json()
    assert (verdict["valid"], verdict["meaning"]) == (True, "checked")
    broken = view["broken_by"]
    assert (broken["text"], broken["writable"]) == ("red bag", True)
    assert certificate["radius"] <= broken["cost"]
    rows = served.http.get(f"/certificates/{view['id']}/neighbours").json()["neighbours"]
    assert next(row["text"] for row in rows if row["changed"]) == "red bag"
    assert all(row.get("output") is None for row in rows)
    assert served.http.get(f"/jobs/{view['id']}/samples").status_code == 404  # no noise, so no sheet of noisy samples
    covers = served.http.post(f"/certificates/{view['id']}/covers", json={"prompts": ["red bag", "a blue bag"]}).json()
    assert [answer["comparable"] for answer in covers["answers"]] == [True, False]
    assert covers["answers"][0]["distance"] == pytest.approx(broken["cost"])


def test_pictures_of_neighbours_are_kept_with_the_output_and_shown_in_a_sheet(served: Serve, tmp_path: Path) -> None:
    body = asked("blue bag", mechanism="tokens", samples=16, metric="pixel-rmse", tolerance=0.5)
    view = finished(served.http, submit(served.http, body))
    job, own = view["id"], np.asarray(drawn(served.http.get(f"/jobs/{view['id']}/output").content)).astype(float)
    listed = served.http.get(f"/certificates/{job}/neighbours").json()
    assert listed["pictures"] == [row["rank"] for row in listed["neighbours"]] != []
    for row in listed["neighbours"]:  # each is the picture its distance was measured of
        answer = served.http.get(f"/certificates/{job}/neighbours/{row['rank']}/picture")
        assert answer.headers["content-type"] == "image/png"
        pixels = np.asarray(drawn(answer.content)).astype(float)
        assert np.sqrt(np.mean(np.square((pixels - own) / 255))) == pytest.approx(row["distance"], rel=1e-6)
    problem_of(served.http.get(f"/certificates/{job}/neighbours/9999/picture"), 404)
    problem_of(served.http.get(f"/certificates/{job}/neighbours/0/picture"), 422)
    with Client(served.url) as client:
        assert client.neighbour_picture(job, listed["pictures"][0]).startswith(b"\x89PNG")
        assert client.output(job) == base64.b64decode(view["output"]["data"])

    sheet = tmp_path / "sheet.png"
    said = smoothgen("neighbours", job, "--sheet", sheet, SMOOTHGEN_URL=served.url)
    assert said.returncode == 0, said.stderr
    drawn(sheet.read_bytes())

    assert served.http.delete(f"/jobs/{job}/content").status_code == 204
    assert served.http.get(f"/certificates/{job}/neighbours").json()["pictures"] is None
    problem_of(served.http.get(f"/certificates/{job}/neighbours/1/picture"), 404)
    said = smoothgen("neighbours", job, "--sheet", sheet, SMOOTHGEN_URL=served.url)
    assert said.returncode == 2
    assert "keeps none of these runs" in " ".join(said.stderr.replace("│", " ").split())


def test_the_command_line_saves_a_picture_and_everything_about_it(served: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    options = ["--model", FASHION, "--samples", "40", "--tolerance", "0.3", "--steps", "10", "--save", folder]
    made = smoothgen("generate", SNEAKER, *options, SMOOTHGEN_URL=served.url)
    assert made.returncode == 0, made.stderr
    certificate = {"certificate.json", "certificate.jws", "curve.png"}
    assert {file.name for file in folder.iterdir()} == {"output.png", "samples.png", *certificate}
    assert all(str(file) in made.stderr for file in folder.iterdir())
    assert "certified radius" in made.stdout
    document = json.loads((folder / "certificate.json").read_text())
    output = (folder / "output.png").read_bytes()
    assert document["output"]["digest"] == f"sha256:{hashlib.sha256(output).hexdigest()}"
    assert document["request"]["parameters"]["num_inference_steps"] == 10
    for name in ("output", "samples", "curve"):
        drawn((folder / f"{name}.png").read_bytes())
    assert smoothgen("verify", folder / "certificate.json").returncode == 0
    with Client(served.url) as client:
        assert client.samples(from_document(document).id or "") == (folder / "samples.png").read_bytes()

    seed_image = ["--image", folder / "output.png", "--strength", "0.5", "--mechanism", "img2img"]
    again = smoothgen("generate", SNEAKER, *options[:6], *seed_image, SMOOTHGEN_URL=served.url)
    assert again.returncode == 0, again.stderr
    assert "seed image's latent" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", FASHION, "--scheduler", "Quantum"], "unknown scheduler 'Quantum'; known: "),
        (["--model", FASHION, "--width", "64"], "width=64 is no size of model 'fashion-32', which takes only 32"),
        (["--model", FASHION, "--mechanism", "img2img"], "send parameters.image"),
        (["--model", FASHION, "--max-new-tokens", "3"], "unknown field 'max_new_tokens'"),
        (["--model", TANH, "--steps", "3"], "unknown field 'num_inference_steps'"),
        (["--model", FASHION, "--steps", "0"], "greater than or equal to 1"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(served: Serve, arguments: list[str], words: str) -> None:
    ended = smoothgen("generate", SNEAKER, *arguments, SMOOTHGEN_URL=served.url)
    assert ended.returncode == 2
    [line] = ended.stderr.strip().splitlines()
    assert line.startswith("smoothgen: ")
    assert words in line


def test_nothing_of_all_this_was_a_surprise(served: Serve) -> None:
    finished(served.http, submit(served.http, ask()))
    assert "Traceback" not in served.log
