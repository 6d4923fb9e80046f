"""Contrastive losses across processes: whose gradient is that of one process, and what ours costs beside lightly's.

    python benchmarks/contrastive_processes.py

The first table has 2 and 3 processes, joined by gloo on the loopback device, with a linear encoder that
DistributedDataParallel wraps, so that gradients are averaged, in float64. The gradient of the encoder's parameters is
set against the one that a single process gets from the concatenated batch by the same project's loss for one process:
cosine, ratio of norms, largest error in units of the largest entry, and the ratio of the losses, of which the
processes' mean is taken. Verdicts are derived from these numbers. Wrong gradients made on purpose must get their
verdicts, and processes that die or hang must end the run, or it stops.

The second table has a loss and its gradients in float32 on 2 processes of one thread each: milliseconds of the clock
and of the processor, the larger of the processes, with medians over rounds that change the order; and memory, the peak
less what was resident before, of the first step of a fresh process. Half of lightly's time is the allocator's: the rows
named tuned keep memory in the process. Linux only, since it reads /proc.

Peers take part where they are installed: pip install --no-deps lightly==1.6.0 pytorch-metric-learning==2.9.0
open_clip_torch==3.3.0 tqdm scipy. Of the others, whose sources name a repository, the same operations are rewritten.
"""

import json
import math
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.nn
import torch.multiprocessing as mp
import torch.nn.functional as F
from contrastive_process_peers import ON_PURPOSE, PEERS, TEMPERATURE, Case, Loss, cases, hw_loss, lightly_loss
from torch import Tensor

PROCESSES, EACH, FEATURES, D = (2, 3), 6, 7, 5
EXACT, FLOAT32, FACTOR = 1e-9, 1e-5, 1e-6
POWERS = {-2: "1/W²", -1: "1/W", 0: "1", 1: "W", 2: "W²"}
COST_D, COST_TEMPERATURE = 128, 0.1
ROUNDS = {1024: 10, 4096: 5, 8192: 4}
TUNED_ROUNDS = {8192: 3}
TUNED = {
    "MALLOC_MMAP_THRESHOLD_": "8589934592",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "67108864",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
LIMIT_SECONDS = 600.0


# Processes


def launch(job: Callable[..., object], processes: int, *arguments: object, limit: float = LIMIT_SECONDS) -> list:
    """Run a job in the processes of one group; give what each returns, or stop all, with the message of the first."""
    with tempfile.TemporaryDirectory() as folder:
        shared = (job, processes, folder, limit, *arguments)
        context = mp.start_processes(child, shared, nprocs=processes, join=False, daemon=True, start_method="spawn")
        end = time.monotonic() + limit
        while not context.join(max(0.0, end - time.monotonic())):
            if time.monotonic() >= end:
                for process in context.processes:
                    process.kill()
                raise TimeoutError(f"{job.__name__} did not end within {limit:g} seconds on {processes} processes")
        return [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(processes)]


def child(rank: int, job: Callable[..., object], processes: int, folder: str, limit: float, *arguments: object) -> None:
    """Join the group, do the job on one thread and leave what it returns in a file."""
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    warnings.filterwarnings("ignore", message="torch.distributed.nn.functional.all_gather is deprecated")
    store = dist.FileStore(str(Path(folder, "store")), processes)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=processes, timeout=timedelta(seconds=limit))
    Path(folder, f"{rank}.json").write_text(json.dumps(job(*arguments)))
    dist.barrier()  # nobody leaves while another still sends
    dist.destroy_process_group()


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables for the processes that are started meanwhile."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# Gradients


def views(processes: int) -> tuple[Tensor, Tensor]:
    """Draw two views of everybody's samples, each sample with a noise of its own in each."""
    rng = torch.Generator().manual_seed(0)
    shape = (3, processes * EACH, FEATURES)
    sample, *noises = torch.randn(shape, generator=rng, dtype=torch.float64)
    return tuple(sample + 0.5 * noise for noise in noises)


def encoder() -> torch.nn.Linear:
    """Make the linear encoder, the same in every process."""
    rng = torch.Generator().manual_seed(1)
    layer = torch.nn.Linear(FEATURES, D, dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    return layer


def step(layer: torch.nn.Module, x_a: Tensor, x_b: Tensor, loss: Loss) -> dict:
    """Give the loss and the gradient of the encoder's parameters, which is None where the loss has none."""
    value = loss(*layer(torch.cat((x_a, x_b))).chunk(2))
    try:
        value.backward()
    except RuntimeError as error:
        if value.requires_grad:
            raise
        return {"loss": value.item(), "gradient": None, "error": str(error)}
    gradient = torch.cat([parameter.grad.flatten() for parameter in layer.parameters()])
    return {"loss": value.item(), "gradient": gradient.tolist()}


def own_part() -> list[dict]:
    """Take this process's samples through every case."""
    rank, results = dist.get_rank(), []
    x_a, x_b = (x[rank * EACH : (rank + 1) * EACH] for x in views(dist.get_world_size()))
    for case in cases():
        layer = torch.nn.parallel.DistributedDataParallel(encoder())
        results.append(step(layer, x_a, x_b, case.across))
    return results


def power(ratio: float, processes: int) -> int | None:
    """Find which power of the number of processes a ratio is."""
    return next((k for k in POWERS if math.isclose(ratio, float(processes) ** k, rel_tol=FACTOR)), None)


def factor(ratio: float, processes: int) -> str:
    return f"× {POWERS.get(power(ratio, processes), format(ratio, '.3g'))}"


def verdict(row: dict, processes: int) -> str:
    """Judge a gradient by its numbers."""
    if "cosine" not in row:
        return "no gradient"
    if row["largest_relative_error"] <= EXACT:
        return "exact"
    if row["largest_relative_error"] <= FLOAT32:
        return "exact in float32"
    if row["cosine"] >= 1 - EXACT:
        return factor(row["norm_ratio"], processes)
    return "another loss" if power(row["loss_ratio"], processes) is None else "wrong direction"


def compare(case: Case, parts: list[dict], processes: int) -> dict:
    """Set what the processes got beside what one process gets."""
    whole, formula = (step(encoder(), *views(processes), loss) for loss in (case.single, case.formula))
    row = {
        "name": case.name,
        "source": case.source,
        "processes": processes,
        "loss_ratio": statistics.fmean(part["loss"] for part in parts) / whole["loss"],
        "single_loss_relative_error": abs(whole["loss"] / formula["loss"] - 1),
    }
    if parts[0]["gradient"] is not None:
        row |= distances(*(torch.tensor(x["gradient"], dtype=torch.float64) for x in (parts[0], whole)))
    else:
        row["error"] = parts[0]["error"]
    return {**row, "loss_verdict": factor(row["loss_ratio"], processes), "verdict": verdict(row, processes)}


def distances(got: Tensor, truth: Tensor) -> dict[str, float]:
    return {
        "cosine": F.cosine_similarity(got, truth, dim=0).item(),
        "norm_ratio": (got.norm() / truth.norm()).item(),
        "largest_relative_error": ((got - truth).abs().max() / truth.abs().max()).item(),
    }


def gradients(processes: int) -> list[dict]:
    """Judge every case on as many processes."""
    everybody = zip(*launch(own_part, processes), strict=True)
    rows = []
    for case, parts in zip(cases(), everybody, strict=True):
        if any(part["gradient"] != parts[0]["gradient"] for part in parts):
            raise RuntimeError(f"{case.name}: averaged gradients differ between processes")
        rows.append(compare(case, list(parts), processes))
        check(case, rows[-1])
    return rows


def check(case: Case, row: dict) -> None:
    """Stop where the harness does not see what was done on purpose, or takes a loss for another."""
    if case.expected and row["verdict"] != case.expected:
        raise RuntimeError(f"{case.name}: the verdict on {row['processes']} processes is {row['verdict']}")
    if row["single_loss_relative_error"] > EXACT:
        raise RuntimeError(f"{case.name}: in one process it is not the loss that it is taken for")


# Ends of runs that go wrong


def die(rank: int) -> None:
    """Raise in one process while the others wait for it."""
    if dist.get_rank() == rank:
        raise ArithmeticError("on purpose")
    dist.barrier()


def hang(rank: int) -> None:
    """Stay away in one process while the others wait for it."""
    if dist.get_rank() == rank:
        time.sleep(3600)
    dist.barrier()


def ends() -> list[dict]:
    """See that a process that dies, and one that hangs, end the run with their message."""
    rows = []
    for job, limit, told in ((die, 60.0, "ArithmeticError: on purpose"), (hang, 8.0, "hang did not end within")):
        start, message = time.monotonic(), ""
        try:
            launch(job, 2, 1, limit=limit)
        except Exception as error:
            message = str(error)
        if told not in message:
            raise RuntimeError(f"{job.__name__}: a run that goes wrong ended with {message!r}")
        rows.append({"name": job.__name__, "message": told, "seconds": time.monotonic() - start})
    return rows


# Cost


def timed() -> dict[str, Loss]:
    """Name the losses whose cost is measured."""
    losses = {}
    if find_spec("lightly"):
        losses["lightly"] = lightly_loss(True, COST_TEMPERATURE)
    if find_spec("hw.contrastive"):
        losses["hw"] = hw_loss("nt_xent", COST_TEMPERATURE)
    return losses


def own_views(n: int) -> list[Tensor]:
    """Draw this process's part of n samples in two views."""
    rng = torch.Generator().manual_seed(dist.get_rank())
    drawn = torch.randn(2, n // dist.get_world_size(), COST_D, generator=rng)
    return [z.requires_grad_() for z in drawn.unbind()]


def pull(loss: Loss, z: list[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss(*z), z)


def own_seconds(rounds: dict[int, int]) -> dict[str, dict[str, list[list[float]]]]:
    """Time every loss, round by round in changing order: seconds of the clock and of the processor."""
    losses, times = timed(), {}
    for n, count in rounds.items():
        z = own_views(n)
        times[str(n)] = {name: [] for name in losses}
        for loss in losses.values():
            pull(loss, own_views(64))  # imports and starts what the first step would pay for
        for turn in range(count):
            for name in list(losses)[:: 1 if turn % 2 == 0 else -1]:
                times[str(n)][name].append(seconds(partial(pull, losses[name], z)))
    return times


def seconds(task: Callable[[], object]) -> list[float]:
    dist.barrier()
    start, busy = time.perf_counter(), time.process_time()
    task()
    return [time.perf_counter() - start, time.process_time() - busy]


def status_kib(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1])


def own_extra_mib(name: str, n: int) -> float:
    """Peak of one step less what was resident before it, in a process that has only seen a tiny one."""
    loss, z = timed()[name], own_views(n)
    pull(loss, own_views(64))
    dist.barrier()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    before = status_kib("VmRSS")
    pull(loss, z)
    return (status_kib("VmHWM") - before) / 1024


def own_difference(n: int) -> float:
    """Largest difference between the gradients of the two losses, in units of the largest entry."""
    z = own_views(n)
    first, second = (torch.cat(pull(loss, z)) for loss in timed().values())
    return ((first - second).abs().max() / first.abs().max()).item()


def slowest(everybody: list[dict], n: int, name: str) -> list[tuple[float, float]]:
    """Both kinds of seconds of each round, the larger of the processes."""
    rounds = zip(*(part[str(n)][name] for part in everybody), strict=True)
    return [tuple(max(column) for column in zip(*ranks, strict=True)) for ranks in rounds]


def cost_rows(rounds: dict[int, int], allocator: str) -> list[dict]:
    """Time a list of sizes, and set ours beside lightly's."""
    everybody, rows = launch(own_seconds, 2, rounds), []
    for n in rounds:
        times = {name: slowest(everybody, n, name) for name in everybody[0][str(n)]}
        row = {"global_n": n, "allocator": allocator, "rounds": rounds[n], "processes": 2}
        for name, pairs in times.items():
            for kind, column in zip(("wall", "processor"), zip(*pairs, strict=True), strict=True):
                row[f"{name}_{kind}_median_ms"] = 1e3 * statistics.median(column)
        if len(times) == 2:
            pairs = list(zip(times["hw"], times["lightly"], strict=True))
            for place, kind in enumerate(("wall", "processor")):
                row[f"{kind}_ratio_median"] = statistics.median(a[place] / b[place] for a, b in pairs)
        rows.append(row)
    return rows


def add_memory(row: dict, names: list[str]) -> None:
    """Measure each loss in fresh processes."""
    for name in names:
        row[f"{name}_extra_mib"] = max(launch(own_extra_mib, 2, name, row["global_n"]))
    if len(names) == 2:
        row["memory_ratio"] = row["hw_extra_mib"] / row["lightly_extra_mib"]


def cost() -> list[dict]:
    """Measure time and memory with the allocator as it comes, and time with it tuned."""
    names = list(timed())
    rows = cost_rows(ROUNDS, "default")
    for row in rows:
        add_memory(row, names)
    if len(names) == 2:
        rows[0]["largest_gradient_difference"] = max(launch(own_difference, 2, rows[0]["global_n"]))
    with environment(TUNED):
        return rows + cost_rows(TUNED_ROUNDS, "tuned")


# Tables


def record() -> dict:
    """Measure everything, as plain numbers and words."""
    packages = ["torch", *(package for package, module in PEERS.items() if find_spec(module))]
    load, keys = os.getloadavg()[0], ("name", "processes", "verdict")
    rows = [row for processes in PROCESSES for row in gradients(processes)]
    return {
        "versions": {package: version(package) for package in packages},
        "load_average_at_start": load,
        "setting": {
            "samples_per_process": EACH,
            "dimensions": D,
            "temperature": TEMPERATURE,
            "cost_dimensions": COST_D,
            "cost_temperature": COST_TEMPERATURE,
        },
        "gradients": [row for row in rows if row["source"] != ON_PURPOSE],
        "checks": [{key: row[key] for key in keys} for row in rows if row["source"] == ON_PURPOSE],
        "ends": ends(),
        "cost": cost() if timed() else [],
    }


def number(row: dict, key: str, shown: str) -> str:
    return format(row[key], shown) if key in row else "-"


def print_gradients(rows: list[dict]) -> None:
    """Print a line a case, with the numbers of processes side by side."""
    heads = [f"{what} W={w}" for what in ("cosine", "norms", "error", "loss") for w in PROCESSES]
    print(f"{'':40}{''.join(f'{head:>12}' for head in heads)}  gradient; loss")
    keys = {"cosine": ".4f", "norm_ratio": ".4f", "largest_relative_error": ".1e", "loss_ratio": ".4f"}
    for name in dict.fromkeys(row["name"] for row in rows):
        found = [row for row in rows if row["name"] == name]
        cells = "".join(f"{number(row, key, shown):>12}" for key, shown in keys.items() for row in found)
        verdicts = [" / ".join(dict.fromkeys(row[key] for row in found)) for key in ("verdict", "loss_verdict")]
        print(f"{name:40}{cells}  {'; '.join(verdicts)}")


def print_cost(rows: list[dict]) -> None:
    """Print a line a size and allocator."""
    kinds = {"wall_median_ms": ".0f", "processor_median_ms": ".0f", "extra_mib": ".1f"}
    keys = {f"{name}_{kind}": shown for kind, shown in kinds.items() for name in ("lightly", "hw")}
    keys |= {"wall_ratio_median": ".3f", "processor_ratio_median": ".3f", "memory_ratio": ".4f"}
    heads = ["lightly wall ms", "hw", "lightly cpu ms", "hw", "lightly MiB", "hw", "wall ratio", "cpu", "memory"]
    print(f"{'global N, allocator':20}{''.join(f'{head:>16}' for head in heads)}")
    for row in rows:
        cells = "".join(f"{number(row, key, shown):>16}" for key, shown in keys.items())
        print(f"{row['global_n']:6}, {row['allocator']:12}{cells}")


def main() -> None:
    """Print the tables."""
    for package, module in {**PEERS, "hw.contrastive": "hw.contrastive"}.items():
        if not find_spec(module):
            print(f"{package} is not installed and does not take part")
    measured = record()
    print(", ".join(f"{package} {found}" for package, found in measured["versions"].items()))
    print_gradients(measured["gradients"])
    for processes in PROCESSES:
        seen = ", ".join(row["verdict"] for row in measured["checks"] if row["processes"] == processes)
        print(f"made on purpose on {processes} processes, and seen: {seen}")
    for row in measured["ends"]:
        print(f"a process that is made to {row['name']} ends the run after {row['seconds']:.1f} s: {row['message']}")
    print_cost(measured["cost"])


if __name__ == "__main__":
    main()
