"""Certificates of edits for the tests: the smallest, one with every field filled in, and the ways a set can be run."""

import hashlib
import math

from smoothgen import EditsCertificate, certify_edits
from smoothgen.certificates import MetricIdentity, ModelIdentity, OutputIdentity, Provenance, RequestIdentity
from smoothgen.certificates.meaning.metrics import LABEL
from smoothgen.edits import EditSet
from smoothgen.noise import Seed

PROMPT = "The capital of France is"
VARIANTS = ("France has the capital", "Name the capital of France:")
EDITS = EditSet(PROMPT, variants=VARIANTS)
PAIRS = EditSet(PROMPT, kinds=("capitals", "spacing"), at_once=2)
SEED = Seed(0x123456789ABCDEF0123456789ABCDEF0, "server")
PROVENANCE = Provenance(
    request=RequestIdentity(
        f"sha256:{hashlib.sha256(PROMPT.encode()).hexdigest()}",
        {"max_new_tokens": 8, "temperature": 0.0, "chat": False},
    ),
    model=ModelIdentity(name="toy", revision="r1", digest="sha256:" + "0" * 64),
    metric=MetricIdentity(LABEL.name, LABEL.description, None, {"extract": {"kind": "first_line"}}, {}),
    output=OutputIdentity("sample", "text/plain", "sha256:" + "1" * 64, None),
)


def model(text: str) -> str:
    """A model with a closed form: it knows France, and says so louder at the end of a sentence."""
    return ("Paris" if "france" in text.lower() else "London") + ("!" if text.endswith(".") else "")


def distance(text: str) -> float:
    """0 for the prompt's own output, 0.05 for its loud form, 1 for another answer."""
    said = model(text)
    return 0.0 if said == model(PROMPT) else 0.05 if said.startswith(model(PROMPT)) else 1.0


def certified(distances, *, size=None, **asked) -> EditsCertificate:
    settings = {"sampled": False, "diameter": 1.0, "tolerance": 0.1}
    return certify_edits(distances, size=len(distances) if size is None else size, **{**settings, **asked})


def plain() -> EditsCertificate:
    """The smallest: one edit, kept."""
    return certified([0.0])


def bare() -> EditsCertificate:
    """Distances and nothing about them; one run failed."""
    return certified([0.0, 0.05, 0.30000000000000004, 0.02, math.nan, 0.0, 0.0], singles=4)


def kept() -> EditsCertificate:
    """All of a set keep the output."""
    return certified([0.0, 0.05, 0.1], singles=2)


def full() -> EditsCertificate:
    """Every field filled in; all of the set was run, answers compared."""
    texts = list(EDITS.texts)
    made = certified(
        [1.0 if distance(text) == 1 else 0.0 for text in texts],
        singles=EDITS.singles,
        texts=texts,
        outputs=[model(text) for text in texts],
        edit_set=EDITS.identity,
        provenance=PROVENANCE,
    )
    return made.identified("c-1", "2026-01-01T00:00:00Z")


def pairs() -> EditsCertificate:
    """One edit keeps the output, two need not."""
    return certified([0.0] * PAIRS.singles + [1.0] * (PAIRS.size - PAIRS.singles), singles=PAIRS.singles)


def drawn(seed: Seed = SEED, runs: int = 120, **asked) -> EditsCertificate:
    """A sample of a set of pairs, every field filled in."""
    edits = EditSet(PROMPT, kinds=("typo", "capitals"), at_once=2)
    texts = [edits.text_at(index) for index in edits.sample(seed, runs)]
    made = certified(
        [1.0 if distance(text) == 1 else 0.0 for text in texts],
        **{
            "size": edits.size,
            "singles": edits.singles,
            "sampled": True,
            "seed": seed,
            "alpha": 1e-3,
            "texts": texts,
            "outputs": [model(text) for text in texts],
            "edit_set": edits.identity,
            "provenance": PROVENANCE,
            **asked,
        },
    )
    return made.identified("c-2", "2026-01-01T00:00:00Z")


def bare_draw() -> EditsCertificate:
    """A sample, a client's seed, and nothing about them."""
    seed = Seed.from_client(7)
    return certified([0.0] * 50, size=10_000, sampled=True, seed=seed, alpha=0.05)


def hopeless() -> EditsCertificate:
    """Every draw broke the claim, the runs having failed."""
    return certified([math.nan] * 20, size=10_000, sampled=True, seed=SEED, alpha=0.05)


EXAMPLES = {made.__name__: made for made in (plain, bare, kept, full, pairs, drawn, bare_draw, hopeless)}
