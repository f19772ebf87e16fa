"""The language model that may be asked: a client of OpenAI-compatible chat endpoints.

Not here: what is asked, and what an answer means; that belongs to who asks.
"""

from rhizome_pipelines.language_model.chat import ChatClient, ChatEndpoint, UnusableAnswerError

__all__ = ["ChatClient", "ChatEndpoint", "UnusableAnswerError"]
