"""Samples a second, memory and arithmetic of the worker's generators on a GPU, on random weights."""
