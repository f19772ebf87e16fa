"""A page's bytes to its text, and what servers say about waiting."""

import socket
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.extraction.html import parse_html, serialise, to_markdown
from rhizome_pipelines.extraction.html_encoding import decode_page
from rhizome_pipelines.extraction.html_pieces import split_html
from rhizome_pipelines.extraction.web.fetch import retry_after
from rhizome_pipelines.extraction.web.guard import GuardedTransport
from rhizome_pipelines.extraction.web.page import read_page
from rhizome_pipelines.lifecycle.errors import InvalidInputError, RhizomeError, TransientError

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SENTENCES = "Rivers carry water, stones and stories from the mountains to the sea. " * 5


def test_words_and_blocks_of_code_stay_what_they_are() -> None:
    html = (
        f"<html><body><article><h1>Index</h1><p>The <code>pg_am</code> table. {SENTENCES}</p>"
        f"<pre>one\n  two</pre><p>{SENTENCES}</p></article></body></html>"
    )
    markdown = read_page(html, None, 0.3).markdown
    assert "The `pg_am` table." in markdown
    assert "```\none\n  two\n```" in markdown


def test_the_whole_page_is_taken_where_the_main_text_is_too_little() -> None:
    rows = "".join(f"<div class='footer'>Entry {n}: water {n * 7}</div>" for n in range(300))
    html = f"<html><body><p>{SENTENCES}</p><div id='comments'>{rows}</div></body></html>"
    page = read_page(html, None, 0.3)
    assert "Entry 299: water 2093" in page.markdown
    assert page.notes == ("The whole page was taken, as its main text could not be told for sure.",)


def test_large_pages_are_read_in_pieces() -> None:
    parts = "".join(f"<h2>Part {n}</h2><p>{SENTENCES}</p>" for n in range(7000))
    page = read_page(f"<html lang='en'><title>All</title><body>{parts}</body></html>", None, 0.3)
    assert page.markdown.count("## Part ") == 7000
    assert page.markdown.count("mountains") == 5 * 7000
    assert (page.title, page.language) == ("All", "en")


def test_scripts_and_their_links_are_no_text() -> None:
    html = f"<p>{SENTENCES}</p><script>alert(1)</script><p><a href='javascript:x()'>more</a></p>"
    markdown = read_page(html, "https://example.com/", 0.99).markdown
    assert "alert" not in markdown
    assert "javascript" not in markdown


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        ("Größe".encode(), "utf-8"),
        ("Größe".encode("latin-1"), "ISO-8859-1"),
        ("<meta charset=windows-1252>Größe".encode("cp1252"), None),
        ("<?xml version='1.0' encoding='ISO-8859-1'?>Größe".encode("latin-1"), None),
        ("Größe".encode("utf-16"), "utf-8"),
        ("Größe".encode(), "no-such-charset"),
        ("Größe".encode(), "hex"),
    ],
)
def test_pages_are_decoded(body: bytes, charset: str | None) -> None:
    assert decode_page(body, charset).lstrip("\ufeff").endswith("Größe")


@given(
    st.lists(
        st.sampled_from(["<h1>", "<p>", "<pre>", "</pre>", "<!--", "-->", "<b>", "text ", "<", ">"])
    ),
    st.integers(1, 40),
)
def test_pieces_joined_are_the_page(tags: list[str], size: int) -> None:
    html = "".join(tags)
    assert "".join(split_html(html, size)) == html


def test_no_cut_inside_of_code() -> None:
    html = "<p>a</p><pre>" + "<h1>" * 50 + "</pre><h1>b</h1>"
    assert list(split_html(html, 10)) == ["<p>a</p><pre>" + "<h1>" * 50 + "</pre>", "<h1>b</h1>"]


@given(st.text(alphabet="<>/!-&;ap=\"' \x00é", max_size=80))
def test_any_markup_is_converted(text: str) -> None:
    try:
        tree = parse_html(text)
    except InvalidInputError:
        return
    assert isinstance(to_markdown(serialise(tree)), str)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("99999999999999999999", 86_400.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("Thu, 01 Jan 2026 12:00:30", 30.0),
        ("soon", None),
        ("-5", None),
        ("١٢", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize(
    ("number", "error"),
    [(socket.EAI_NONAME, InvalidInputError), (socket.EAI_AGAIN, TransientError)],
)
def test_names_that_are_not_found(number: int, error: type[RhizomeError]) -> None:
    def resolver(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(number, "no answer")

    transport = GuardedTransport(allowed_ports=frozenset({80, 443}), resolver=resolver)
    with httpx.Client(transport=transport) as client, pytest.raises(error, match="example"):
        client.get("https://example.com/")
