"""The one place that knows which extractor does which source type.

What only one type needs (native code, the readers of web pages) is imported when it is asked for:
together it takes longer than many a document.
"""

from collections.abc import Callable, Mapping, Sequence

from rhizome_pipelines.extraction.config import ExtractionConfig
from rhizome_pipelines.extraction.extractor import Extractor
from rhizome_pipelines.extraction.markdown import MarkdownExtractor
from rhizome_pipelines.extraction.text import TextExtractor
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError

ExtractorFactory = Callable[[], Extractor]


class ExtractorRegistry:
    """Source type → factory. Immutable; `replacing` gives a changed copy."""

    def __init__(self, factories: Mapping[SourceType, ExtractorFactory]) -> None:
        self._factories = dict(factories)

    def extractor(self, source_type: SourceType) -> Extractor:
        """A new extractor. Raises InvalidInputError, naming the types that are supported."""
        factory = self._factories.get(source_type)
        if factory is None:
            raise InvalidInputError(
                f"Documents of the type {source_type.value} cannot be processed here; "
                f"supported are {', '.join(known.value for known in self.supported)}."
            )
        return factory()

    @property
    def supported(self) -> Sequence[SourceType]:
        """In the order of the contract."""
        return [source_type for source_type in SourceType if source_type in self._factories]

    def replacing(self, source_type: SourceType, factory: ExtractorFactory) -> "ExtractorRegistry":
        """The same registry with another extractor for one type."""
        return ExtractorRegistry({**self._factories, source_type: factory})


def default_registry(config: ExtractionConfig | None = None) -> ExtractorRegistry:
    """Every source type."""
    settings = config or ExtractionConfig()

    def pdf() -> Extractor:
        from rhizome_pipelines.extraction.pdf import PdfConfig, PdfExtractor  # noqa: PLC0415

        return PdfExtractor(settings.pdf or PdfConfig())

    def epub() -> Extractor:
        from rhizome_pipelines.extraction.epub.extractor import EpubExtractor  # noqa: PLC0415

        return EpubExtractor(settings.epub)

    def youtube() -> Extractor:
        from rhizome_pipelines.extraction.youtube.extractor import (  # noqa: PLC0415
            YouTubeExtractor,
        )

        return YouTubeExtractor(settings)

    def web() -> Extractor:
        from rhizome_pipelines.extraction.web.extractor import WebExtractor  # noqa: PLC0415

        return WebExtractor(settings.web)

    return ExtractorRegistry(
        {
            SourceType.PDF: pdf,
            SourceType.EPUB: epub,
            SourceType.YOUTUBE: youtube,
            SourceType.WEB_URL: web,
            SourceType.MARKDOWN_ASIS: lambda: MarkdownExtractor(settings.text, clean=False),
            SourceType.MARKDOWN_CLEAN: lambda: MarkdownExtractor(settings.text, clean=True),
            SourceType.TXT: lambda: TextExtractor(settings.text),
            SourceType.PASTE: lambda: TextExtractor(settings.text),
        }
    )
