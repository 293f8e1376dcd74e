"""Whole numbers in place of fractions: linear layers that multiply in int8."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from protgraph.language.network import Network

_MOST = 127
_SAFE = 126  # bf16 rounds a scale by up to 0.4 %, and 127.5 would wrap around


class Int8Linear(nn.Module):
    """A linear layer that multiplies in int8: a scale a row of the weights, a scale a token.

    A token's scale is its own, so what a protein is packed with does not change its vectors.

    Parameters
    ----------
    linear : Linear
        On the CPU.

    Examples
    --------
    >>> one = nn.Linear(2, 1)
    >>> _ = one.weight.data.fill_(0.5), one.bias.data.zero_()
    >>> Int8Linear(one)(torch.tensor([[1.0, 3.0]])).round(decimals=1).tolist()
    [[2.0]]
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scale = (weight.abs().amax(dim=1) / _MOST).clamp(min=1e-12)
        whole = (weight / scale[:, None]).round().to(torch.int8)
        self.packed = torch.ops.onednn.qlinear_prepack(whole, None)
        self.scale, self.zero = scale, torch.zeros(len(scale), dtype=torch.int64)
        self.bias = linear.bias.detach().clone()

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, D] to [N, C], in the input's precision."""
        step = (x.abs().amax(dim=1, keepdim=True) / _SAFE).clamp(min=1e-12)
        whole = (x / step).round_().to(torch.int8)
        product = torch.ops.onednn.qlinear_pointwise(
            whole, 1.0, 0, self.packed, self.scale, self.zero, None,
            1.0, 0, x.dtype, "none", [], "",
        )  # fmt: skip
        return torch.addcmul(self.bias.to(x.dtype), product, step)


def int8(network: Network) -> Network:
    """Replace the linear layers of the blocks in place; the rest computes in bf16.

    Raises
    ------
    ValueError
        Where torch has no int8 kernels for this CPU.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        raise ValueError("precision int8 needs a torch with oneDNN, which this one lacks.")
    for block in network.blocks:
        for name in ("qkv", "out", "up", "down"):
            setattr(block, name, Int8Linear(getattr(block, name)))
    return network.to(torch.bfloat16)
