"""The measure of headings against the true ones."""

from benchmarks.heading_quality import markdown_headings, measure_headings

TRUTH = [(1, "Introduction"), (2, "Scope"), (2, "Terms"), (1, "Use")]


def test_numbers_and_case_do_not_count() -> None:
    found = [(2, "1. INTRODUCTION"), (3, "1.1 Scope"), (3, "1.2 Terms"), (2, "Chapter 2 Use")]
    quality = measure_headings(found, TRUTH)
    assert (quality.precision, quality.recall, quality.levels) == (1.0, 1.0, 1.0)


def test_invented_and_missed_headings_are_named() -> None:
    quality = measure_headings([(1, "Scope"), (1, "Scope"), (1, "Use")], TRUTH)
    assert quality.precision == 2 / 3
    assert quality.recall == 0.5
    assert quality.invented == ["Scope"]
    assert quality.missed == ["introduction", "terms"]


def test_nothing_found_is_no_division_by_zero() -> None:
    assert measure_headings([], TRUTH).precision == 0.0
    assert measure_headings(TRUTH, []).recall == 0.0


def test_headings_in_code_are_none() -> None:
    lines = ["# One", "```", "# comment", "```", "## Two \\*", "text # three"]
    assert markdown_headings(lines) == [(1, "One"), (2, "Two *")]
