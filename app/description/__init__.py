"""The OpenAPI document: what every route may answer, beyond what its code tells FastAPI."""
