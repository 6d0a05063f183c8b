"""Hidden layers of a network, handed over one by one while it runs.

``output_hidden_states`` would hold all layers of a batch until its end; here every layer is given to a
function as soon as it exists, and the network stops after the last one that is wanted. What is handed over is
exactly what ``output_hidden_states`` gives: layer 0 is what the first block reads (embeddings with positions
and norm), layer k the output of block k, and the last layer is taken after the final norm where the network
has one (tested for every family).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from xviz.models.loading import LanguageModel

Receive = Callable[[int, Float[Tensor, "batch length dim"]], None]


class LayerCapture:
    """Runs a network and hands over the wanted layers; a context manager, for it hangs hooks on the blocks.

    ``passes`` counts the calls of the network.
    """

    def __init__(self, model: LanguageModel, layers: Collection[int]):
        self.passes = 0
        self._model = model
        self._layers = frozenset(layers)
        self._last = max(layers)
        self._receive: Receive | None = None
        self._handles: list[Any] = []
        self._blocks = blocks_of(model)
        accepted = inspect.signature(model.network.forward).parameters
        # RoBERTa and its kind count positions from the padding themselves.
        embeddings = getattr(model.network, "embeddings", None)
        self._positions = "position_ids" in accepted and not hasattr(
            embeddings, "create_position_ids_from_input_ids"
        )
        self._options = {"use_cache": False} if "use_cache" in accepted else {}

    def __enter__(self) -> LayerCapture:
        if self._blocks is not None:
            for layer in sorted(self._layers - {self._model.layers}):
                hook = self._hook(layer)
                block = self._blocks[layer]
                self._handles.append(block.register_forward_pre_hook(hook, with_kwargs=True))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def run(
        self, ids: Int[Tensor, "batch length"], mask: Int[Tensor, "batch length"], receive: Receive
    ) -> None:
        """One pass over a batch; ``receive(layer, hidden)`` is called for each wanted layer, lowest first."""
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, **self._options}
        if self._positions and self._model.padding_side == "left":
            inputs["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0)
        self.passes += 1
        self._receive = receive
        try:
            if self._blocks is None:
                hidden_states = self._model.network(**inputs, output_hidden_states=True).hidden_states
                for layer in sorted(self._layers):
                    receive(layer, hidden_states[layer])
                return
            output = self._model.network(**inputs)
            if self._last == self._model.layers:
                receive(self._last, output.last_hidden_state)
        except _Enough:
            pass
        finally:
            self._receive = None

    def _hook(self, layer: int) -> Callable[..., None]:
        def hand_over(_block: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
            if self._receive is not None:
                self._receive(layer, args[0] if args else kwargs["hidden_states"])
                if layer == self._last:
                    raise _Enough

        return hand_over


class _Enough(Exception):
    """The last wanted layer has been handed over; the blocks above it need not run."""


def blocks_of(model: LanguageModel) -> nn.ModuleList | None:
    """The blocks of a network, first to last; None where they are no plain list (ALBERT shares one).

    A network of a family that the tests do not cover is asked once, on a short input, whether its blocks read
    exactly its hidden states.
    """
    lists = [
        module
        for module in model.network.modules()
        if isinstance(module, nn.ModuleList) and len(module) == model.layers
    ]
    if not lists:
        return None
    blocks = lists[0]  # modules() goes from the outside in, so this is the outermost one
    if model.model_type in TESTED or _reads_hidden_states(model, blocks):
        return blocks
    return None


TESTED = frozenset(
    ("bert", "electra", "xlm-roberta", "gpt2", "xglm", "bloom", "llama", "qwen2", "qwen3", "gemma3_text")
)


def _reads_hidden_states(model: LanguageModel, blocks: nn.ModuleList) -> bool:
    read: list[Tensor] = []

    def keep(_block: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        read.append(args[0] if args else kwargs["hidden_states"])

    handles = [block.register_forward_pre_hook(keep, with_kwargs=True) for block in blocks]
    count = min(8, model.vocabulary)
    ids = torch.arange(count, device=model.device)[None]
    try:
        with model.arithmetic():
            output = model.network(
                input_ids=ids, attention_mask=ids.new_ones(ids.shape), output_hidden_states=True
            )
    except (KeyError, TypeError):
        return False
    finally:
        for handle in handles:
            handle.remove()
    states = [*read, output.last_hidden_state]
    return len(states) == len(output.hidden_states) and all(
        torch.equal(one, other) for one, other in zip(states, output.hidden_states, strict=True)
    )
