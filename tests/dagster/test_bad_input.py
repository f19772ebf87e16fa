"""Broken and hostile documents, each through a real run: how the job ends, and what it leaves."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import Job, JobStatus
from tests import bad_input
from tests.bad_input import SAMPLES
from tests.dagster.world import World
from tests.fault_server import METADATA_SERVICE, FaultServer

Build = Callable[[Path], Path]
FINALS = {"chunks.json", "embeddings.parquet", "connections.parquet", "manifest.json"}
MESSAGE_CHARACTERS = 400

INVALID, PERMANENT = ErrorType.INVALID, ErrorType.PERMANENT
TRANSIENT, PAYWALL = ErrorType.TRANSIENT, ErrorType.PAYWALL


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


def _is_for_a_person(message: str) -> bool:
    """One to three sentences, and nothing of the machine or of the code."""
    return (
        10 < len(message) <= MESSAGE_CHARACTERS
        and message[-1] in ".)!?"
        and "\n" not in message
        and not re.search(r"Traceback|File \"|/tmp/|/home/|site-packages|\bat 0x|<\w+\.", message)
        and not re.search(r"\b\w+(Error|Exception)\b", message)
    )


def _assert_failed(world: World, document: Document, job: Job, error_type: ErrorType) -> None:
    message = job.error_message or ""
    assert job.status is JobStatus.FAILED
    assert (job.error_type, _is_for_a_person(message)) == (error_type, True), message
    assert job.output_data == {"success": False, "error": message, "errorType": error_type.value}
    row = world.document_row(document)
    assert row["processing_status"] == "failed"
    assert row["processing_error"] == message
    assert world.chunk_count(document) == 0
    assert not FINALS & set(world.files(document))
    (attempt,) = world.attempts(job.id)
    assert attempt.error == message


# Files


@pytest.mark.parametrize(
    ("source_type", "build", "error_type", "told"),
    [
        pytest.param(SourceType.TXT, bad_input.empty_file, INVALID, "empty", id="empty text"),
        pytest.param(SourceType.PDF, bad_input.empty_file, INVALID, "empty", id="empty PDF"),
        pytest.param(SourceType.TXT, bad_input.blank_text, INVALID, "text", id="white space"),
        pytest.param(SourceType.TXT, bad_input.unsupported_type, INVALID, "text", id="binary"),
        pytest.param(SourceType.PDF, bad_input.html_named_pdf, INVALID, "PDF", id="HTML as PDF"),
        pytest.param(SourceType.PDF, bad_input.truncated_pdf, INVALID, "PDF", id="half a PDF"),
        pytest.param(SourceType.PDF, bad_input.pdf_header_alone, INVALID, "PDF", id="a header"),
        pytest.param(SourceType.PDF, bad_input.encrypted_pdf, INVALID, "password", id="encrypted"),
        pytest.param(SourceType.PDF, bad_input.pdf_without_text, INVALID, "text", id="no text"),
        pytest.param(SourceType.EPUB, bad_input.truncated_epub, INVALID, "EPUB", id="half an EPUB"),
        pytest.param(SourceType.EPUB, bad_input.zip_named_epub, INVALID, "EPUB", id="a ZIP"),
        pytest.param(SourceType.EPUB, bad_input.epub_with_drm, PERMANENT, "DRM", id="DRM"),
        pytest.param(
            SourceType.EPUB,
            partial(bad_input.epub_with_zero_bomb, size=10 * bad_input.GIBIBYTE),
            INVALID,
            "",
            id="10 GB of zeros",
        ),
    ],
)
def test_a_file_that_cannot_be_used(
    world: World,
    tmp_path: Path,
    source_type: SourceType,
    build: Build,
    error_type: ErrorType,
    told: str,
) -> None:
    document = world.upload(source_type, build(tmp_path))

    job = world.process(document)

    _assert_failed(world, document, job, error_type)
    assert told.lower() in (job.error_message or "").lower()


@pytest.mark.parametrize("source_type", SourceType)
def test_a_file_that_is_not_there(world: World, source_type: SourceType) -> None:
    document = world.upload(source_type, None)

    job = world.process(document)

    _assert_failed(world, document, job, INVALID)
    assert "not in the storage" in (job.error_message or "")


def test_a_document_of_no_known_type(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Moss grows slowly.")
    document = world.upload(SourceType.TXT, path)
    world.services.database.execute("update documents set source_type = null")

    job = world.process(document)

    _assert_failed(world, document, job, INVALID)
    assert "names no type of source" in (job.error_message or "")
    listed = DocumentRepository(world.services.database).list(world.user)
    assert [one.source_type for one in listed] == [None]

    assert world.process(document, source_type="txt").status is JobStatus.COMPLETED


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "/etc/passwd", "other-user/other-document/source.txt", "a\\b"]
)
def test_a_path_that_leads_elsewhere(world: World, key: str) -> None:
    documents = DocumentRepository(world.services.database)
    document = documents.insert(NewDocument(world.user, SourceType.TXT))

    job = world.process(document, storage_path=key)

    _assert_failed(world, document, job, INVALID)


@pytest.mark.parametrize("seed", range(6))
def test_a_pdf_with_flipped_bits_is_read_or_refused(
    world: World, tmp_path: Path, seed: int
) -> None:
    document = world.upload(SourceType.PDF, bad_input.bit_flipped_pdf(tmp_path, seed, flips=2_000))

    job = world.process(document)

    if job.status is JobStatus.COMPLETED:
        assert world.chunk_count(document) > 0
    else:
        assert job.error_type in (INVALID, PERMANENT)
        _assert_failed(world, document, job, job.error_type)


def test_an_epub_that_points_outside_gives_nothing_of_the_machine(
    world: World, tmp_path: Path
) -> None:
    document = world.upload(SourceType.EPUB, bad_input.epub_with_escaping_paths(tmp_path))

    job = world.process(document)

    if job.status is JobStatus.COMPLETED:
        text = world.services.objects.read(world.store(document).keys.prefix + "content.md")
        assert b"Inside." in text
        assert b"root:" not in text
        assert b"Out." not in text
    else:
        _assert_failed(world, document, job, INVALID)


def test_entities_are_not_expanded(world: World, tmp_path: Path) -> None:
    document = world.upload(SourceType.EPUB, bad_input.epub_with_entity_bomb(tmp_path))

    job = world.process(document)

    if job.status is JobStatus.COMPLETED:
        text = world.services.objects.read(world.store(document).keys.prefix + "content.md")
        assert b"Chapter" in text
        assert len(text) < 10_000
    else:
        _assert_failed(world, document, job, INVALID)


def test_an_entity_of_the_machine_is_not_read(world: World, tmp_path: Path) -> None:
    document = world.upload(SourceType.EPUB, bad_input.epub_with_external_entity(tmp_path))

    job = world.process(document)

    names = [name for name in world.files(document) if name.endswith((".md", ".json"))]
    prefix = world.store(document).keys.prefix
    assert all(b"treasure" not in world.services.objects.read(prefix + name) for name in names)
    assert job.status in (JobStatus.COMPLETED, JobStatus.FAILED)


# Text that is no UTF-8, and is read all the same


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (bad_input.utf16_with_bom, bad_input.SENTENCE.strip()),
        (bad_input.utf16_without_bom, bad_input.SENTENCE.strip()),
        (bad_input.text_with_nuls, bad_input.SENTENCE.strip()),
        # which of the one-byte encodings it is, is a guess; the language's own letters are right
        (bad_input.latin1_text, "Größe und Maß: naïve façades cost 5 £"),
    ],
)
def test_text_in_another_encoding_is_read(
    world: World, tmp_path: Path, build: Build, expected: str
) -> None:
    document = world.upload(SourceType.TXT, build(tmp_path))

    job = world.process(document)

    assert job.status is JobStatus.COMPLETED, job.error_message
    rows = world.services.database.all(
        "select content from chunks where document_id = %s", (document.id,)
    )
    assert rows
    assert expected in rows[0]["content"]
    assert all("\0" not in row["content"] for row in rows)


# Addresses


def _web(world: World, url: str) -> Document:
    new = NewDocument(world.user, SourceType.WEB_URL, source_url=url)
    return DocumentRepository(world.services.database).insert(new)


@pytest.mark.parametrize(
    "url",
    [
        METADATA_SERVICE,
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://localhost/",
        "http://10.0.0.1/admin",
        "http://0x7f000001/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "no address at all",
        "http://",
    ],
)
def test_an_address_that_is_not_fetched(world: World, url: str) -> None:
    document = _web(world, url)

    job = world.process(document)

    _assert_failed(world, document, job, INVALID)


@pytest.mark.parametrize(
    ("path", "error_type"),
    [
        ("/404", PERMANENT),
        ("/410", PERMANENT),
        ("/401", PAYWALL),
        ("/402", PAYWALL),
        ("/403-paywall", PAYWALL),
        ("/200-paywall", PAYWALL),
        ("/huge", INVALID),
        ("/endless", INVALID),
        ("/gzip-bomb", INVALID),
        ("/empty", INVALID),
        ("/binary", INVALID),
        ("/redirect-file", INVALID),
        ("/redirect-loop", PERMANENT),
    ],
)
def test_an_answer_that_cannot_be_used(
    world: World,
    server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    error_type: ErrorType,
) -> None:
    monkeypatch.setenv("RHIZOME_ALLOW_PRIVATE_ADDRESSES", "true")
    monkeypatch.setenv("RHIZOME_MAX_PAGE_MEGABYTES", "2")
    document = _web(world, server.url(path))

    job = world.process(document)

    assert server.requested
    _assert_failed(world, document, job, error_type)


@pytest.mark.parametrize("path", ["/429", "/500", "/503", "/cut-off"])
def test_an_answer_that_may_be_better_later(
    world: World, server: FaultServer, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("RHIZOME_ALLOW_PRIVATE_ADDRESSES", "true")
    document = _web(world, server.url(path))

    job = world.process(document)

    assert job.status is JobStatus.FAILED
    assert job.error_type is TRANSIENT
    assert _is_for_a_person(job.error_message or ""), job.error_message
    assert world.chunk_count(document) == 0
    assert not FINALS & set(world.files(document))


def test_a_page_that_can_be_fetched_is(
    world: World, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the others fail is not for want of a way to the server."""
    monkeypatch.setenv("RHIZOME_ALLOW_PRIVATE_ADDRESSES", "true")
    document = _web(world, server.url("/redirect"))

    job = world.process(document)

    assert job.status is JobStatus.COMPLETED, job.error_message
    assert server.requested == ["/redirect", "/article"]


def test_no_source_at_all(world: World) -> None:
    for source_type in SourceType:
        new = NewDocument(world.user, source_type)
        document = DocumentRepository(world.services.database).insert(new)

        job = world.process(document)

        _assert_failed(world, document, job, INVALID)


def test_a_strategy_that_is_not_offered(world: World) -> None:
    document = world.upload(SourceType.MARKDOWN_ASIS, SAMPLES / "card-box.md")

    job = world.process(document, chunkerStrategy="neural")

    assert job.error_type is INVALID
    assert "hybrid" in (job.error_message or "")
    assert world.chunk_count(document) == 0


def test_a_mended_document_succeeds_where_the_broken_one_failed(
    world: World, tmp_path: Path
) -> None:
    document = world.upload(SourceType.TXT, bad_input.empty_file(tmp_path, "empty.txt"))
    job = world.process(document)
    assert job.status is JobStatus.FAILED

    assert document.storage_path is not None
    world.services.objects.write(document.storage_path, b"Now there is something to be read here.")
    world.wish(job.id, JobStatus.PENDING)
    world.settle()

    mended = world.job(job.id)
    assert mended.status is JobStatus.COMPLETED, mended.error_message
    assert mended.error_message is None
    assert world.document_row(document)["processing_error"] is None
