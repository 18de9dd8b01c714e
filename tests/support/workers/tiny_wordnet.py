"""A dozen synsets in WordNet's file format: a colour, shoes, countries, a verb, and a word of two meanings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

NAMES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
TYPES = {"n": "1", "v": "2", "a": "3", "s": "5", "r": "4"}


@dataclass
class Row:
    """kind: n, v, a, s (satellite), r. pointers: symbol, words of the target, source and target word from 1 or 0."""

    kind: str
    words: str
    pointers: list[tuple[str, str, int, int]] = field(default_factory=list)
    count: int = 0


ROWS = [
    Row("n", "color", [("~", "redness_n", 0, 0), ("~", "blueness_n", 0, 0), ("~", "color_cast", 0, 0)]),
    Row("n", "red redness_n", [("@", "color", 0, 0), ("+", "red crimson", 1, 1)], 9),
    Row("n", "blue blueness_n", [("@", "color", 0, 0)], 5),
    Row("n", "color_cast", [("@", "color", 0, 0)]),
    Row("a", "chromatic", [("!", "achromatic", 1, 1), ("&", "red crimson", 0, 0)]),
    Row("a", "achromatic", [("!", "chromatic", 1, 1)]),
    Row("s", "red crimson", [("&", "chromatic", 0, 0), ("+", "red redness_n", 1, 1)], 40),
    Row("s", "blue", [("&", "chromatic", 0, 0)], 20),
    Row("a", "hot", [("!", "cold", 1, 1)], 50),
    Row("a", "cold(p)", [("!", "hot", 1, 1)], 30),
    Row("n", "shoe", [("~", "gym_shoe sneaker tennis_shoe", 0, 0), ("~", "sandal", 0, 0), ("~", "anklet", 0, 0)], 8),
    Row("n", "gym_shoe sneaker tennis_shoe", [("@", "shoe", 0, 0)], 2),
    Row("n", "sandal", [("@", "shoe", 0, 0)], 3),
    Row("n", "anklet", [("@", "shoe", 0, 0)]),
    Row("n", "country", [("~i", "France French_Republic", 0, 0), ("~i", "Germany", 0, 0)], 7),
    Row("n", "France French_Republic", [("@i", "country", 0, 0)], 10),
    Row("n", "Germany", [("@i", "country", 0, 0)], 6),
    Row("n", "bank riverside", [], 5),
    Row("n", "bank treasury", [], 4),
    Row("v", "walk stroll go", [], 5),
    Row("n", "child kid", [], 60),
    Row("r", "quickly rapidly", [], 12),
]


def write(folder: Path) -> Path:
    """Write the folder of database files."""
    offsets = {row.words: f"{k:08}" for k, row in enumerate(ROWS, start=1)}
    pos_of = {row.words: row.kind for row in ROWS}
    short = {"redness_n": "red redness_n", "blueness_n": "blue blueness_n", "cold": "cold(p)"}
    counts = []
    for pos, name in NAMES.items():
        lines, senses = ["  1 a line of the licence"], {}
        for row in (r for r in ROWS if r.kind == pos or (pos == "a" and r.kind == "s")):
            words = row.words.split()
            targets = [(symbol, short.get(to, to), source, target) for symbol, to, source, target in row.pointers]
            pointers = "".join(
                f" {symbol} {offsets[to]} {pos_of[to]} {source:02x}{target:02x}"
                for symbol, to, source, target in targets
            )
            said = "".join(f" {word} 0" for word in words)
            head = f"{offsets[row.words]} 06 {row.kind} {len(words):02x}{said}"
            lines.append(f"{head} {len(targets):03}{pointers} | a gloss; $ | 7")
            for word in words:
                lemma = word.partition("(")[0].lower()
                of_lemma = senses.setdefault(lemma, [])
                of_lemma.append(offsets[row.words])
                if row.count:
                    counts.append(f"{lemma}%{TYPES[row.kind]}:06:00:: {len(of_lemma)} {row.count}")
        (folder / f"data.{name}").write_text("\n".join(lines) + "\n", encoding="utf-8")
        index = [f"{w} {pos} {len(o)} 1 @ {len(o)} 1 {' '.join(o)}  " for w, o in sorted(senses.items())]
        (folder / f"index.{name}").write_text("\n".join(["  1 licence", *index]) + "\n", encoding="utf-8")
        (folder / f"{name}.exc").write_text({"n": "children child\n", "v": "went go\ngone go\n"}.get(pos, ""))
    (folder / "cntlist.rev").write_text("\n".join(counts) + "\n", encoding="utf-8")
    return folder
