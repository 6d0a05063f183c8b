"""The section of a card in a model's README: between two marks, written again by every card."""

from __future__ import annotations

from pathlib import Path

from xviz.errors import InputError
from xviz.store import write_atomically

BEGIN, END = "<!-- xviz card: begin -->", "<!-- xviz card: end -->"


def write_section(readme: Path, section: str) -> None:
    """Put ``section`` between the marks of a README, or at its end where it has none; the rest stays.

    Raises:
        InputError: the README is a link (a hub's cache), or has only one of the marks, or two of one.
    """
    if readme.is_symlink():
        raise InputError(
            "This README is a link into the hub's cache, which is not for editing; use --out instead.",
            file=readme,
        )
    text = readme.read_text("utf-8") if readme.is_file() else ""
    begins, ends = text.count(BEGIN), text.count(END)
    if (begins, ends) not in ((0, 0), (1, 1)) or (begins and text.index(BEGIN) > text.index(END)):
        raise InputError(f"The README must hold {BEGIN} and {END} once each, in this order.", file=readme)
    marked = f"{BEGIN}\n{section.strip()}\n{END}"
    if begins:
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        write_atomically(readme, before + marked + after)
    else:
        write_atomically(readme, f"{text.rstrip()}\n\n{marked}\n".lstrip())
