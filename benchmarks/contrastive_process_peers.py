"""Contrastive losses as several processes compute them, each with the loss of one process that it should be.

Those of the installed packages are called. Those of GradCache, Inf-CL, solo-learn and Spijkervet, which are none, are
the same operations written again, with the commit that was read. Some are wrong on purpose, to see that it shows.
"""

import math
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import NamedTuple

import torch
import torch.distributed as dist
import torch.distributed.nn
import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]

TEMPERATURE = 0.5
ON_PURPOSE = "wrong on purpose"
PEERS = {"lightly": "lightly", "pytorch-metric-learning": "pytorch_metric_learning", "open_clip_torch": "open_clip"}


# Losses that one process computes, by full matrices


def partners(n: int) -> Tensor:
    return torch.arange(2 * n).roll(n)


def dense_nt_xent(z_a: Tensor, z_b: Tensor) -> Tensor:
    u = F.normalize(torch.cat((z_a, z_b)), dim=1)
    itself = torch.eye(len(u), dtype=torch.bool)
    return F.cross_entropy((u @ u.T / TEMPERATURE).masked_fill(itself, -math.inf), partners(len(z_a)))


def dense_one_way(z_a: Tensor, z_b: Tensor) -> Tensor:
    logits = F.normalize(z_a, dim=1) @ F.normalize(z_b, dim=1).T / TEMPERATURE
    return F.cross_entropy(logits, torch.arange(len(z_a)))


def dense_info_nce(z_a: Tensor, z_b: Tensor) -> Tensor:
    return (dense_one_way(z_a, z_b) + dense_one_way(z_b, z_a)) / 2


# Ways to gather, each from what all processes hold to one tensor in the order of the processes


class SlotGather(torch.autograd.Function):
    """All processes' tensors; the gradient is the own slot's, of all processes' losses or of the own loss alone."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, summed: bool) -> tuple[Tensor, ...]:
        """Gather."""
        ctx.summed = summed
        return tuple(received(x))

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None]:
        """Sum the slots over the processes, or do not."""
        stacked = torch.stack(gradients)
        if ctx.summed:
            dist.all_reduce(stacked)
        return stacked[dist.get_rank()], None


def received(x: Tensor) -> list[Tensor]:
    """Everybody's tensors, without a gradient."""
    slots = [torch.empty_like(x) for _ in range(dist.get_world_size())]
    dist.all_gather(slots, x.contiguous())
    return slots


def plain(x: Tensor) -> Tensor:
    return torch.cat(received(x.detach()))


def summed(x: Tensor) -> Tensor:
    return torch.cat(SlotGather.apply(x, True))


def own_gradient(x: Tensor) -> Tensor:
    return torch.cat(SlotGather.apply(x, False))


def own_slot(x: Tensor) -> Tensor:
    slots = received(x.detach())
    slots[dist.get_rank()] = x
    return torch.cat(slots)


def torch_nn(x: Tensor) -> Tensor:
    return torch.cat(torch.distributed.nn.all_gather(x))


def alone(x: Tensor) -> Tensor:
    return x


def scaled(loss: Loss, gather: Callable[[Tensor], Tensor], power: int = 0) -> Loss:
    """The loss of what is gathered, times a power of the number of processes."""
    return lambda z_a, z_b: loss(gather(z_a), gather(z_b)) * float(dist.get_world_size()) ** power


def first_alone(x: Tensor) -> Tensor:
    """On purpose: as `torch_nn`, but only the first process's tensor has a gradient."""
    return torch_nn(x if dist.get_rank() == 0 else x.detach() + 0 * x)


# Losses rewritten from projects that are not packages


def solo_learn(gather: Callable[[Tensor], Tensor], z_a: Tensor, z_b: Tensor) -> Tensor:
    """Own anchors against what is gathered, with masks by the numbers of the samples, and no maximum."""
    first = 0 if gather is alone else dist.get_rank()
    u = F.normalize(torch.cat((z_a, z_b)), dim=1)
    number = torch.arange(len(z_a)).repeat(2) + first * len(z_a)
    others = torch.cat(received(number)) if gather is not alone else number
    exponentials = (u @ gather(u).T / TEMPERATURE).exp()
    same = number[:, None] == others
    different = ~same
    same[:, first * len(u) :].fill_diagonal_(False)
    positive, negative = (exponentials * same).sum(1), (exponentials * different).sum(1)
    return -(positive / (positive + negative)).log().mean()


def spijkervet(gather: Callable[[Tensor], Tensor], z_a: Tensor, z_b: Tensor) -> Tensor:
    """Cosines by broadcasting, the positive put in front of the negatives of each anchor."""
    z_a, z_b = gather(z_a), gather(z_b)
    z, n = torch.cat((z_a, z_b)), len(z_a)
    logits = F.cosine_similarity(z[:, None], z[None], dim=2) / TEMPERATURE
    row, positive = torch.arange(2 * n), partners(n)
    kept = torch.ones_like(logits, dtype=torch.bool)
    kept[row, row] = kept[row, positive] = False
    ordered = torch.cat((logits[row, positive, None], logits[kept].view(2 * n, -1)), 1)
    return F.cross_entropy(ordered, torch.zeros_like(row), reduction="sum") / (2 * n)


class RingLogSums(torch.autograd.Function):
    """Logarithms of the sums of exponentials of own queries with everybody's keys, which go around a ring."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, q: Tensor, k: Tensor) -> Tensor:
        """Add one process's keys after another's, without a maximum."""
        own, total = k, None
        for _ in range(dist.get_world_size()):
            block = (q @ k.T).exp().sum(1).log()
            total = block if total is None else total - F.logsigmoid(total - block)
            k = passed_on(k)
        ctx.save_for_backward(q, own, total)
        return total

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Send the keys around once more, and with them their gradient."""
        q, k, total = ctx.saved_tensors
        of_q, of_k = torch.zeros_like(q), torch.zeros_like(k)
        for _ in range(dist.get_world_size()):
            share = (q @ k.T - total[:, None]).exp() * gradient[:, None]
            of_q += share @ k
            k, of_k = passed_on(k), passed_on(of_k + share.T @ q)
        return of_q, of_k


def passed_on(x: Tensor) -> Tensor:
    """Send to the next process of the ring, and take from the one before."""
    rank, size, taken = dist.get_rank(), dist.get_world_size(), torch.empty_like(x)
    operations = [
        dist.P2POp(dist.isend, x.contiguous(), (rank + 1) % size),
        dist.P2POp(dist.irecv, taken, (rank - 1) % size),
    ]
    for request in dist.batch_isend_irecv(operations):
        request.wait()
    return taken


def ring(z_a: Tensor, z_b: Tensor) -> Tensor:
    """Both directions of Inf-CL's ring, which casts to float32; without the overlap of sending and computing."""
    a, b = F.normalize(z_a, dim=1), F.normalize(z_b, dim=1)
    losses = []
    for q, k in ((a, b), (b, a)):
        q, k = (q / TEMPERATURE).float(), k.float()
        losses.append((RingLogSums.apply(q, k) - (q * k).sum(1)).mean())
    return sum(losses) / 2


# Losses of the packages


def imported(name: str, **stubs: ModuleType) -> ModuleType:
    """Import a module while stubs stand for packages that it imports but does not use here; the stubs go again."""
    stubs = {key: module for key, module in stubs.items() if key not in sys.modules}
    sys.modules.update(stubs)
    try:
        return import_module(name)
    finally:
        for key in stubs:
            del sys.modules[key]


def lightly_loss(gather: bool, temperature: float = TEMPERATURE) -> Loss:
    """Its module; torchvision is imported by other losses of the package, and has no build for every torch."""
    root, ops = ModuleType("torchvision"), ModuleType("torchvision.ops")
    ops.roi_align = ops.StochasticDepth = None
    root.ops = ops
    stubs = {} if find_spec("torchvision") else {"torchvision": root, "torchvision.ops": ops}
    loss = imported("lightly.loss", **stubs).NTXentLoss
    return loss(temperature=temperature, gather_distributed=gather)


def open_clip_loss(**options: bool) -> Loss:
    """Its module; the package around it would import much that the loss does not use."""
    package = ModuleType("open_clip")
    package.__path__ = list(find_spec("open_clip").submodule_search_locations)
    loss = imported("open_clip.loss", open_clip=package).ClipLoss

    def compute(z_a: Tensor, z_b: Tensor) -> Tensor:
        where = {"rank": dist.get_rank(), "world_size": dist.get_world_size()} if options else {}
        return loss(**where, **options)(F.normalize(z_a, dim=1), F.normalize(z_b, dim=1), 1 / TEMPERATURE)

    return compute


def pml_loss(name: str, efficient: bool | None = None) -> Loss:
    """A loss of pytorch-metric-learning, in its wrapper for processes where that is asked for."""
    loss = getattr(import_module("pytorch_metric_learning.losses"), name)(temperature=TEMPERATURE)
    wrapper = import_module("pytorch_metric_learning.utils.distributed").DistributedLossWrapper

    def compute(z_a: Tensor, z_b: Tensor) -> Tensor:
        first = 0 if efficient is None else dist.get_rank() * len(z_a)
        labels = first + torch.arange(len(z_a)).repeat(2)
        whole = loss if efficient is None else wrapper(loss, efficient=efficient)
        return whole(torch.cat((z_a, z_b)), labels)

    return compute


def hw_loss(name: str, temperature: float = TEMPERATURE, *, together: bool = True) -> Loss:
    loss = getattr(import_module("hw.contrastive"), name)
    return lambda z_a, z_b: loss(z_a, z_b, temperature, group=dist.group.WORLD if together else None)


# Cases


class Case(NamedTuple):
    """A loss across processes, the same project's loss in one, and the matrix formula that the latter must equal."""

    name: str
    source: str
    across: Loss
    single: Loss
    formula: Loss
    expected: str = ""


def gathers() -> list[Case]:
    """Ways to gather, ahead of a loss by full matrices."""
    ways = {
        "torch.distributed.nn.all_gather": ("torch", torch_nn),
        "all_gather, own slot put back": ("written here", own_slot),
        "plain all_gather": ("torch", plain),
    }
    return [
        Case(name, source, scaled(dense_nt_xent, gather), dense_nt_xent, dense_nt_xent)
        for name, (source, gather) in ways.items()
    ]


def rewritten() -> list[Case]:
    """Losses of the projects whose operations are rewritten here.

    GradCache takes any logits; here they are those of one direction. For one process Inf-CL has a kernel for GPUs only,
    so the matrix formula stands for it.
    """
    solo, spijker = (partial(loss, alone) for loss in (solo_learn, spijkervet))
    ours, theirs, gradcache = dense_nt_xent, dense_one_way, "rewritten from luyug/GradCache at 906f038"
    return [
        Case("solo-learn", "rewritten from vturrisi/solo-learn at 9187ea3", partial(solo_learn, summed), solo, ours),
        Case(
            "Spijkervet",
            "rewritten from Spijkervet/SimCLR at 2738efa",
            partial(spijkervet, own_gradient),
            spijker,
            ours,
        ),
        Case("GradCache, its class", gradcache, scaled(theirs, own_slot), theirs, theirs),
        Case("GradCache, its readme's function", gradcache, scaled(theirs, own_slot, 1), theirs, theirs),
        Case("Inf-CL, ring", "rewritten from DAMO-NLP-SG/Inf-CLIP at d9f2833", ring, dense_info_nce, dense_info_nce),
    ]


def packaged() -> list[Case]:
    """Losses of the packages that are installed."""
    cases = []
    if find_spec("lightly"):
        for name, gather in (("lightly, gather_distributed", True), ("lightly, default", False)):
            cases.append(Case(name, "lightly", lightly_loss(gather), lightly_loss(False), dense_nt_xent))
    if find_spec("open_clip"):
        for local, gradient in ((True, True), (False, True), (True, False), (False, False)):
            name = f"open_clip, local {'yes' if local else 'no'}, gather grad {'yes' if gradient else 'no'}"
            across = open_clip_loss(local_loss=local, gather_with_grad=gradient)
            cases.append(Case(name, "open_clip_torch", across, open_clip_loss(), dense_info_nce))
    if find_spec("pytorch_metric_learning"):
        for loss in ("SupConLoss", "NTXentLoss"):
            for efficient in (False, True):
                name = f"PML {loss}, {'efficient' if efficient else 'not efficient'}"
                across = pml_loss(loss, efficient)
                cases.append(Case(name, "pytorch-metric-learning", across, pml_loss(loss), dense_nt_xent))
    return cases


def ours() -> list[Case]:
    """Losses of this library, where it has them."""
    if not find_spec("hw.contrastive"):
        return []
    formulas = {"nt_xent": dense_nt_xent, "info_nce": dense_info_nce}
    return [
        Case(f"hw {name}", "hw", hw_loss(name), hw_loss(name, together=False), formula)
        for name, formula in formulas.items()
    ]


def wrong_on_purpose() -> list[Case]:
    """Gradients whose verdicts are known."""
    known = {
        "exact": scaled(dense_nt_xent, torch_nn),
        "× 1/W": scaled(dense_nt_xent, torch_nn, -1),
        "× W": scaled(dense_nt_xent, torch_nn, 1),
        "× 1/W²": scaled(dense_nt_xent, own_slot, -1),
        "wrong direction": scaled(dense_nt_xent, first_alone),
        "another loss": lambda z_a, z_b: dense_nt_xent(z_a, z_b),
        "no gradient": scaled(dense_nt_xent, plain),
        "exact in float32": lambda z_a, z_b: dense_nt_xent(torch_nn(z_a).float(), torch_nn(z_b).float()).double(),
    }
    return [
        Case(f"{verdict}, on purpose", ON_PURPOSE, loss, dense_nt_xent, dense_nt_xent, verdict)
        for verdict, loss in known.items()
    ]


def cases() -> list[Case]:
    return [*ours(), *packaged(), *rewritten(), *gathers(), *wrong_on_purpose()]
