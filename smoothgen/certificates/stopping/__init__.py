"""What a look at the samples decides, and when a job gives up."""
