"""What a finished document's chunks are together: the stage's facts."""

from array import array
from collections import Counter
from statistics import median_low
from typing import Any

from rhizome_pipelines.chunking.records import Record

_EXAMPLES = 3
_EXAMPLE_CHARACTERS = 280
_THEMES_KEPT = 20_000


class ChunkStatistics:
    """Counts chunks as they pass; memory grows by four bytes a chunk."""

    def __init__(self) -> None:
        self._sizes = array("L")
        self._words = 0
        self._tokens = 0
        self._themes: Counter[str] = Counter()
        self._domains: Counter[str] = Counter()
        self._methods: Counter[str] = Counter()
        self._examples: list[dict[str, Any]] = []

    def add(self, record: Record) -> None:
        """Count one chunk's record."""
        self._sizes.append(len(record["content"]))
        self._words += record["word_count"]
        self._tokens += record["token_count"]
        self._count_themes(record["themes"])
        if (domain := record["domain_metadata"]) is not None:
            self._domains[domain["primaryDomain"]] += 1
            self._methods[domain["method"]] += 1
        self._keep_example(record)

    def _count_themes(self, themes: list[str]) -> None:
        self._themes.update(themes)
        if len(self._themes) > 2 * _THEMES_KEPT:
            self._themes = Counter(dict(self._themes.most_common(_THEMES_KEPT)))

    def _keep_example(self, record: Record) -> None:
        if len(self._examples) >= _EXAMPLES or record["word_count"] < 20:
            return
        self._examples.append(
            {
                "chunk_index": record["chunk_index"],
                "heading_path": record["heading_path"],
                "page_start": record["page_start"],
                "content": record["content"][:_EXAMPLE_CHARACTERS],
                "themes": record["themes"],
                "importance_score": record["importance_score"],
            }
        )

    def facts(self) -> dict[str, Any]:
        """The numbers, as JSON values; sizes in characters."""
        sizes = sorted(self._sizes)
        return {
            "chunk_count": len(sizes),
            "word_count": self._words,
            "token_count": self._tokens,
            "chunk_characters": {
                "min": sizes[0] if sizes else 0,
                "median": median_low(sizes) if sizes else 0,
                "max": sizes[-1] if sizes else 0,
            },
            "top_themes": [[theme, count] for theme, count in self._themes.most_common(12)],
            "domains": dict(self._domains.most_common(8)),
            "domain_count": len(self._domains),
            "metadata_methods": dict(sorted(self._methods.items())),
            "examples": self._examples,
        }
