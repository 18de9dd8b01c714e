"""A report as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from smoothgen.errors import SmoothGenError
from smoothgen.studies.reports.blocks import Picture, Report, Sources, sources_of
from smoothgen.studies.reports.pictures import save

TEMPLATE = Path(__file__).with_name("page.html.j2")


def write_html(report: Report, folder: Path) -> Path:
    """Writes `report.html` into `folder`, pictures inside, and returns it. Raises SmoothGenError without jinja2."""
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
    text = template.render(report=report, sources=sources, sources_of=sources_of, data_of=_data, is_picture=_is_picture)
    page.write_text(text, encoding="utf-8")
    return page


def _data(picture: Picture) -> str:
    with TemporaryDirectory() as folder:
        return base64.b64encode(save(picture, Path(folder)).read_bytes()).decode("ascii")


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
