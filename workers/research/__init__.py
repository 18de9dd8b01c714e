"""What serves no request: calibration, coverage reports, and looking at a prompt's neighbours."""
