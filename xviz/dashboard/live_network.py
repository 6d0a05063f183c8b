"""Networks that stay loaded while readers type: two at most, one sentence at a time in each."""

from __future__ import annotations

import gc
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from xviz.models.spec import Dtype, ModelRef

if TYPE_CHECKING:
    from xviz.models.loading import LanguageModel

MOST_NETWORKS = 2


@dataclass
class LoadedNetwork:
    """``lock``: layers are read by hooks on the network, which two readers must not share."""

    model: LanguageModel | None
    lock: threading.Lock = field(default_factory=threading.Lock)


def network(ref: ModelRef, dtype: Dtype) -> LoadedNetwork:
    """The network of ``ref``, loaded at the first call and kept until two others are wanted.

    Raises:
        XvizError: it cannot be loaded.
    """
    return _network(str(ref.identity()), dtype, ref)


def _release(loaded: LoadedNetwork) -> None:
    with loaded.lock:  # whoever reads with it finishes first
        loaded.model = None
    gc.collect()


@st.cache_resource(max_entries=MOST_NETWORKS, show_spinner="Loading the network", on_release=_release)
def _network(identity: str, dtype: Dtype, _ref: ModelRef) -> LoadedNetwork:
    from xviz.models.loading import load

    return LoadedNetwork(load(_ref, dtype=dtype))
