"""Transcripts of YouTube videos, fetched or pasted, to markdown. Not here: other video sites."""
