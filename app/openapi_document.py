"""`python -m app.openapi_document` prints the OpenAPI document, from which types of other languages are made."""

from __future__ import annotations

import json

from app.main import create_app
from app.settings import Settings

if __name__ == "__main__":
    print(json.dumps(create_app(Settings()).openapi()))
