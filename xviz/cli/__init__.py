"""The same work without a browser: ``xviz models | corpora | extract | space | cache | run``.

A command's module is imported when the command runs, and what is heavy (torch, transformers) when its work
begins, so that ``xviz --help`` answers at once.
"""

from __future__ import annotations


def main() -> None:
    """Entry point of the console script."""
    from xviz.cli.application import application

    application()
