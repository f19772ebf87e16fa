"""The revisions, oldest first; the SQL of each lies beside it."""
