"""A report as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path

from smoothgen.errors import SmoothGenError
from smoothgen.studies.reports.blocks import Picture, Report, Sources, sources_of

TEMPLATE = Path(__file__).with_name("page.html.j2")


def write_html(report: Report, folder: Path, pictures: Mapping[str, Path]) -> Path:
    """Writes `report.html` into `folder`, with the content of its pictures, and returns it. pictures: their files by
    name. Raises SmoothGenError without jinja2."""
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise SmoothGenError("a report in HTML needs jinja2: pip install 'smoothgen[evaluate]'") from error
    # Prompts and outputs stand on the page: everything is escaped.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["anchor"] = _anchor
    environment.filters["inline"] = _inline
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    sources = Sources()
    page = folder / "report.html"
    data = {name: base64.b64encode(path.read_bytes()).decode("ascii") for name, path in pictures.items()}
    text = template.render(report=report, sources=sources, sources_of=sources_of, data=data, is_picture=_is_picture)
    page.write_text(text, encoding="utf-8")
    return page


def _is_picture(block: object) -> bool:
    return isinstance(block, Picture)


def _anchor(title: str) -> str:
    return re.sub(r"[^\w-]+", "-", title.lower()).strip("-")


def _inline(text: str) -> list[tuple[str, str]]:
    """Returns text in pieces, ("strong", "code" or "", piece): the two kinds of markup that words of a report hold."""
    pieces = re.split(r"(\*\*.+?\*\*|`[^`]+`)", text)
    kinds = [
        ("strong", p[2:-2]) if p.startswith("**") else ("code", p[1:-1]) if p.startswith("`") else ("", p)
        for p in pieces
    ]
    return [(kind, piece) for kind, piece in kinds if piece]
