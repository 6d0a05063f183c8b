"""Two processes that share a batch are one process with the whole of it: loss and gradients."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from xviz.learning.contrastive.objective import contrastive_loss

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SCRIPT = """
    import sys
    import torch
    import torch.distributed as dist
    from safetensors.torch import save_file
    from xviz.learning.contrastive.objective import contrastive_loss

    torch.set_num_threads(1)
    rank, port, both, out = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "both", sys.argv[4]
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    torch.manual_seed(0)
    layer = torch.nn.Linear(5, 4)
    x, y = torch.randn(7, 5), torch.randn(7, 5)
    keys = torch.tensor([[0, 1, 2, 3, 0, 5, 6], [10, 11, 12, 13, 14, 15, 11]])
    mine = slice(0, 3) if rank == 0 else slice(3, 7)
    loss = contrastive_loss(layer(x[mine]), layer(y[mine]), keys[:, mine], temperature=0.2, both=both)
    loss.backward()
    found = {"weight": layer.weight.grad, "bias": layer.bias.grad, "loss": loss.detach()[None]}
    for tensor in found.values():  # as the loop does: gradients are averaged over processes
        dist.all_reduce(tensor)
        tensor /= 2
    if rank == 0:
        save_file(found, out)
    dist.destroy_process_group()
"""


@pytest.mark.parametrize("directions", ["one", "both"])
def test_gathered_gradients_are_those_of_one_process(tmp_path: Path, directions: str) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(5, 4)
    x, y = torch.randn(7, 5), torch.randn(7, 5)
    keys = torch.tensor([[0, 1, 2, 3, 0, 5, 6], [10, 11, 12, 13, 14, 15, 11]])
    loss = contrastive_loss(layer(x), layer(y), keys, temperature=0.2, both=directions == "both")
    loss.backward()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out = tmp_path / "gathered.safetensors"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SCRIPT), str(rank), str(port), directions, str(out)]
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=240) for process in started] == [0, 0]
    found = load_file(out)
    assert found["loss"].item() == pytest.approx(loss.item(), abs=1e-6)
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    assert torch.allclose(found["weight"], layer.weight.grad, atol=1e-6)
    assert torch.allclose(found["bias"], layer.bias.grad, atol=1e-6)
