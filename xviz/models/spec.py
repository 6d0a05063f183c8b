"""Which network: its name or folder, by content. Torch-free."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Family = Literal["encoder", "decoder"]
Dtype = Literal["fp32", "bf16"]


class ModelRef(BaseModel):
    """A transformer by bundled name, local folder or hub name.

    ``random_weights``: None for the trained weights; an integer seed for the same architecture and tokenizer
    with freshly initialised weights (the random-weights control, METHODS.md section 3).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    revision: str | None = None
    random_weights: int | None = None

    def identity(self) -> dict[str, Any]:
        """SHA-256 of weights, configuration and tokenizer files instead of the place where they lie."""
        from xviz.models.folder import fingerprint

        return {"files": fingerprint(self), "random_weights": self.random_weights}
