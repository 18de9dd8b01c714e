"""What every request meets before its route, and what every answer is made of: bodies, keys, problems, metrics."""
