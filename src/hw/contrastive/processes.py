"""What processes tell each other: that their batches fit together, their points, and a few numbers per anchor."""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import ProcessGroup

from hw.contrastive.pairs import Pairs

__all__ = ["check_agreement", "check_group", "gather_points", "gather_values", "tell_refusal"]

TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_group(group: ProcessGroup | None) -> None:
    """Refuse what is no group that this process belongs to; None stands for this process alone.

    Examples:
        >>> from hw.contrastive.processes import check_group
        >>> try:
        ...     check_group("gloo")
        ... except ValueError as error:
        ...     print(error)
        group must be a group of torch.distributed that this process belongs to, or None, got str
    """
    if group is None:
        return
    if not isinstance(group, ProcessGroup) or dist.get_rank(group) < 0:
        kind = type(group).__name__
        raise ValueError(
            f"group must be a group of torch.distributed that this process belongs to, or None, got {kind}"
        )


def check_agreement(z: Tensor, temperature: float, group: ProcessGroup | None) -> None:
    """Refuse batches of several processes that differ in shape or type, or temperatures that do; all of them do so.

    Args:
        z: This process's views, shape `(n, d)`.
        temperature: This process's temperature.
        group: The processes, or None for this one alone.

    Raises:
        ValueError: If they do not fit together, or a process has told a refusal.
    """
    if group is None:
        return
    everyone = _everyone(_message([*z.shape, TYPES.index(z.dtype), temperature], group), group)
    if everyone.isnan().any():
        refused = ", ".join(map(str, everyone.isnan().any(1).nonzero()[:, 0].tolist()))
        raise ValueError(f"every process must have views and a temperature, got a refusal in process {refused}")
    rows, features, types, temperatures = everyone.T.tolist()
    names = [str(TYPES[int(kind)]) for kind in types]
    for what, values in (
        ("as many rows", [int(n) for n in rows]),
        ("as many features", [int(d) for d in features]),
        ("the same type", names),
    ):
        if len(set(values)) > 1:
            raise ValueError(f"z_a must have {what} in every process, got {', '.join(map(str, values))}")
    if len(set(temperatures)) > 1:
        raise ValueError(f"temperature must be the same in every process, got {', '.join(map(str, temperatures))}")


def tell_refusal(group: ProcessGroup | None) -> None:
    """Tell the other processes, which wait in `check_agreement`, that this one has refused its arguments."""
    if group is not None:
        _everyone(_message([torch.nan] * 4, group), group)


def gather_points(own: Tensor, pairs: Pairs) -> Tensor:
    """The points of all processes, first views before second ones, each in the order of the processes.

    Args:
        own: This process's points, shape `(m, d)`.
        pairs: Which pairs count.

    Returns:
        Shape `(count, d)`; `own` itself where there is one process.
    """
    if pairs.processes == 1:
        return own
    points = own.new_empty(pairs.count, own.shape[1])
    for everyone, mine in zip(points.chunk(2), own.chunk(2), strict=True):
        dist.all_gather(list(everyone.chunk(pairs.processes)), mine.contiguous(), pairs.group)
    return points


def gather_values(sums: Tensor, positives: Tensor, pairs: Pairs) -> tuple[Tensor, Tensor]:
    """One exchange that completes what each process knows of its own anchors.

    Args:
        sums: One number per anchor, shape `(count,)`; right for the own ones.
        positives: One number per own pair of views, shape `(m / 2,)`.
        pairs: Which pairs count.

    Returns:
        One number per anchor, shape `(count,)`, twice.
    """
    if pairs.processes > 1:
        everyone = _everyone(torch.stack([*(sums[own.start : own.stop] for own in pairs.own), positives]), pairs.group)
        first, second, positives = everyone.transpose(0, 1).reshape(3, -1)
        sums = torch.cat((first, second))
    return sums, positives.repeat(2)


def _message(numbers: list[float], group: ProcessGroup) -> Tensor:
    device = torch.device("cuda", torch.cuda.current_device()) if dist.get_backend(group) == "nccl" else "cpu"
    return torch.tensor(numbers, dtype=torch.float64, device=device)


def _everyone(mine: Tensor, group: ProcessGroup) -> Tensor:
    everyone = mine.new_empty(dist.get_world_size(group), *mine.shape)
    dist.all_gather(list(everyone), mine, group)
    return everyone
