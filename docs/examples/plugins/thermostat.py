"""A generator: a thermostat, whose prompt is a temperature and whose output says what it does."""

import json
from hashlib import sha256

import numpy as np


class Thermostat:
    """Heats below a threshold. Its embedding is the temperature alone, and chance decides how it says so."""

    description = "reads a temperature and says whether it heats"
    output_kind = "text"
    attack_on = "temperature in degrees"
    dimension = 1
    default_sigma = 1.0
    deterministic = True
    random = True
    precision = "float64"
    examples = ("17.5", "23")

    def __init__(self, argument):
        self.threshold = json.loads(argument)["threshold"] if argument else 20.0
        self.weights = f"sha256:{sha256(repr(self.threshold).encode()).hexdigest()}"

    def embed(self, prompt, parameters):
        """Returns the temperature, and that nothing else of the prompt is kept."""
        if parameters["temperature"]:
            raise ValueError("a thermostat draws no tokens; leave temperature out")
        temperature = float(prompt)
        if not abs(temperature) <= 1000:  # refuses NaN too
            raise ValueError(f"{prompt!r:.40} is no temperature here; send degrees between -1000 and 1000")
        return np.array([temperature]), []

    def generate(self, noisy, randomness, parameters):
        """Returns what it says at each noisy temperature."""
        del parameters
        thanks = [rng.choice(["Thank you. ", ""]) for rng in randomness]
        return [f"{t}{'heat' if x < self.threshold else 'idle'}" for t, x in zip(thanks, noisy[:, 0], strict=True)]
