"""Requests a second, latency and CPU of the whole service on a null model, beside LitServe and BentoML."""
