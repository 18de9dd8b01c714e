"""The checks of `verify`: claims derived again from the evidence, and numbers that a document states twice."""
