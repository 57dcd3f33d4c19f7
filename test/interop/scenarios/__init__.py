"""What is asked of the relay, one function for each thing, grouped by file."""
