"""What a job is made of: selection, sampling, certification, comparison."""
