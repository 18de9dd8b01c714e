"""Holds the code of every bound to the proof a person last confirmed.

    python -m tests.proofs                  says which bounds changed since then
    python -m tests.proofs --confirm NAME   records that the proof of NAME still covers its code ("all" for every one)

A bound is a public function or class of the modules in COVERED, or a public constant made of them. Its docstring names
a page of docs/theory and a heading there, `Proof: docs/theory/<page>.md, "<heading>".` Its code is its syntax tree
without docstrings, together with everything of its own module that it uses. Read the page beside the changed code
before you confirm it.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "docs/theory/confirmed.json"
COVERED = (
    *(
        f"smoothgen/certificates/bounds/{name}.py"
        for name in ("bands", "keeps", "lipschitz", "looks", "median", "radius", "rounding", "shift_bounds", "theorems")
    ),
    "smoothgen/certificates/covers.py",
    "smoothgen/certificates/edits/claims.py",
    "smoothgen/certificates/edits/draws.py",
    "smoothgen/certificates/edits/score_claims.py",
    "smoothgen/certificates/exhaustive/claims.py",
    "smoothgen/certificates/exhaustive/cost.py",
    "smoothgen/certificates/fleet/levels.py",
    *(f"smoothgen/certificates/score_claims/{name}.py" for name in ("asked", "bounds", "certified", "exact", "shares")),
    *(f"smoothgen/certificates/units/{name}.py" for name in ("choice", "claims", "score_claims", "touched")),
    *(f"smoothgen/evaluation/{name}.py" for name in ("confidence", "curves")),
    *(
        f"smoothgen/evaluation/baselines/{name}.py"
        for name in ("center_smoothing", "gan_smoothing", "lipschitz", "majority")
    ),
    *(f"smoothgen/evaluation/falsification/{name}.py" for name in ("binomials", "critic", "crossing", "means")),
    *(
        f"smoothgen/mechanisms/{name}.py"
        for name in ("forward_diffusion", "gaussian", "grid", "scale", "schedules", "shape", "shaped", "synonyms")
    ),
)
PROVE_NOTHING = frozenset(
    {"BANDS", "METHODS", "band_by_name", "method_by_name", "read_fields", "invalid_shape", "printed"}
    | {"Comparison", "Exceeded", "Radii", "ShiftLowerBound", "Verdict", "require_no_crossing"}
    | {"require_alpha", "require_slack", "require_proven_in", "require_l2", "require_sigma", "require_steps"}
    | {"require_altered", "require_keep", "require_distinct", "require_asked", "failing_at"}
)
"""Public definitions that refuse, look up or print, and so have no proof."""
_PROOF = re.compile(r'docs/theory/([a-z-]+\.md), "([^"]+)"')


@dataclass(frozen=True)
class Bound:
    """A definition with a proof. proofs: (page, heading) pairs of its docstring. code: sha256 of its syntax tree."""

    name: str
    proofs: tuple[tuple[str, str], ...]
    code: str


def bounds() -> dict[str, Bound]:
    """Returns every bound by its name, "<module>.<definition>"."""
    found = {}
    for path in COVERED:
        source = (ROOT / path).read_text("utf-8")
        module = path.removesuffix(".py").replace("/", ".")
        for bound in bounds_of(source, module):
            found[bound.name] = bound
    return found


def bounds_of(source: str, module: str) -> list[Bound]:
    """Returns the bounds of a module's source text."""
    tree = ast.parse(source)
    defined, words = _definitions(tree), _docstrings(tree)
    found = []
    for name in defined:
        parts = _used_by(name, defined)
        if name.startswith("_") or name in PROVE_NOTHING:
            continue
        if any(isinstance(defined[part], ast.FunctionDef | ast.ClassDef) for part in parts):
            named = tuple(_PROOF.findall(" ".join(words.get(name, "").split())))
            found.append(Bound(f"{module}.{name}", named, _digest(parts, defined)))
    return found


def confirmed() -> dict[str, str]:
    """Returns the code that was last confirmed, by the bound's name."""
    return dict(json.loads(RECORD.read_text("utf-8"))) if RECORD.exists() else {}


def stale() -> dict[str, str]:
    """Returns what is wrong with the record, by the bound's name; empty where every proof was confirmed."""
    known, now = confirmed(), bounds()
    wrong = {name: "is no bound any more; confirm it to take it off the record" for name in known if name not in now}
    for name, bound in now.items():
        if known.get(name) != bound.code:
            pages = ", ".join(f'docs/theory/{page}, "{heading}"' for page, heading in bound.proofs) or "no page"
            state = "changed since its proof was confirmed" if name in known else "was never confirmed"
            wrong[name] = f"{state}: read {pages}"
    return wrong


def confirm(names: list[str]) -> None:
    """Records the code of these bounds as it is now. Raises SystemExit for a name that is no bound."""
    known, now = confirmed(), bounds()
    chosen = {*known, *now} if names == ["all"] else set(names)
    unknown = sorted(chosen - set(known) - set(now))
    if unknown:
        raise SystemExit(f"no such bound: {', '.join(unknown)}; `python -m tests.proofs` lists those that changed")
    for name in chosen:
        known.pop(name, None)
        if name in now:
            known[name] = now[name].code
    RECORD.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")


def headings(page: str) -> set[str]:
    """Returns the headings of a page of docs/theory, empty where there is no such page."""
    path = ROOT / "docs/theory" / page
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {line.lstrip("#").strip() for line in lines if line.startswith("#")}


def main() -> None:
    """Prints the bounds whose proof is to be read again, or records that it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--confirm", nargs="+", metavar="NAME", help='bounds whose proof was read again, or "all"')
    names = parser.parse_args().confirm
    if names:
        confirm(names)
        return
    wrong = stale()
    for name, reason in wrong.items():
        print(f"{name} {reason}")
    sys.exit(1 if wrong else 0)


def _definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    """Returns every function, class and constant of a module by its name."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return found


def _docstrings(tree: ast.Module) -> dict[str, str]:
    """Returns the docstring of every function and class, and the text below every constant, by name."""
    found = {}
    for node, following in zip(tree.body, [*tree.body[1:], ast.Pass()], strict=True):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = ast.get_docstring(node) or ""
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and _is_docstring(following):
            found[node.target.id] = ast.literal_eval(following.value)
    return found


def _used_by(name: str, defined: dict[str, ast.stmt]) -> list[str]:
    """Returns a definition and, behind it, everything of its module that it uses, sorted."""
    used: set[str] = set()
    pending = [name]
    while pending:
        current = pending.pop()
        if current not in used:
            used.add(current)
            inner = (node.id for node in ast.walk(defined[current]) if isinstance(node, ast.Name))
            pending += [other for other in inner if other in defined]
    return [name, *sorted(used - {name})]


def _digest(parts: list[str], defined: dict[str, ast.stmt]) -> str:
    return hashlib.sha256(json.dumps([_plain(defined[part]) for part in parts]).encode()).hexdigest()


def _plain(node: object) -> object:
    """Returns a syntax tree as JSON data, without docstrings, positions and whatever a Python version adds as empty."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if name not in ("ctx", "kind", "type_comment"))
        kept = {name: _plain(value) for name, value in fields if value is not None and value != []}
        return [type(node).__name__, kept]
    if isinstance(node, list):
        return [_plain(inner) for inner in node if not _is_docstring(inner)]
    return node if isinstance(node, str | int | float) else repr(node)


def _is_docstring(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


if __name__ == "__main__":
    main()
