"""A score: the share of a text's sentences that have a courteous word."""

import re


class Polite:
    """The score under the words of a request."""

    range = (0.0, 1.0)
    two_valued = False

    def __init__(self, options):
        unknown = set(options) - {"words"}
        if unknown:
            raise ValueError(f"options may have words, got {sorted(unknown)}")
        self.words = [word.lower() for word in options.get("words", ["please", "thank", "kindly"])]

    def score(self, output):
        """Returns the share of sentences with one of the words."""
        sentences = [s for s in re.split(r"[.!?]+", output.lower()) if s.strip()]
        if not sentences:
            return 0.0
        return sum(any(word in s for word in self.words) for s in sentences) / len(sentences)
