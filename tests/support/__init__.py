"""What the tests share and what is no test itself: processes, models, jobs, laws that are known exactly."""
