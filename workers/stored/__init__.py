"""Files that were learnt once about a model and are read at each start: calibrations and noise shapes."""
