"""A model whose output is its prompt, so that a test can have a server say anything. Installed as a plug-in."""

import numpy as np

APART = 1000.0
"""How far two characters are apart: far more than the noise moves them."""


class Echo:
    """Takes each character as a number, and says the characters that are nearest to the noisy numbers."""

    description = "says its prompt"
    output_kind = "text"
    attack_on = "characters, as numbers"
    dimension = 4096
    default_sigma = 1.0
    deterministic = True
    random = False
    precision = "float64"
    weights = f"sha256:{'0' * 64}"
    examples = ("one prompt", "another")

    def __init__(self, argument):
        pass

    def embed(self, prompt, parameters):
        """Returns the characters' numbers."""
        return APART * np.array([ord(character) for character in prompt], dtype=np.float64), []

    def generate(self, noisy, randomness, parameters):
        """Returns a text for each row."""
        return ["".join(chr(number) for number in row) for row in np.rint(noisy / APART).astype(int)]
