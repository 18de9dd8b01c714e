"""Code that serves no request: calibration, coverage reports, and the neighbours of a prompt."""
