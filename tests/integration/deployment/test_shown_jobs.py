"""How jobs and documents are shown: titles, short ids, and nothing that a terminal would obey."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.settings import DEFAULT_USER
from tests.integration.deployment.command_line import CommandLine

HOSTILE = "Harmless\x1b]0;owned\x07 \x1b[2J\x9b31m \u202egnp.exe\u2069\u2028jobs\nfaked line"


def add(services: Services, title: str | None = None) -> UUID:
    new = NewDocument(DEFAULT_USER, SourceType.TXT, title=title)
    return DocumentRepository(services.database).insert(new).id


def ask(services: Services, job_type: JobType, **more: Any) -> UUID:
    return JobRepository(services.database).insert(DEFAULT_USER, job_type, **more).id


def shown_titles(rhizome: CommandLine) -> list[str]:
    return [line.split("\t")[2] for line in rhizome.lines("jobs", "list")[1:]]


def test_an_import_is_called_as_its_archive(rhizome: CommandLine, services: Services) -> None:
    job_id = ask(services, JobType.IMPORT_DOCUMENT, metadata={"title": "library.zip"})
    services.database.execute(
        "update background_jobs set status = 'completed', "
        """output_data = '{"documentTitle": "../../etc/passwd"}'"""
    )

    assert shown_titles(rhizome) == ["library.zip"]
    assert not [line for line in rhizome.lines("jobs", "show", job_id) if "passwd" in line]


def test_jobs_that_nobody_has_named(rhizome: CommandLine, services: Services) -> None:
    document = str(add(services, "The Box That Answers"))
    unknown = str(uuid4())
    for job_type, input_data in (
        (JobType.IMPORT_DOCUMENT, {"storage_path": "user/imports/library.zip"}),
        (JobType.EXPORT_DOCUMENTS, {"document_ids": [document, unknown]}),
        (JobType.EXPORT_DOCUMENTS, {"document_ids": [document]}),
        (JobType.EXPORT_DOCUMENTS, {}),
        (JobType.REPROCESS_CONNECTIONS, {"document_id": document}),
        (JobType.REPROCESS_CONNECTIONS, {"document_id": unknown}),
        (JobType.REPROCESS_CONNECTIONS, {"document_id": "nonsense"}),
    ):
        ask(services, job_type, input_data=input_data)
    ask(services, JobType.PROCESS_DOCUMENT, document_id=UUID(document))

    assert shown_titles(rhizome)[::-1] == [
        "library.zip",
        "2 documents",
        "The Box That Answers",
        "Export",
        "The Box That Answers",
        unknown,
        "Reprocess connections",
        "The Box That Answers",
    ]


def test_another_users_title_is_not_shown(rhizome: CommandLine, services: Services) -> None:
    new = NewDocument(uuid4(), SourceType.TXT, title="Secret")
    theirs = str(DocumentRepository(services.database).insert(new).id)
    ask(services, JobType.REPROCESS_CONNECTIONS, input_data={"document_id": theirs})

    assert shown_titles(rhizome) == [theirs]


def test_a_job_about_no_document_has_no_line_for_it(
    rhizome: CommandLine, services: Services
) -> None:
    lines = rhizome.lines("jobs", "show", ask(services, JobType.EXPORT_DOCUMENTS))

    assert not [line for line in lines if line.startswith("document")]


def test_types_are_words_in_a_pipe_and_names_in_a_terminal(
    rhizome: CommandLine, services: Services
) -> None:
    ask(services, JobType.EXPORT_DOCUMENTS)
    services.database.execute("update background_jobs set job_type = 'export-documents'")

    assert rhizome.lines("jobs", "list")[1].split("\t")[1] == "export_documents"
    assert "📦 Export" in rhizome.in_terminal("jobs", "list", columns=120)
    assert len(rhizome.lines("jobs", "list", "--type", "export_documents")) == 2


@pytest.mark.parametrize(
    ("status", "word"), [("failed", "ended"), ("cancelled", "ended"), ("completed", "completed")]
)
def test_only_what_was_completed_is_called_so(
    rhizome: CommandLine, services: Services, status: str, word: str
) -> None:
    job_id = ask(services, JobType.EXPORT_DOCUMENTS)
    services.database.execute(
        "update background_jobs set status = %s, completed_at = now()", (status,)
    )

    names = [line.partition(" ")[0] for line in rhizome.lines("jobs", "show", job_id)]

    assert [name for name in names if name in {"ended", "completed"}] == [word]


# Ids


def test_ids_are_short_in_a_terminal_and_whole_in_a_pipe(
    rhizome: CommandLine, services: Services
) -> None:
    document = add(services, "The Box That Answers")
    job = ask(services, JobType.PROCESS_DOCUMENT, document_id=document)

    for family, one in (("documents", document), ("jobs", job)):
        assert str(one) in rhizome.lines(family, "list")[1]
        assert rhizome.json(family, "list")[0]["id"] == str(one)
        told = rhizome.in_terminal(family, "list", columns=80)
        assert re.search(rf"^{str(one)[:8]} ", told, re.MULTILINE)
        assert str(one)[:10] not in told


def test_ids_that_begin_alike_are_longer(rhizome: CommandLine, services: Services) -> None:
    documents = DocumentRepository(services.database)
    for number in (1, 2):
        one = UUID(f"0123abcd-0000-400{number}-8000-000000000001")
        documents.insert(NewDocument(DEFAULT_USER, SourceType.TXT, id=one, title="Alike"))

    told = rhizome.in_terminal("documents", "list", columns=120)

    assert re.search(r"^0123abcd-0000-4001 ", told, re.MULTILINE)
    assert re.search(r"^0123abcd-0000-4002 ", told, re.MULTILINE)


# What a terminal would obey


@pytest.fixture
def hostile(services: Services) -> UUID:
    """The id of a document, and a failed job about it, whose every text is hostile."""
    document = add(services, HOSTILE)
    job = ask(services, JobType.PROCESS_DOCUMENT, document_id=document, metadata={"title": HOSTILE})
    JobRepository(services.database).reject(job, f"It failed: {HOSTILE}")
    return document


@pytest.mark.parametrize("command", ["documents list", "jobs list", "jobs show", "jobs watch"])
def test_nothing_hostile_is_printed(
    rhizome: CommandLine, services: Services, hostile: UUID, command: str
) -> None:
    (job,) = rhizome.json("jobs", "list")
    arguments = [*command.split(), *([job["id"]] if command[-4:] in {"show", "atch"} else [])]

    piped = rhizome(*arguments).output
    seen = rhizome.in_terminal(*arguments)

    assert "Harmless" in piped
    assert "Harmless" in seen
    for character in ("\x07", "\x9b", "\u202e", "\u2069", "\u2028"):
        assert character not in piped + seen
    assert "\x1b" not in piped
    for sequence in ("\x1b]", "\x1b[2J"):
        assert sequence not in seen
    assert not [line for line in piped.splitlines() if line.startswith("faked")]


def test_json_tells_exactly_what_is_stored(
    rhizome: CommandLine, services: Services, hostile: UUID
) -> None:
    printed = rhizome("documents", "list", "--json").stdout

    assert rhizome.json("documents", "list")[0]["title"] == HOSTILE
    assert not [one for one in "\x1b\x07\x9b\u202e\u2069\u2028" if one in printed]


def test_a_file_with_a_hostile_name(rhizome: CommandLine, services: Services) -> None:
    told = rhizome.complaint(2, "import", "library\x1b[31m\n\x9b.zip")

    assert "There is no file or folder" in told
    assert "\x1b" not in told
