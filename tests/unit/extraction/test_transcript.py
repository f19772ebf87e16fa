"""Pasted transcripts."""

from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.extraction.youtube.transcript import Cue, markdown, paragraphs, read_pasted

EXPECTED = [Cue(0, "Rivers & lakes"), Cue(65, "are old"), Cue(3723, "and deep")]


def test_the_forms_that_people_paste() -> None:
    panel = (
        "0:00\n1 second\nRivers & lakes\n1:05\n1 minute, 5 seconds\nare old\n1:02:03\nand deep\n"
    )
    brackets = "[00:00] Rivers & lakes\n(01:05) are\nold\n1:02:03 - and deep"
    srt = (
        "1\n00:00:00,500 --> 00:00:02,000\nRivers &\nlakes\n\n"
        "2\n00:01:05,000 --> 00:01:07,000\n<i>are</i> old\n\n"
        "3\n01:02:03,000 --> 01:02:05,000\nand deep\n"
    )
    vtt = (
        "WEBVTT\nKind: captions\n\n00:00.500 --> 00:02.000 align:start\nRivers & lakes\n\n"
        "01:05.000 --> 01:07.000\nare<00:01:06.000><c> old</c>\n\n"
        "01:02:03.000 --> 01:02:05.000\nand deep"
    )
    for text in (panel, brackets, srt, vtt):
        assert list(read_pasted(text)) == EXPECTED


def test_text_with_a_time_in_it_is_no_transcript() -> None:
    assert read_pasted("We met at\n10:30 in the morning\nby the river") == ()
    assert read_pasted("9:00 tea\n8:00 rise") == ()
    assert read_pasted("") == ()


def test_paragraphs_end_with_a_sentence_or_when_they_grow_too_long() -> None:
    said = [Cue(0, "a"), Cue(50, "b."), Cue(61, "c."), Cue(70, "d"), Cue(140, "e"), Cue(160, "f")]
    assert list(paragraphs(said, 60)) == [Cue(0, "a b."), Cue(61, "c. d e"), Cue(160, "f")]


def test_times_are_links_where_the_video_is_known() -> None:
    link = "https://www.youtube.com/watch?v=abcdefghijk&t=3723s"
    assert markdown(Cue(3723, "x"), "abcdefghijk") == f"[1:02:03]({link}) x\n\n"
    assert markdown(Cue(3, "x"), None) == "[0:03] x\n\n"


@given(st.text(alphabet="0123456789:.,->[]() ab\n", max_size=200))
def test_any_text_is_read(text: str) -> None:
    starts = [cue.start for cue in read_pasted(text)]
    assert starts == sorted(starts)
