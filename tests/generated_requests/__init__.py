"""Requests generated from the OpenAPI document, sent to a real service, each answer held to the document."""
