"""How counts are told to a person."""


def some(count: int, what: str) -> str:
    """So many of it: 1 job, 2,000 jobs."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
