"""What a process that will be forked for runs loads beforehand, besides code."""

from rhizome_pipelines.chunking.tokens import default_tokenizer
from rhizome_pipelines.embedding.models.wordllama import load_files
from rhizome_pipelines.extraction.language import keep_model
from rhizome_pipelines.settings import load_settings


def load_models() -> None:
    """Read the files of the built-in models, if they are the ones in use.

    Half a second of work less for each run. Nothing is computed with them, so no threads start.
    """
    keep_model()
    default_tokenizer()
    if load_settings().embedding_model == "wordllama":
        load_files()
