"""Networks stay loaded, two at most; the one that goes is let go of once nobody reads with it."""

from __future__ import annotations

import threading

from xviz.dashboard import live_network
from xviz.models.spec import ModelRef


def test_two_networks_stay_and_the_oldest_goes(tiny_models, monkeypatch) -> None:
    loads = []

    def load(ref: ModelRef, *, dtype: str) -> object:
        loads.append(ref)
        return object()

    monkeypatch.setattr("xviz.models.loading.load", load)
    live_network._network.clear()
    refs = [ModelRef(name=str(tiny_models("bert")), random_weights=seed) for seed in range(3)]
    try:
        first = live_network.network(refs[0], "fp32")
        assert live_network.network(refs[0], "fp32") is first
        second = live_network.network(refs[1], "fp32")
        assert len(loads) == 2
        held = first.lock.acquire()
        assert held
        third: list[live_network.LoadedNetwork] = []
        thread = threading.Thread(target=lambda: third.append(live_network.network(refs[2], "fp32")))
        thread.start()
        thread.join(0.5)
        assert first.model is not None, "a reader who is reading is waited for"
        first.lock.release()
        thread.join(30)
        assert first.model is None
        assert second.model is not None
        assert third[0].model is not None
    finally:
        live_network._network.clear()
