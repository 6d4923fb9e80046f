"""What the tests of the contrastive losses share."""

import math

import torch
import torch.nn.functional as F

from hw.contrastive import info_nce, nt_xent

LOSSES = {nt_xent: False, info_nce: True}  # whether vectors are compared across the two batches only


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def float64(values):
    return torch.tensor(values, dtype=torch.float64)


def views(n, d, seed=0, noise=None):
    """Two views that have nothing to do with one another, or differ by noise of that size."""
    first, second = torch.randn(2, n, d, dtype=torch.float64, generator=generator(seed))
    return first, second if noise is None else first + noise * second


def dense(z_a, z_b, temperature, crossed):
    """The formula with the matrix of all pairs, in the precision of the views."""
    z, n = torch.cat((z_a, z_b)), len(z_a)
    u = F.normalize(z, dim=1)
    left_out = torch.eye(len(z), dtype=torch.bool)
    if crossed:
        half = torch.arange(len(z)) < n
        left_out = half[:, None] == half
    return F.cross_entropy((u @ u.T / temperature).masked_fill(left_out, -math.inf), torch.arange(len(z)).roll(n))


def value_and_gradient(loss, *arguments):
    """The value, and the gradients in all arguments that are tensors, one below the other."""
    leaves = [x.detach().clone().requires_grad_() if isinstance(x, torch.Tensor) else x for x in arguments]
    value = loss(*leaves)
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    return value.detach(), torch.cat([x.reshape(-1) for x in torch.autograd.grad(value, tensors)])


def error(got, truth):
    """Largest difference, in units of the largest entry."""
    got, truth = got.double(), truth.double()
    largest = truth.abs().max().item()
    return (got - truth).abs().max().item() / (largest if largest else 1.0)
