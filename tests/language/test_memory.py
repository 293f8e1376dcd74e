import weakref
from types import SimpleNamespace

import pytest
import tiny_esmfold
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from protgraph.language import memory


def test_memory_that_torch_holds_and_does_not_use_is_free(monkeypatch):
    cuda = SimpleNamespace(
        memory_reserved=lambda device: 7,
        memory_allocated=lambda device: 4,
        mem_get_info=lambda device: (100, 200),
    )
    monkeypatch.setattr(torch, "cuda", cuda)
    assert memory.free("cuda:1") == 103


class Counted(TorchDispatchMode):
    """The most bytes of tensors that lived at once."""

    def __init__(self):
        super().__init__()
        self.alive, self.now, self.most = set(), 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.alive:
                    self.alive.add(storage._cdata)
                    self.now += storage.nbytes()
                    weakref.finalize(storage, self.gone, storage._cdata, storage.nbytes())
        self.most = max(self.most, self.now)
        return out

    def gone(self, place, size):
        self.alive.discard(place)
        self.now -= size


@pytest.mark.parametrize("chunk", [8, 128])
def test_the_estimate_of_memory_covers_what_transformers_uses_and_little_more(chunk):
    wide = {"pairwise_state_dim": 64, "pairwise_head_width": 16, "max_recycles": 1}
    network = tiny_esmfold.network({**tiny_esmfold.TRUNK, **wide})
    network.trunk.set_chunk_size(chunk)
    network.infer("M")
    with Counted() as counted:
        network.infer("M" * 150)
    estimate = memory.needed(150, chunk, width=64, heads=4) - 2**28
    assert 0.7 * estimate < counted.most < estimate
