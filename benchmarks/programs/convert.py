"""One PDF to markdown with one converter: `python convert.py CONVERTER SOURCE TARGET`.

Run by path in the virtual environment that has the converter, as a module for ours. Prints
`{"seconds", "processor_seconds", "peak_bytes"}`; imports are not counted. Every converter
gets the settings with which it writes markdown with headings, and no text recognition.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

# What is compared with lies in an environment of its own: mypy need not find it.
# mypy: disable-error-code="import-not-found"

Convert = Callable[[Path], str]


def ours() -> Convert:
    import tempfile
    from datetime import UTC, datetime

    from rhizome_pipelines.extraction.extractor import Source
    from rhizome_pipelines.extraction.registry import default_registry
    from rhizome_pipelines.extraction.stage import CONTENT, ExtractionStage
    from rhizome_pipelines.lifecycle.documents import Document, SourceType

    moment = datetime(2026, 1, 1, tzinfo=UTC)

    def convert(path: Path) -> str:
        document = Document(
            id=UUID(int=1),
            user_id=UUID(int=2),
            title=None,
            author=None,
            source_type=SourceType.PDF,
            storage_path=None,
            source_url=None,
            processing_status="processing",
            created_at=moment,
        )
        source = Source(document.id, SourceType.PDF, path=path)
        stage = ExtractionStage(source, document, default_registry(), moment)
        stage.dependencies()
        parts = [(unit, stage.work(unit, lambda *_: None)) for unit in stage.units()]
        with tempfile.TemporaryDirectory() as scratch:
            output = stage.finish(parts, Path(scratch))
            return output.files[CONTENT].read_text(encoding="utf-8")

    return convert


def liteparse() -> Convert:
    from liteparse import LiteParse

    def convert(path: Path) -> str:
        parser = LiteParse(
            ocr_enabled=False,
            max_pages=100_000,
            output_format="markdown",
            extract_links=False,
            image_mode="off",
            quiet=True,
        )
        return str(parser.parse(str(path)).text)

    return convert


def markitdown() -> Convert:
    from markitdown import MarkItDown

    converter = MarkItDown()
    return lambda path: str(converter.convert(str(path)).text_content)


def kreuzberg() -> Convert:
    from kreuzberg import ExtractionConfig, extract_file_sync

    config = ExtractionConfig(output_format="markdown", use_cache=False)
    return lambda path: str(extract_file_sync(str(path), config=config).content)


def xberg() -> Convert:
    import asyncio

    from xberg import ExtractInput, ExtractionConfig, extract

    config = ExtractionConfig(output_format="markdown", use_cache=False, disable_ocr=True)

    async def extracted(path: Path) -> Any:
        return await extract(ExtractInput(kind="uri", uri=str(path)), config)

    return lambda path: str(asyncio.run(extracted(path)).results[0].content)


CONVERTERS = {
    "ours": ours,
    "liteparse": liteparse,
    "kreuzberg": kreuzberg,
    "xberg": xberg,
    "markitdown": markitdown,
}


def processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    name, source, target = sys.argv[1:]
    convert = CONVERTERS[name]()
    used = processor_seconds()
    began = time.perf_counter()
    text = convert(Path(source))
    seconds = time.perf_counter() - began
    used = processor_seconds() - used
    Path(target).write_text(text, encoding="utf-8")
    peaks = [
        resource.getrusage(who).ru_maxrss * 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    print(json.dumps({"seconds": seconds, "processor_seconds": used, "peak_bytes": sum(peaks)}))


if __name__ == "__main__":
    main()
