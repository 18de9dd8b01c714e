"""A metric: how far apart the sets of words of two texts are."""


class WordsApart:
    """The Jaccard distance 1 − |A ∩ B| / |A ∪ B| of two sets of words, a metric on sets; 0 for two empty texts."""

    diameter = 1.0
    outputs = ("text",)
    description = "Jaccard distance of the sets of words (0 to 1)"

    def __init__(self, options):
        unknown = set(options) - {"keep_case"}
        if unknown:
            raise ValueError(f"options may have keep_case, got {sorted(unknown)}")
        self.keep_case = bool(options.get("keep_case", False))

    def distance(self, a, b):
        """Returns the distance of two texts."""
        words, others = ({*(t if self.keep_case else t.lower()).split()} for t in (a, b))
        union = words | others
        return 1 - len(words & others) / len(union) if union else 0.0
