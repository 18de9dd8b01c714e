"""The largest singular value of a map's Jacobian, from products with vectors alone.

Each round sets v ← JᵀJv / ‖JᵀJv‖ by one Jacobian-vector product (forward mode) and one vector-Jacobian product (reverse
mode). The Jacobian itself, rows × columns, is never formed. Golub & Van Loan, Matrix Computations, §8.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.autograd.forward_ad as forward
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.module import register_module_forward_pre_hook

Map = Callable[[torch.Tensor], torch.Tensor]
"""A map (rows, *x.shape) → (rows, *y.shape), in which each row of the result depends on the same row of x alone."""


def largest_singular_values(mapped: Map, x: torch.Tensor, start: torch.Tensor, *, rounds: int) -> torch.Tensor:
    """Returns a lower estimate of ‖J‖₂ at every row of x, shape (rows,). The estimate after any number of rounds never
    exceeds the largest singular value.

    start: where the iteration begins, of x's shape and nonzero in every row.

    All rows are iterated at once. A row is NaN where the map is not finite.
    """
    v, sigma = _normalised(start), torch.zeros(len(x))
    for _ in range(rounds):
        u = jacobian_vector_products(mapped, x, v)
        sigma = _norms(u)
        v = _normalised(vector_jacobian_products(mapped, x, u))
    return sigma


def jacobians(mapped: Map, x: torch.Tensor) -> torch.Tensor:
    """Returns J at one point x, shape (1, *shape), as a matrix (numbers in y, numbers in x), by one Jacobian-vector
    product for each coordinate.

    The matrix is exact up to rounding, and affordable where x has few numbers.
    """
    count = x.numel()
    basis = torch.eye(count, dtype=x.dtype, device=x.device).reshape(count, *x.shape[1:])
    return jacobian_vector_products(mapped, x.expand(count, *x.shape[1:]), basis).reshape(count, -1).T


def jacobian_vector_products(mapped: Map, x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Returns J(x)·v, row by row."""
    # The fused attention kernels know no forward mode, and torch's group norm knows one for contiguous inputs only.
    with sdpa_kernel(SDPBackend.MATH), _contiguous_group_norms(), torch.no_grad(), forward.dual_level():
        dual = forward.make_dual(x.contiguous(), v.contiguous())  # type: ignore[no-untyped-call]
        tangent: torch.Tensor | None = forward.unpack_dual(mapped(dual)).tangent  # type: ignore[no-untyped-call]
    # Without a tangent, nothing of x reaches the result.
    return tangent if tangent is not None else torch.zeros_like(mapped(x))


def vector_jacobian_products(mapped: Map, x: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """Returns J(x)ᵀ·u, row by row."""
    x = x.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        [gradient] = torch.autograd.grad(mapped(x), x, u, allow_unused=True, materialize_grads=True)
    return gradient


@contextmanager
def _contiguous_group_norms() -> Iterator[None]:
    def copied(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        if not isinstance(module, torch.nn.GroupNorm):
            return None
        return tuple(each.clone(memory_format=torch.contiguous_format) for each in inputs)

    hook = register_module_forward_pre_hook(copied)  # type: ignore[arg-type]  # its annotation knows no return value
    try:
        yield
    finally:
        hook.remove()


def _norms(rows: torch.Tensor) -> torch.Tensor:
    norms: torch.Tensor = torch.linalg.vector_norm(rows.flatten(1), dim=1)
    return norms


def _normalised(rows: torch.Tensor) -> torch.Tensor:
    # A zero row stays zero: a map that is flat here has the singular value 0.
    norms = _norms(rows).reshape(-1, *[1] * (rows.dim() - 1))
    return torch.where(norms > 0, rows / norms.clamp_min(torch.finfo(rows.dtype).tiny), rows)
