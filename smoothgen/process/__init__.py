"""What every server process needs around its work: logs, cores, metrics about itself, settings that are wrong."""
