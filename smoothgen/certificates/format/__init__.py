"""Certificates as JSON documents, their digest, and their statement in words."""
