"""What was learnt once about a model and is read at each start: calibrations and noise shapes."""
