"""The matrix products of a training step, and the time that they alone take on this machine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from topfm.data.events import Events
from topfm.model import Model

Product = tuple[int, int, int]  # [m, k] times [k, n]


class Products(TorchFunctionMode):
    """Notes the matrix products of a forward pass, and what the backward pass makes of them.

    A linear layer with m rows from k to n numbers is 2mkn FLOPs, and as much again for the gradient
    of its weights and of its input, each if it is needed. Attention of h heads over s slots of d
    numbers is 4hs²d an event, and twice that backward.
    """

    def __init__(self) -> None:
        super().__init__()
        self._linear: list[tuple[Product, nn.Parameter, bool]] = []
        self._attention: list[tuple[float, bool]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Tensor:
        out: Tensor = func(*args, **(kwargs or {}))
        if func is functional.linear:
            x, weight = args[:2]
            n, k = weight.shape
            self._linear.append(((x.numel() // k, k, n), weight, x.requires_grad))
        elif func is functional.scaled_dot_product_attention:
            query, key = args[:2]
            self._attention.append((4.0 * query.numel() * key.shape[-2], out.requires_grad))
        return out

    def counted(self) -> Counter[Product]:
        """Return the products of both passes, after the backward pass."""
        found: Counter[Product] = Counter()
        for (m, k, n), weight, onward in self._linear:
            found[m, k, n] += 1
            if weight.grad is not None:
                found[n, m, k] += 1
                found[m, n, k] += onward
        return found

    def attention(self) -> float:
        """Return the FLOPs of attention in both passes."""
        return sum(flops * (3 if backward else 1) for flops, backward in self._attention)


def flops_of(products: Counter[Product]) -> float:
    return sum(2.0 * m * k * n * times for (m, k, n), times in products.items())


def analysed(model: Model, events: Events) -> tuple[Counter[Product], float, float]:
    """Return the matrix products and attention FLOPs of a step, and torch's count of all FLOPs."""
    model.zero_grad()
    products = Products()
    with products:
        (term,) = model(events, {"classify": None}).values()
    term.total.backward()
    found = products.counted()
    model.zero_grad()
    # torch's counter knows no attention of the CPU, so it gets the plain one
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        (term,) = model(events, {"classify": None}).values()
        term.total.backward()
    model.zero_grad()
    return found, products.attention(), float(counter.get_total_flops())


class Bound:
    """The time that the products of a step take at least on this machine."""

    def __init__(self, products: Counter[Product], attention: float) -> None:
        self.products, self.attention = products, attention
        self.flops = flops_of(products) + attention
        self.operands = {size: self._made(size) for size in products}

    @staticmethod
    def _made(size: Product) -> tuple[Tensor, Tensor]:
        """Make operands in the layout of a step: one for a gradient of weights is transposed."""
        m, k, n = size
        return torch.randn(k, m).t() if k > m else torch.randn(m, k), torch.randn(k, n)

    def seconds(self) -> float:
        total = 0.0
        for size, times in self.products.items():
            took = min(timed(lambda pair=self.operands[size]: torch.mm(*pair)) for _ in range(2))
            total += times * took
        return total * self.flops / (self.flops - self.attention)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
