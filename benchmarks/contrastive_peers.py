"""Losses of other libraries behind one signature, for benchmarks/contrastive.py.

Each is a function of two sets of views of shape (N, d), not normalized, and the temperature. ``NT_XENT`` are the
paper's loss, the mean over the 2N anchors; ``TWO_TOWER`` have the other tower's points for candidates, and are means of
both directions; ``ONE_WAY`` has one direction only, which is another loss. A peer is imported at its first call, so
that what one imports is not in the measure of another; lightly and open_clip are imported without the parts of them
that need torchvision, which their losses do not use.
"""

import math
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor, float], Tensor]
PACKAGES = {  # module: what to install
    "lightly": "lightly",
    "pytorch_metric_learning": "pytorch-metric-learning",
    "open_clip": "open_clip_torch",
    "info_nce": "info-nce-pytorch",
}
NEEDS = {
    "lightly": "lightly",
    "pml_ntxent": "pytorch_metric_learning",
    "pml_supcon": "pytorch_metric_learning",
    "open_clip": "open_clip",
    "info_nce_one_way": "info_nce",
}


def ours(z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    return import_module("hw.contrastive").nt_xent(z_a, z_b, temperature)


@cache
def lightly_class() -> type:
    """Import lightly's loss beside an empty torchvision, of which nothing stays."""
    if find_spec("torchvision"):
        return import_module("lightly.loss").NTXentLoss
    stubs = {name: ModuleType(name) for name in ("torchvision", "torchvision.ops")}
    stubs["torchvision"].ops = stubs["torchvision.ops"]
    stubs["torchvision.ops"].roi_align = stubs["torchvision.ops"].StochasticDepth = None
    sys.modules.update(stubs)
    try:
        return import_module("lightly.loss").NTXentLoss
    finally:
        for name in stubs:
            del sys.modules[name]


def lightly(z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    return lightly_class()(temperature=temperature)(z_a, z_b)


def pml(name: str, z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    """Call a loss of pytorch-metric-learning, with the number of the sample for a label."""
    loss = getattr(import_module("pytorch_metric_learning.losses"), name)(temperature=temperature)
    return loss(torch.cat((z_a, z_b)), torch.arange(len(z_a)).repeat(2))


def pml_supcon(z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    return pml("SupConLoss", z_a, z_b, temperature)


def pml_ntxent(z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    return pml("NTXentLoss", z_a, z_b, temperature)


def positives(n: int) -> Tensor:
    """Place of each anchor's positive among all the 2N views."""
    return torch.arange(2 * n).roll(n)


def naive(z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of the matrix of all logits, its diagonal masked."""
    u = F.normalize(torch.cat((z_a, z_b)), dim=1)
    logits = (u @ u.T / temperature).masked_fill(torch.eye(len(u), dtype=torch.bool), -math.inf)
    return F.cross_entropy(logits, positives(len(z_a)))


def solo_learn(z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    """Do what solo-learn's simclr_loss_func does, written anew from reading its source."""
    sample = torch.arange(len(z_a)).repeat(2)
    u = F.normalize(torch.cat((z_a, z_b)), dim=-1)
    exponentials = (torch.einsum("if,jf->ij", u, u) / temperature).exp()
    same, other = sample[:, None] == sample, sample[:, None] != sample
    same.fill_diagonal_(False)
    positive, negative = (exponentials * same).sum(1), (exponentials * other).sum(1)
    return -(positive / (positive + negative)).log().mean()


@cache
def negatives(n: int) -> Tensor:
    """Mask of the negatives, which Spijkervet's module makes once for a batch size."""
    return ~torch.eye(n, dtype=torch.bool).repeat(2, 2)


def spijkervet(z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    """Do what Spijkervet/SimCLR's NT_Xent does, written anew from reading its source: cosines by broadcasting."""
    n, z = len(z_a), torch.cat((z_a, z_b))
    cosines = F.cosine_similarity(z[:, None], z[None], dim=2) / temperature
    positive = torch.cat((cosines.diagonal(n), cosines.diagonal(-n)))[:, None]
    logits = torch.cat((positive, cosines[negatives(n)].reshape(2 * n, -1)), 1)
    return F.cross_entropy(logits, torch.zeros(2 * n, dtype=torch.long), reduction="sum") / (2 * n)


def chunked(x: Tensor, weight: Tensor, target: Tensor, reduction: str) -> Tensor:
    """Call torch's own cross-entropy of a linear layer, in chunks; it warns where it falls back to whole matrices."""
    return F.linear_cross_entropy(x, weight, target, reduction=reduction, options=torch.nn.LinearCrossEntropyOptions())


def torch_chunked(z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    """Take the loss with the anchor among its candidates, then remove its term: add log(1 - p of the anchor)."""
    u = F.normalize(torch.cat((z_a, z_b)), dim=1)
    row = chunked(u / temperature, u, positives(len(z_a)), "none")
    log_sum = row + (u * u.roll(len(z_a), 0)).sum(1) / temperature
    log_p = (u * u).sum(1) / temperature - log_sum
    return (row + torch.log(-torch.expm1(log_p))).mean()


def ours_info_nce(z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    return import_module("hw.contrastive").info_nce(z_a, z_b, temperature)


@cache
def clip_class() -> type:
    """Import open_clip's module of losses without the package's own imports."""
    if find_spec("torchvision"):
        return import_module("open_clip.loss").ClipLoss
    package = ModuleType("open_clip")
    package.__path__ = list(find_spec("open_clip").submodule_search_locations)
    sys.modules["open_clip"] = package
    try:
        return import_module("open_clip.loss").ClipLoss
    finally:
        del sys.modules["open_clip"]


def open_clip(z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    return clip_class()()(F.normalize(z_a, dim=1), F.normalize(z_b, dim=1), 1 / temperature)


def torch_chunked_two(z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    a, b, target = F.normalize(z_a, dim=1), F.normalize(z_b, dim=1), torch.arange(len(z_a))
    return (chunked(a / temperature, b, target, "mean") + chunked(b / temperature, a, target, "mean")) / 2


def info_nce_one_way(z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    return import_module("info_nce").info_nce(z_a, z_b, temperature=temperature)


def named(*losses: Loss) -> dict[str, Loss]:
    """Name the losses that take part: those whose package is installed."""
    names = {loss.__name__: loss for loss in losses}
    return {name: loss for name, loss in names.items() if name not in NEEDS or find_spec(NEEDS[name])}


NT_XENT = named(ours, lightly, naive, solo_learn, pml_supcon, torch_chunked, pml_ntxent, spijkervet)
TWO_TOWER = named(ours_info_nce, open_clip, torch_chunked_two)
ONE_WAY = named(info_nce_one_way)
LOSSES = NT_XENT | TWO_TOWER | ONE_WAY
