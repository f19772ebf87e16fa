"""The process that reads PDF files: what it survives, and that it never outlives its parent."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from rhizome_pipelines.extraction.pdf import PdfConfig, PdfExtractor
from rhizome_pipelines.extraction.pdf.reader import Reader
from rhizome_pipelines.lifecycle.errors import PermanentError
from tests.integration.extraction.pdf_files import (
    NUMERALS,
    extract,
    numbered,
    quiet,
    source,
    work_all,
)

FAULTY = """
import os, runpy, sys, time
program = runpy.run_path({program!r}, run_name="reader")
operations = program["OPERATIONS"]
parse, plain = operations["parse"], operations["plain"]

def faulty_parse(request):
    if request["first"] <= 2 <= request["last"]:
        {fault}
    return parse(request)

def faulty_plain(request):
    if {plain_fails}:
        {fault}
    return plain(request)

operations.update(parse=faulty_parse, plain=faulty_plain)
program["main"]()
"""
FAULTS = {
    "crash": "os.abort()",
    "exit": "os._exit(3)",
    "memory": "x = [bytearray(1 << 28) for _ in range(64)]",
    "hang": "time.sleep(3600)",
    "error": "raise RuntimeError('bad page')",
}


def faulty(tmp_path: Path, fault: str, *, plain_fails: bool) -> PdfExtractor:
    import rhizome_pipelines.extraction.pdf.reader as module

    program = tmp_path / "faulty.py"
    program.write_text(
        FAULTY.format(program=str(module.PROGRAM), fault=FAULTS[fault], plain_fails=plain_fails)
    )
    config = PdfConfig(window_timeout=1.5, page_timeout=1.5)
    return PdfExtractor(config, Reader(config, program))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_page_that_kills_the_reader_is_read_as_plain_text(
    tmp_path: Path, small: Path, fault: str
) -> None:
    text, extracted = extract(small, faulty(tmp_path, fault, plain_fails=False))
    assert [f"page {name}" in text for name in NUMERALS[:3]] == [True, True, True]
    assert extracted.notes == ["Page 2 could only be read as plain text, without layout."]


def test_a_page_that_cannot_be_read_at_all_is_left_out_with_a_note(
    tmp_path: Path, small: Path
) -> None:
    text, extracted = extract(small, faulty(tmp_path, "crash", plain_fails=True))
    assert [f"page {name}" in text for name in NUMERALS[:3]] == [True, False, True]
    assert extracted.notes == ["Page 2 could not be read and left out."]
    assert extracted.page_count == 3


def test_a_document_fails_only_if_no_page_can_be_read(tmp_path: Path) -> None:
    class Program:
        body = "raise RuntimeError('bad page')"

    path = numbered(tmp_path / "a.pdf", 3)
    program = tmp_path / "faulty.py"
    import rhizome_pipelines.extraction.pdf.reader as module

    program.write_text(
        FAULTY.replace('request["first"] <= 2 <= request["last"]', "True").format(
            program=str(module.PROGRAM), fault=Program.body, plain_fails=True
        )
    )
    with pytest.raises(PermanentError, match="No page of the PDF"):
        extract(path, PdfExtractor(PdfConfig(), Reader(PdfConfig(), program)))


def test_too_many_hanging_pages_end_the_work(tmp_path: Path, small: Path) -> None:
    import rhizome_pipelines.extraction.pdf.reader as module

    program = tmp_path / "faulty.py"
    program.write_text(
        FAULTY.format(program=str(module.PROGRAM), fault=FAULTS["hang"], plain_fails=True)
    )
    config = PdfConfig(window_timeout=0.5, page_timeout=0.5, max_timeouts=2)
    with pytest.raises(PermanentError, match="in reasonable time"):
        extract(small, PdfExtractor(config, Reader(config, program)))


@pytest.fixture
def reader() -> Iterator[Reader]:
    with Reader(PdfConfig()) as one:
        yield one


def test_a_reader_killed_from_outside_is_replaced(small: Path, reader: Reader) -> None:
    extractor = PdfExtractor(reader=reader)
    [unit] = extractor.units(source(small))
    expected = extractor.work(source(small), unit, quiet)
    for sent in (signal.SIGKILL, signal.SIGSEGV):
        assert reader.pid is not None
        os.kill(reader.pid, sent)
        assert extractor.work(source(small), unit, quiet) == expected


def test_the_reader_lives_over_windows_and_ends_with_close(tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.pdf", 40)
    reader = Reader(PdfConfig())
    extractor = PdfExtractor(reader=reader)
    work_all(extractor, path)
    first = reader.pid
    work_all(extractor, path)
    assert reader.pid == first is not None
    extractor.close()
    assert reader.pid is None
    assert not psutil.pid_exists(first)


def test_the_reader_ends_with_its_handle(small: Path) -> None:
    reader = Reader(PdfConfig())
    reader.ask("count", 30, path=str(small))
    pid = reader.pid
    assert pid is not None
    del reader
    assert not psutil.pid_exists(pid)


def test_the_reader_is_replaced_when_it_has_grown(small: Path) -> None:
    with Reader(PdfConfig(resident_limit=1)) as reader:
        assert reader.ask("count", 30, path=str(small)) == {"pages": 3}
        assert reader.pid is None
        assert reader.ask("count", 30, path=str(small)) == {"pages": 3}


def test_the_reader_gets_no_secrets(
    small: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    reader.ask("count", 30, path=str(small))
    assert reader.pid is not None
    assert "DATABASE_PASSWORD" not in psutil.Process(reader.pid).environ()


def test_the_reader_cannot_outlive_its_parent(small: Path, tmp_path: Path) -> None:
    code = (
        "import sys, time; from rhizome_pipelines.extraction.pdf.reader import Reader;"
        "from rhizome_pipelines.extraction.pdf import PdfConfig;"
        f"r = Reader(PdfConfig()); r.ask('count', 30, path={str(small)!r});"
        "print(r.pid, flush=True); time.sleep(60)"
    )
    import subprocess
    import sys

    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_waiting_reader_can_be_used_from_other_threads(small: Path, reader: Reader) -> None:
    answers = []

    def ask() -> None:
        answers.append(reader.ask("count", 30, path=str(small)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
        time.sleep(0)
    for thread in threads:
        thread.join()
    assert answers == [{"pages": 3}] * 4
