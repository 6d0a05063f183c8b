"""What goes wrong, said in one sentence.

Whatever a user can mend is an :class:`InputError`: the command line prints it as one line and ends with
exit code 2; a page shows it as a message. Everything else that is expected to happen (a full disk, a model
that is not on this machine) is an :class:`XvizError` and exit code 1. A traceback is a bug of xviz.
"""

from __future__ import annotations

from pathlib import Path


class XvizError(Exception):
    """A failure that is told in a sentence: what happened, where, what to do."""

    def __init__(self, message: str, *, file: str | Path | None = None, line: int | None = None):
        self.message = message
        self.file = str(file) if file is not None else None
        self.line = line
        super().__init__(str(self))

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return f"{where}: {self.message}" if where else self.message

    def __reduce__(self):
        return (_rebuild, (type(self), self.message, self.file, self.line))


class InputError(XvizError):
    """Something in what the user gave (a file, a name, an option) has to be changed by the user."""


class NotHere(InputError):
    """A model, corpus or result that is not on this machine; the message says how to bring it here."""


class Cancelled(XvizError):
    """The user asked the work to stop."""


def _rebuild(kind: type[XvizError], message: str, file: str | None, line: int | None) -> XvizError:
    return kind(message, file=file, line=line)
