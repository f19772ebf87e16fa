"""Rhizome Pipelines: documents in, markdown, chunks, embeddings and connections out.

The packages here are the domain and what carries it; the four Dagster folders
(`assets`, `jobs`, `sensors`, `resources`) stand beside this one and are thin.
Nothing in here imports dagster, save the few modules that are named in the
import contracts of pyproject.toml.
"""
