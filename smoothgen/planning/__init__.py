"""From a valid request to a job: every check that needs the model's card, and everything the server decides."""
