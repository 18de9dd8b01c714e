"""Prints the OpenAPI document, from which clients are generated: python -m app.openapi."""

from __future__ import annotations

import json
import sys

from app.main import create_app
from app.settings import Settings


def main() -> None:
    """Prints the document of a gateway, whatever the environment's settings are."""
    document = create_app(Settings.model_construct()).openapi()
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
