"""The names a user may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """``" (did you mean German-PUD or German-GSD?)"``, or nothing where no known name is near."""
    spelled = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), spelled, n=3, cutoff=0.6)
    if not close:
        return ""
    return f" (did you mean {' or '.join(spelled[each] for each in close)}?)"
