"""PDF documents to markdown.

Here live the process that runs native PDF code (`reader_process`, `reader`), what is done when it
fails (`windows`), the way from text items to lines (`layout`), and from lines of all pages
to markdown (`assembly` and what it uses). Text recognition of scanned pages does not live here:
a PDF without a text layer is refused with a sentence.
"""

from rhizome_pipelines.extraction.pdf.config import PdfConfig
from rhizome_pipelines.extraction.pdf.extractor import PdfExtractor

__all__ = ["PdfConfig", "PdfExtractor"]
