"""Sources in, markdown out: one module a source type, behind one registry.

Here live: what a source is (`extractor.py`), how its type is told (`detect.py`), the extractors,
and the stage that puts their parts together into `content.md` and `metadata.json` (`stage.py`).
Not here: cutting text into chunks, storage, database rows, progress, settings from the environment.
"""
