"""What `verify` checks of a document, and the verdict it comes to."""
