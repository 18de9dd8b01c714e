"""The training script: every stage runs, is a function of its seed, and what it writes is served."""

import gzip
import itertools
import json
import re
import struct

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

from workers.features.picture_classifier import ClassifierNetwork
from workers.generators import load_generator
from workers.generators.diffusion.text_head import TextHead, simplex_corners
from workers.generators.weights import weights_digest
from workers.settings import Settings
from workers.training.__main__ import assemble
from workers.training.autoencoder import train_autoencoder
from workers.training.captions import (
    BLIND_TEMPLATES,
    HELD_OUT_TEMPLATES,
    UNPLACED,
    Caption,
    held_out_captions,
    known_captions,
    phrase,
    unplaced_captions,
)
from workers.training.denoiser import train_denoiser
from workers.training.foreign import foreign_captions, garment_names
from workers.training.foreign_nouns import foreign_colours, foreign_containers, foreign_garments, foreign_nouns
from workers.training.head import train_head
from workers.training.judge import accuracy, train_judge
from workers.training.negations import BLIND_FORMS, HELD_OUT_FORMS, denied_captions
from workers.training.pictures import PALETTE, load_garments, tint
from workers.training.vocabulary import COLOUR_WORDS, COLOURS, GARMENT_WORDS, GARMENTS

THREADS = 2


@pytest.fixture(autouse=True)
def _training_settings_undone():
    """Stages make torch deterministic and set its threads, for the whole process."""
    threads = torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Forty noise pictures in Fashion-MNIST's file format."""
    folder = tmp_path_factory.mktemp("fashion-mnist")
    random = np.random.default_rng(0)
    for split in ("train", "t10k"):
        pictures, kinds = random.integers(0, 256, (40, 28, 28)), np.arange(40) % 10
        with gzip.open(folder / f"{split}-images-idx3-ubyte.gz", "wb") as file:
            file.write(struct.pack(">IIII", 2051, 40, 28, 28) + pictures.astype(np.uint8).tobytes())
        with gzip.open(folder / f"{split}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">II", 2049, 40) + kinds.astype(np.uint8).tobytes())
    return folder


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory):
    """Synsets in WordNet's file format: clothing, containers and colours of the vocabulary and of other kinds."""
    folder = tmp_path_factory.mktemp("wordnet")
    lines = [
        "  1 a line of the licence",
        "00000001 03 n 01 entity 0 000 | that which is",
        "00000002 06 n 01 clothing 0 004 @ 00000001 n 0000 ~ 00000003 n 0000 ~ 00000007 n 0000 ~ 00000009 n 0000 | w",
        "00000003 06 n 01 cloak 0 001 @ 00000002 n 0000 | a loose outer garment",
        "00000004 05 n 02 giraffe 0 Giraffa 0 001 @ 00000001 n 0000 | a tall animal",
        "00000005 06 n 01 steam_engine 0 001 @ 00000001 n 0000 | an engine",
        "00000006 05 n 01 Ada 0 001 @ 00000001 n 0000 | a name",
        "00000007 06 n 01 shoe 0 003 @ 00000002 n 0000 ~ 00000008 n 0000 ~ 0000000a n 0000 | for a foot",
        "00000008 06 n 02 sneaker 0 gym_shoe 0 002 @ 00000007 n 0000 ~ 0000000b n 0000 | for sports",
        "00000009 06 n 02 hat 0 Stetson 0 001 @ 00000002 n 0000 | for a head",
        "0000000a 06 n 03 clog 0 morning_coat 0 work_shoe 0 001 @ 00000007 n 0000 | of wood",
        "0000000b 06 n 01 plimsoll 0 001 @ 00000008 n 0000 | a kind of sneaker",
        "0000000c 06 n 01 container 0 002 @ 00000001 n 0000 ~ 0000000d n 0000 | holds something",
        "0000000d 06 n 01 basket 0 001 @ 0000000c n 0000 | of wicker",
        "0000000e 07 n 01 color 0 003 @ 00000001 n 0000 ~ 0000000f n 0000 ~ 00000010 n 0000 | seen",
        "0000000f 07 n 01 red 0 001 @ 0000000e n 0000 | of blood",
        "00000010 07 n 02 brown 0 brownness 0 001 @ 0000000e n 0000 | of wood",
    ]
    (folder / "data.noun").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


class Letters:
    """A sentence encoder that counts letters."""

    name = "letters"

    def features(self, contents, /):
        counts = np.array([[text.count(chr(97 + k)) for k in range(26)] for text in contents], dtype=np.float64) + 0.1
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def test_pictures_are_padded_scaled_and_tinted(dataset):
    data = load_garments(dataset, "train")
    assert data.grey.shape == (40, 32, 32)
    assert float(data.grey.min()) == 0
    assert float(data.grey.max()) == 1
    tinted = tint(data.grey[:1], torch.tensor([COLOURS.index("orange")]))
    brightest = int(data.grey[0].argmax())
    pixel = tinted[0].flatten(1)[:, brightest]
    assert torch.allclose(pixel, torch.tensor(PALETTE["orange"]) * 2 - 1)


def test_missing_data_says_where_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="dataset-fashion-mnist"):
        load_garments(tmp_path, "train")
    with pytest.raises(FileNotFoundError, match="wordnet-base"):
        foreign_nouns(tmp_path)


def test_nouns_that_are_worn_are_no_foreign_nouns(wordnet):
    assert foreign_nouns(wordnet) == ["giraffe", "steam engine"]


def test_foreign_names_are_neither_the_vocabularys_nor_kinds_of_them_nor_what_they_are_kinds_of(wordnet):
    assert foreign_garments(wordnet, ["sneaker", "coat"]) == ["cloak", "clog", "hat", "work shoe"]
    assert foreign_containers(wordnet, ["sneaker"]) == ["basket", "container"]
    assert foreign_colours(wordnet, ["red"]) == ["brown", "brownness"]
    others = ["cloak", "clog", "gym shoe", "morning coat", "plimsoll", "shoe", "sneaker", "work shoe"]
    assert foreign_garments(wordnet, ["hats"]) == others


def test_foreign_captions_place_only_what_is_known_and_keep_every_fifth_name_out(wordnet):
    captions = foreign_captions(wordnet, count=40, seed=0)
    assert captions == foreign_captions(wordnet, count=40, seed=0) != foreign_captions(wordnet, count=40, seed=1)
    names = garment_names(wordnet)
    assert (names.held_out, set(names.known)) == (["cloak"], {"clog", "hat", "work shoe"})
    assert not any("cloak" in caption.text for caption in captions)
    for caption in captions:
        worn = re.search(r"\b(clog|hat|work shoe|basket|container)", caption.text)
        assert (caption.garment if worn else caption.colour) == UNPLACED


def test_denied_captions_place_what_is_asked_for_and_nothing_that_is_denied():
    captions = denied_captions(seed=0)
    assert captions == denied_captions(seed=0) != denied_captions(seed=1)
    found = {caption.text: (caption.garment, caption.colour) for caption in captions}
    sneaker, red = GARMENTS.index("sneaker"), COLOURS.index("red")
    for caption in captions:
        if caption.text.startswith("no "):
            assert (caption.garment, caption.colour) == (UNPLACED, UNPLACED)
    assert found["not red"] == found["no sneaker"] == (UNPLACED, UNPLACED)
    placed = {(c.garment != UNPLACED, c.colour != UNPLACED) for c in captions if "that is not" in c.text}
    assert placed == {(True, False), (False, True), (False, False)}
    both = {(c.garment, c.colour) for c in captions if UNPLACED not in (c.garment, c.colour)}
    assert (sneaker, red) in both
    assert len(both) == 80


def test_no_caption_that_is_trained_on_says_what_is_held_out(wordnet):
    trained = {
        caption.text
        for caption in (
            *known_captions(),
            *unplaced_captions(wordnet, count=200, seed=0),
            *foreign_captions(wordnet, count=200, seed=0),
            *denied_captions(seed=0),
        )
    }
    held_out = {word for meaning in (*GARMENT_WORDS, *COLOUR_WORDS) for word in meaning.held_out}
    named = re.compile(rf"\b({'|'.join(map(re.escape, held_out))})\b")
    assert not [text for text in trained if named.search(text)]
    unseen = (*HELD_OUT_TEMPLATES, *BLIND_TEMPLATES, *(form for f in (HELD_OUT_FORMS, BLIND_FORMS) for form, _, _ in f))
    for garment, colour in itertools.product(GARMENT_WORDS, COLOUR_WORDS):
        for one, other in itertools.product(garment.known, colour.known):
            assert not trained & {phrase(form, garment=one, colour=other) for form in unseen}


def test_captions_cover_every_garment_in_every_colour_and_keep_the_held_out_ones_apart(wordnet):
    known, held_out = known_captions(), held_out_captions()
    everything = {(g, c) for g in range(len(GARMENTS)) for c in range(len(COLOURS))}
    assert {(c.garment, c.colour) for c in known} == everything == {(c.garment, c.colour) for c in held_out}
    assert not {c.text for c in known} & {c.text for c in held_out}
    unplaced = unplaced_captions(wordnet, count=20, seed=0)
    assert unplaced == unplaced_captions(wordnet, count=20, seed=0)
    assert all(UNPLACED in (c.garment, c.colour) for c in unplaced)


def test_phrases_are_english():
    assert phrase("a {colour} {garment}", colour="orange", garment="ankle boot") == "an orange ankle boot"
    assert phrase("a {garment} in {colour}", colour="red", garment="bag") == "a bag in red"


def test_simplex_corners_are_equally_far_apart_and_centred():
    for count in (2, 8, 10):
        corners = simplex_corners(count)
        distances = [np.linalg.norm(a - b) for i, a in enumerate(corners) for b in corners[:i]]
        assert np.allclose(distances, np.sqrt(2))
        assert np.allclose(corners.sum(axis=0), 0)


def test_stages_are_functions_of_their_seed_and_their_output_is_served(dataset, tmp_path):
    data = load_garments(dataset, "train")
    captions = [Caption("red", 0, 0), Caption("blue bag", 8, 4), Caption("zzz", UNPLACED, UNPLACED)]

    def train(seed):
        vae = train_autoencoder(data, count=2, seed=seed, threads=THREADS)
        head = train_head(Letters(), captions, count=2, seed=seed, threads=THREADS)
        judge = train_judge(data, count=2, seed=seed, threads=THREADS)
        unet, scheduler = train_denoiser(data, vae, count=2, seed=seed, threads=THREADS)
        return vae, head, judge, unet, scheduler

    first, again, other = train(0), train(0), train(1)
    digests = [[weights_digest(m.state_dict()) for m in run[:4]] for run in (first, again, other)]
    assert digests[0] == digests[1]
    assert not set(digests[0]) & set(digests[2])

    vae, head, judge, unet, scheduler = first
    assemble(vae, unet, scheduler, tmp_path)
    head.save(tmp_path / "text_head")
    judge.save(tmp_path / "judge")
    assert weights_digest(TextHead.load(tmp_path / "text_head").state_dict()) == digests[0][1]
    assert weights_digest(ClassifierNetwork.load(tmp_path / "judge").state_dict()) == digests[0][2]
    assert json.loads((tmp_path / "smoothgen.json").read_text(encoding="utf-8"))["default_sigma"] > 0
    right = accuracy(judge, load_garments(dataset, "t10k"), seed=0)
    assert all(0 <= share <= 1 for share in right)
    with pytest.raises(OSError, match="letters"):  # the head's own encoder is not what is installed
        load_generator(f"trained={tmp_path}", Settings())


def test_the_autoencoders_latents_have_unit_variance(dataset):
    data = load_garments(dataset, "train")
    vae: AutoencoderKL = train_autoencoder(data, count=3, seed=0, threads=THREADS)
    pictures = tint(data.grey, torch.arange(40) % len(COLOURS))
    with torch.inference_mode():
        latents = vae.encode(pictures).latent_dist.mode() * vae.config.scaling_factor
    assert 0.9 < float(latents.std()) < 1.1
