"""NT-Xent, and InfoNCE of two towers, beside other libraries' losses on one machine: time, memory and exactness.

    python benchmarks/contrastive.py
    python benchmarks/contrastive.py --only memory

Writes contrastive.json beside this file and prints it as tables, then whether each target is met; ``--only`` measures
one part anew and keeps the others. Unless a row says otherwise: value and gradient of random views in 128 dimensions,
float32, temperature 0.1, one thread, processor time, in rounds of alternating order; ratios are medians of the rounds'
ratios. Every measure but those across processes is taken in a new process with at most 14 GiB of addresses, where
warnings are errors, so that no loss falls back to another way unseen. The tuned allocator keeps the memory it has
freed, which the default one gives back and faults in again at each step, and has huge pages. Peers take part where they
are installed: pip install --no-deps lightly==1.6.0 pytorch-metric-learning==2.9.0 info-nce-pytorch==0.1.4
open_clip_torch==3.3.0 tqdm scipy
"""

import argparse
import json
import math
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch
from contrastive_peers import LOSSES, NT_XENT, ONE_WAY, PACKAGES, TWO_TOWER, Loss
from torch import Tensor

Entry = dict[str, "Entry | float | int | str"]
RECORD = Path(__file__).with_name("contrastive.json")
D, TEMPERATURE = 128, 0.1
KINDS = ("random", "aligned")
CUBIC = {"pml_ntxent", "spijkervet"}  # seconds a step at N = 256 already
FIRST = ("lightly", "open_clip")  # what all are compared with
BASES = (
    *FIRST,
    "naive",
    "solo_learn",
    "pml_supcon",
    "torch_chunked",
    "torch_chunked_two",
)  # what ours are compared with
ALLOCATORS = {
    "default": {},
    "tuned": {
        "MALLOC_MMAP_THRESHOLD_": "8589934592",
        "MALLOC_TRIM_THRESHOLD_": "17179869184",
        "MALLOC_TOP_PAD_": "67108864",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    },
}

# Measures, each taken in a child process


def views(n: int, kind: str = "random") -> tuple[Tensor, Tensor]:
    """Draw two sets of views: independent, or the second next to the first."""
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, n, D, generator=rng)
    b = a + 0.1 * b if kind == "aligned" else b
    return a.requires_grad_(), b.requires_grad_()


def step(loss: Loss, pair: tuple[Tensor, Tensor], temperature: float = TEMPERATURE) -> float:
    """Evaluate a loss and its gradient."""
    for leaf in pair:
        leaf.grad = None
    value = loss(*pair, temperature)
    value.backward()
    return value.item()


def interleaved(rounds: int, tasks: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Time tasks there and back, after a round that does not count; seconds of the processor."""
    seconds = {name: [] for name in tasks}
    for i in range(rounds + 1):
        for name in tasks if i % 2 else reversed(tasks):
            start = time.process_time()
            tasks[name]()
            seconds[name].append(time.process_time() - start)
    return {name: values[1:] for name, values in seconds.items()}


def clock(names: list[str], n: int, rounds: int, steps: int = 1, temperature: float = TEMPERATURE) -> Entry:
    """Time losses, with their ratios to those that others are compared with."""
    pair = views(n)

    def run(loss: Loss) -> None:
        for _ in range(steps):
            step(loss, pair, temperature)

    for name in names:
        step(LOSSES[name], views(16))  # imports
    seconds = interleaved(rounds, {name: partial(run, LOSSES[name]) for name in names})
    return {
        name: {
            "median_ms": 1e3 * statistics.median(values) / steps,
            **{
                f"ratio_to_{base}": statistics.median(x / y for x, y in zip(values, seconds[base], strict=True))
                for base in (BASES if name.startswith("ours") else FIRST)
                if base in seconds and base != name
            },
        }
        for name, values in seconds.items()
    } | {"rounds": rounds}


def resident(key: str) -> int:
    """Read memory of this process in bytes: now (VmRSS) or at most (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"{key}:\s*(\d+)", status)[1])


def memory(name: str, n: int) -> Entry:
    """Measure how far memory rises in one step above what it was before."""
    step(LOSSES[name], views(16))
    pair = views(n)
    Path("/proc/self/clear_refs").write_text("5")  # the maximum starts anew
    before, start = resident("VmRSS"), time.perf_counter()
    try:
        step(LOSSES[name], pair)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        return {"failure": "out of memory"}
    return {"extra_mib": (resident("VmHWM") - before) / 2**20, "wall_seconds": time.perf_counter() - start}


def throughput(n: int, rounds: int) -> Entry:
    """Floating-point operations a second, beside those of one product of two matrices in the same rounds."""
    square, pair = torch.randn(2, 2048, 2048), views(n)
    work = {"torch.mm": 2 * 2048**3, "ours": 4 * (2 * n) ** 2 * D, "naive": 6 * (2 * n) ** 2 * D}
    tasks = {"torch.mm": partial(torch.mm, *square), **{k: partial(step, LOSSES[k], pair) for k in ("ours", "naive")}}
    rates = {k: [work[k] / t / 1e9 for t in values] for k, values in interleaved(rounds, tasks).items()}
    return {
        name: {
            "gflop": work[name] / 1e9,
            "gflop_per_second": statistics.median(values),
            "share_of_mm": statistics.median(x / y for x, y in zip(values, rates["torch.mm"], strict=True)),
        }
        for name, values in rates.items()
    }


def exact(pair: tuple[Tensor, Tensor], temperature: float) -> tuple[float, Tensor]:
    """Loss and gradient in float64, by whole rows: softplus of the negatives' log-sum-exp less the positive's logit."""
    z = torch.cat([leaf.detach() for leaf in pair]).double()
    norm, m = z.norm(dim=1, keepdim=True), len(z)
    u, loss, slope = z / norm, 0.0, torch.zeros_like(z)
    for i in torch.arange(m).split(256):
        row, partner = torch.arange(len(i)), (i + m // 2) % m
        similarity = u[i] @ u.T
        logits = (similarity - similarity[row, partner, None]) / temperature
        logits[row, i] = logits[row, partner] = -math.inf
        logits.clamp_(min=logits.amax(1, keepdim=True) - 200)  # exponentials that underflow are slow, and do not count
        log_sum = logits.logsumexp(1, keepdim=True)
        loss += torch.logaddexp(log_sum, torch.zeros_like(log_sum)).sum().item() / m
        share, scale = (logits - log_sum).exp(), log_sum.sigmoid() / (m * temperature)
        share[row, i] = share[row, partner] = 0
        share[row, partner] = -share.sum(1)
        slope[i] += scale * (share @ u)
        slope += share.T @ (scale * u[i])
    return loss, (slope - (slope * u).sum(1, keepdim=True) * u) / norm


def relative(error: float, size: float) -> float:
    return error / size if size else error * math.inf if error else 0.0


def errors(loss: Loss, pair: tuple[Tensor, Tensor], temperature: float, truth: tuple[float, Tensor]) -> Entry:
    """Relative errors of loss and gradient, or the name of what the loss raises."""
    try:
        value = step(loss, pair, temperature)
    except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        return {"failure": type(error).__name__}
    gradient, unit = torch.cat([leaf.grad for leaf in pair]).double(), truth[1].abs().amax().clamp(min=1e-300)
    return {
        "loss_error": relative(abs(value - truth[0]), truth[0]),
        # squares in the norm of a tiny gradient would underflow
        "gradient_error": relative(((gradient - truth[1]) / unit).norm().item(), (truth[1] / unit).norm().item()),
    }


def exactness(n: int, kind: str, dtype: str, temperatures: list[float]) -> Entry:
    """Compare losses of views of a type with the loss of the same views in float64."""
    pair = tuple(leaf.detach().to(getattr(torch, dtype)).requires_grad_() for leaf in views(n, kind))
    names = [name for name in ("ours", "lightly", "naive", "solo_learn", "torch_chunked") if name in LOSSES]
    found = {}
    for temperature in temperatures:
        truth = exact(pair, temperature)
        rows = {name: errors(LOSSES[name], pair, temperature, truth) for name in names}
        found[f"{temperature:g}"] = {"loss_nats": truth[0], **rows}
    return found


def exponentials(rounds: int) -> Entry:
    """Time the exponential of 6.4 million equal numbers, and the same after a clamp."""
    out, found = torch.empty(6_400_000), {}
    for argument in (-10, -80, -87, -95, -104):
        x = torch.full_like(out, argument)
        tasks = {
            "plain_ms": partial(torch.exp, x, out=out),
            "clamped_ms": lambda x=x: torch.clamp(x, min=-75, out=out).exp_(),
        }
        times = interleaved(rounds, tasks)
        found[f"{argument}"] = {name: 1e3 * statistics.median(values) for name, values in times.items()}
    return found


# Parts of the record


def child(task: Callable[..., Entry], *, allocator: str = "default", threads: int = 1, **arguments: object) -> Entry:
    """Measure in a new process."""
    ask = json.dumps({"task": task.__name__, "threads": threads, "arguments": arguments})
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    environment = {**kept, **ALLOCATORS[allocator], "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run([sys.executable, __file__, "--child", ask], env=environment, stdout=subprocess.PIPE)
    if done.returncode == -9:  # the system's way to refuse memory that it had promised
        return {"failure": "out of memory"}
    done.check_returncode()
    return json.loads(done.stdout.splitlines()[-1])


def answer(ask: str) -> None:
    """Take the measure that a parent asks for, and print it."""
    asked = json.loads(ask)
    resource.setrlimit(resource.RLIMIT_AS, (14 << 30, 14 << 30))
    torch.set_num_threads(asked["threads"])
    warnings.simplefilter("error")
    measures = {task.__name__: task for task in (clock, memory, throughput, exactness, exponentials)}
    print(json.dumps(measures[asked["task"]](**asked["arguments"])))


def installed(*names: str) -> list[str]:
    return [name for name in names if name in LOSSES]


def machine() -> Entry:
    """Describe what the record was measured on."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    describe = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(describe, capture_output=True, text=True, cwd=RECORD.parent)
    packages = ["torch", *(package for module, package in PACKAGES.items() if find_spec(module))]
    return {
        "commit": commit.stdout.strip() or "none",
        "processor": cpu[1] if cpu else platform.machine(),
        "device": "cpu",
        "cores": os.cpu_count(),
        "memory_gib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        "python": platform.python_version(),
        "tuned_allocator": " ".join(f"{key}={value}" for key, value in ALLOCATORS["tuned"].items()),
        "versions": {package: version(package) for package in packages},
    }


def times() -> Entry:
    """Time NT-Xent; small batches also in a tight loop, and the slowest peers on their own."""
    fast, tight = [name for name in NT_XENT if name not in CUBIC], installed("ours", "lightly", "naive")
    slow = installed("lightly", *CUBIC)
    found = {}
    large = [name for name in fast if name != "pml_supcon"]
    for allocator in ALLOCATORS:
        timed = partial(child, clock, allocator=allocator)
        found[allocator] = {
            **{f"N={n}": timed(names=fast, n=n, rounds=rounds) for n, rounds in ((256, 40), (1024, 12))},
            **{f"N={n}": timed(names=large, n=n, rounds=rounds) for n, rounds in ((4096, 6), (8192, 3))},
            "N=256, tight loop": timed(names=tight, n=256, rounds=20, steps=20),
            "N=256, slowest": timed(names=slow, n=256, rounds=1),
        }
    return found


def memories() -> Entry:
    """Measure the memory of NT-Xent, and of ours alone at sizes where a matrix of all pairs does not fit."""
    found = {f"N={n}": {name: extra(name, n) for name in NT_XENT} for n in (256, 1024, 4096, 8192)}
    for n in (16384, 32768, 100_000):
        found[f"N={n}"] = {
            "ours": {**child(memory, name="ours", n=n, threads=os.cpu_count()), "threads": os.cpu_count()}
        }
    for key, row in found.items():
        row["ours"]["law_mib"] = law(int(key[2:])) / 2**20
    return found


def extra(name: str, n: int) -> Entry:
    """Measure memory alone."""
    return {key: value for key, value in child(memory, name=name, n=n).items() if key != "wall_seconds"}


def law(n: int) -> float:
    """Bytes that a step of ours may take: four times the views, and 16 MB."""
    return 4 * (4 * 2 * n * D) + 16e6


def two_tower() -> Entry:
    """Time and memory of InfoNCE of two towers; the loss of one direction is another loss, shown for its time."""
    names, found = [*TWO_TOWER, *ONE_WAY], {}
    for n, rounds in ((4096, 8), (8192, 4)):
        for allocator in ALLOCATORS:
            found[f"N={n}, {allocator}"] = child(clock, allocator=allocator, names=names, n=n, rounds=rounds)
        found[f"N={n}, memory"] = {name: extra(name, n) for name in names}
    return found


def speed() -> Entry:
    """Rates of arithmetic, and the counts behind them."""
    found = {f"N={n}": child(throughput, n=n, rounds=rounds) for n, rounds in ((4096, 8), (8192, 4))}
    found["counts"] = {f"N={n}": counts(2 * n) for n in (256, 1024, 4096, 8192, 100_000)}
    return found


def counts(m: int) -> Entry:
    """Arithmetic and memory for m views, by dense matrices and by symmetric tiles that are computed twice."""
    return {
        "dense_gflop": (2 + 4) * m**2 * D / 1e9,
        "symmetric_gflop": (1 + 3) * m**2 * D / 1e9,
        "all_pairs_mib": 4 * m**2 / 2**20,
        "views_mib": 4 * m * D / 2**20,
        "law_mib": law(m // 2) / 2**20,
    }


def exactnesses() -> Entry:
    """Errors against float64: float32 over temperatures, and half precision."""
    temperatures = [0.5, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001, 1e-9]
    measured = partial(child, exactness, allocator="tuned", threads=os.cpu_count())  # quicker
    found = {kind: measured(n=2048, kind=kind, dtype="float32", temperatures=temperatures) for kind in KINDS}
    for kind in KINDS:
        for dtype in ("bfloat16", "float16"):
            found[f"{kind}, {dtype}, N=1024"] = measured(n=1024, kind=kind, dtype=dtype, temperatures=[0.1, 0.02])
    return found


def underflow() -> Entry:
    """Time exponentials that underflow, and losses at temperatures where they do."""
    names = installed("ours", "lightly", "naive")
    losses = {f"{t:g}": child(clock, names=names, n=1024, rounds=4, temperature=t) for t in (0.1, 0.02, 0.005, 0.001)}
    return {"exponential of": child(exponentials, rounds=10), "temperature": losses}


def processes() -> Entry:
    """Take the record of runs across processes."""
    if not find_spec("contrastive_processes"):
        print("contrastive_processes.py is not there: no runs across processes")
        return {}
    from contrastive_processes import record

    return record()


PARTS = {
    "machine": machine,
    "time": times,
    "memory": memories,
    "two_tower": two_tower,
    "speed": speed,
    "exactness": exactnesses,
    "underflow": underflow,
    "processes": processes,
}

# What is shown


def plain(value: object) -> object:
    """Round numbers to four digits, and name those that JSON lacks."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else str(value)
    return value


def natural(key: str) -> tuple[str, float]:
    """Sort names by their letters, and what has the same letters by its first number."""
    number = re.search(r"-?\d+(\.\d+)?(e-?\d+)?", key)
    return re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "", key, count=1), float(number[0]) if number else 0.0


def numbered(rows: list[Entry]) -> Iterator[tuple[str, Entry]]:
    """Name the rows of a list by their place."""
    return ((str(place), row) for place, row in enumerate(rows, 1))


def show(title: str, entry: Entry) -> None:
    """Print the innermost two levels as tables, and what is not in a table in lines."""
    entry = {key: dict(numbered(value)) if isinstance(value, list) else value for key, value in entry.items()}
    single = {key: value for key, value in entry.items() if not isinstance(value, dict)}
    if single:
        print(f"\n{title}: " + ", ".join(f"{key} {value}" for key, value in single.items()))
    rows = {key: entry[key] for key in sorted(entry.keys() - single.keys(), key=natural)}
    deep = {key: row for key, row in rows.items() if any(isinstance(value, dict) for value in row.values())}
    flat = {key: row for key, row in rows.items() if key not in deep}
    if flat:
        table(title, flat)
    for key, row in deep.items():
        show(f"{title}, {key}", row)


def table(title: str, rows: dict[str, Entry]) -> None:
    columns = sorted({column for row in rows.values() for column in row}, key=lambda column: (column != "name", column))
    wide = [max(len(column), *(len(str(row.get(column, ""))) for row in rows.values())) for column in columns]
    first = max(map(len, rows))
    print(f"\n{title}\n{'':{first}}  " + "  ".join(f"{c:>{w}}" for c, w in zip(columns, wide, strict=True)))
    for key, row in rows.items():
        cells = (f"{row.get(c, '')!s:>{w}}" for c, w in zip(columns, wide, strict=True))
        print(f"{key:{first}}  " + "  ".join(cells))


def at(entry: Entry, *path: str) -> float:
    """Look a number up; what is not there, or failed, is not a number."""
    for key in path:
        entry = entry.get(key, {}) if isinstance(entry, dict) else {}
    return math.nan if isinstance(entry, dict) else float(entry)


Target = tuple[str, float, str, float]


def time_targets(entry: Entry) -> Iterator[Target]:
    for allocator, bounds in (("default", (0.15, 0.25, 0.6)), ("tuned", (0.28, 0.42, 0.6))):
        for n in (4096, 8192):
            for base, bound in zip(("lightly", "naive", "torch_chunked"), bounds, strict=True):
                ratio = at(entry, allocator, f"N={n}", "ours", f"ratio_to_{base}")
                yield f"N={n}, {allocator} allocator, ours / {base}", ratio, "≤", bound
    for base, bound in (("lightly", 0.6), ("naive", 1.05)):
        ratio = at(entry, "default", "N=256, tight loop", "ours", f"ratio_to_{base}")
        yield f"N=256, tight loop, ours / {base}", ratio, "≤", bound


def memory_targets(entry: Entry) -> Iterator[Target]:
    for n in (256, 1024, 4096, 8192, 16384, 32768, 100_000):
        mib, bound = (at(entry, f"N={n}", "ours", key) for key in ("extra_mib", "law_mib"))
        yield f"N={n}, MiB", mib, "≤", bound
    yield "N=100000, GB", mib * 2**20 / 1e9, "≤", 0.5
    ours, lightly = (at(entry, "N=8192", name, "extra_mib") for name in ("ours", "lightly"))
    yield "N=8192, ours / lightly", ours / lightly, "≤", 0.01


def two_tower_targets(entry: Entry) -> Iterator[Target]:
    for n in (4096, 8192):
        ratio = at(entry, f"N={n}, default", "ours_info_nce", "ratio_to_torch_chunked_two")
        yield f"N={n}, time, ours / torch_chunked_two", ratio, "≤", 0.75
        ours, peer = (at(entry, f"N={n}, memory", k, "extra_mib") for k in ("ours_info_nce", "torch_chunked_two"))
        yield f"N={n}, memory, ours / torch_chunked_two", ours / peer, "≤", 1.3


def speed_targets(entry: Entry) -> Iterator[Target]:
    for n in (4096, 8192):
        yield f"N={n}, share of torch.mm", at(entry, f"N={n}", "ours", "share_of_mm"), "≥", 0.55


def exactness_targets(entry: Entry) -> Iterator[Target]:
    for kind in KINDS:
        for error in ("loss_error", "gradient_error"):
            yield f"{kind}, temperature 0.1, {error}", at(entry, kind, "0.1", "ours", error), "≤", 1e-6
    for t in ("0.02", "0.01", "0.005", "0.001", "1e-09"):
        found = partial(at, entry, "random", t)
        yield f"random, temperature {t}, loss_error", found("ours", "loss_error"), "≤", 2e-7
        ratio = found("ours", "gradient_error") / found("naive", "gradient_error")
        yield f"random, temperature {t}, gradient_error / naive's", ratio, "≤", 1.5
    yield "aligned, temperature 0.01, loss_error", at(entry, "aligned", "0.01", "ours", "loss_error"), "≤", 1e-5


def processes_targets(entry: Entry) -> Iterator[Target]:
    for row in entry["gradients"]:
        if row["source"] == "hw":
            name = f"{row['name']}, {row['processes']} processes, gradient_error"
            yield name, row["largest_relative_error"], "≤", 1e-9
    for row in entry["cost"]:
        if row["global_n"] == 8192 and row["allocator"] == "default":
            yield "N=8192, time, ours / lightly", row["wall_ratio_median"], "≤", 0.25
            yield "N=8192, memory, ours / lightly", row["memory_ratio"], "≤", 0.04


TARGETS = {
    "time": time_targets,
    "memory": memory_targets,
    "two_tower": two_tower_targets,
    "speed": speed_targets,
    "exactness": exactness_targets,
    "processes": processes_targets,
}


def verdicts(record: Entry) -> None:
    """Print whether each target is met; what failed, or has no peer to be compared with, is not."""
    print()
    found = [(part, target) for part in TARGETS if part in record for target in TARGETS[part](record[part])]
    for part, (name, value, sense, bound) in found:
        met = value <= bound if sense == "≤" else value >= bound
        print(f"{'met   ' if met else 'MISSED'} {part}, {name}: {value:.3g} {sense} {bound:.3g}")


def measure(record: Entry, part: str) -> None:
    """Take one part anew, and write the record."""
    date, load, start = datetime.now(UTC), os.getloadavg()[0], time.perf_counter()
    entry = plain(PARTS[part]())
    seconds = round(time.perf_counter() - start)
    record[part] = entry
    record.setdefault("runs", {})[part] = {
        "date": f"{date:%Y-%m-%d %H:%M}",
        "load_average_at_start": round(load, 2),
        "wall_seconds": seconds,
    }
    RECORD.write_text(json.dumps(record, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")
    show(part, entry)


def main() -> None:
    """Measure all parts, or one."""
    parser = argparse.ArgumentParser(description="Measure losses beside their peers.")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        answer(arguments.child)
        return
    missing = [package for module, package in PACKAGES.items() if not find_spec(module)]
    if missing:
        print(f"not installed, and left out: {', '.join(missing)}")
    record = json.loads(RECORD.read_text("utf-8")) if arguments.only and RECORD.exists() else {}
    if arguments.only and record and record.get("machine") != plain(machine()):
        sys.exit(
            f"{RECORD.name} is of another machine or of other versions: leave --only out, so that all is measured here"
        )
    for part in dict.fromkeys(("machine", arguments.only)) if arguments.only else PARTS:
        measure(record, part)
    verdicts(record)


if __name__ == "__main__":
    main()
