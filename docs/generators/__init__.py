"""What makes the generated documents: one module each. Not here: writing or comparing files."""
