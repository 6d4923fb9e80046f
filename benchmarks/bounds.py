"""The importance-weighted bound at k = 100,000: streaming against keeping every draw, side by side in one process.

    python benchmarks/bounds.py

The model is a normal proposal for 16 data in 8 latent dimensions; a run is the bound and its gradient, in float32.
Rounds alternate between the ways; ratios are of median processor times, on one thread. Memory is
the peak of the resident set above what was there before the run, each in a process of its own. Pyro's RenyiELBO takes
part where it is installed.
"""

import math
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from timing import medians

from hw.bounds.streaming import streaming_iwlb
from hw.bounds.weights import iwlb

K, DATA, LATENT = 100_000, 16, 8
ROUNDS = 3
DRAW = torch.Generator()


def problem(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Give the observations and the proposal's parameters, mean and log-deviation."""
    seed = torch.Generator().manual_seed(0)
    x, mean, log_std = torch.randn(3, DATA, LATENT, generator=seed, dtype=torch.float64).to(dtype)
    return x, [(0.5 * mean).requires_grad_(), (0.1 * log_std - 0.3).requires_grad_()]


def sampler(x: torch.Tensor, parameters: list[torch.Tensor]) -> Callable[[int, torch.Generator], torch.Tensor]:
    """Log-weights of z ~ N(0, I), x | z ~ N(z, I) under the proposal, reparameterized, as one would write them."""
    mean, log_std = parameters

    def sample_log_w(n: int, generator: torch.Generator) -> torch.Tensor:
        noise = torch.randn(n, DATA, LATENT, generator=generator).to(x.dtype)
        z = mean + log_std.exp() * noise
        log_joint = -((z**2 + (x - z) ** 2) / 2 + math.log(2 * math.pi))
        return (log_joint + noise**2 / 2 + log_std + math.log(2 * math.pi) / 2).sum(-1)

    return sample_log_w


def gradient(value: torch.Tensor, parameters: list[torch.Tensor]) -> list[torch.Tensor]:
    return [value.detach(), *torch.autograd.grad(value.sum(), parameters)]


def streaming(dtype: torch.dtype = torch.float32, k: int = K) -> list[torch.Tensor]:
    x, parameters = problem(dtype)
    return gradient(streaming_iwlb(sampler(x, parameters), k, DRAW.manual_seed(1)), parameters)


def dense(dtype: torch.dtype = torch.float32, k: int = K) -> list[torch.Tensor]:
    x, parameters = problem(dtype)
    log_w = sampler(x, parameters)(k, DRAW.manual_seed(1))
    return gradient(log_w.logsumexp(0) - math.log(k), parameters)


def pyro_vectorized(k: int = K) -> None:
    """Bound and gradient of pyro's RenyiELBO at alpha 0, which is the importance-weighted bound."""
    import pyro
    from pyro import distributions
    from pyro.infer import RenyiELBO

    x, (mean, log_std) = problem()

    def model() -> None:
        with pyro.plate("data", DATA):
            z = pyro.sample("z", distributions.Normal(torch.zeros_like(x), 1.0).to_event(1))
            pyro.sample("x", distributions.Normal(z, 1.0).to_event(1), obs=x)

    def guide() -> None:
        with pyro.plate("data", DATA):
            pyro.sample("z", distributions.Normal(mean, log_std.exp()).to_event(1))

    RenyiELBO(0.0, num_particles=k, max_plate_nesting=1, vectorize_particles=True).loss_and_grads(model, guide)


WAYS = {"streaming": streaming, "dense": dense, "pyro": pyro_vectorized}


def resident(field: str) -> float:
    """Read a size of this process in MB: VmRSS now, VmHWM at its peak."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) / 1024


def print_peak(way: str) -> None:
    """Print the memory that a run takes above what runs with fewer draws leave."""
    torch.set_num_threads(1)
    WAYS[way](k=2048)  # loads what torch loads at first use
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak to the present size
    before = resident("VmRSS")
    WAYS[way]()
    print(resident("VmHWM") - before)


def peak(way: str) -> float:
    command = [sys.executable, __file__, way]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(3)]
    return statistics.median(map(float, runs))


def difference(one: list[torch.Tensor], other: list[torch.Tensor]) -> float:
    """Largest error of the gradients, over the largest entry."""
    return max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(one[1:], other[1:], strict=True))


def log_mean_exp_ratio(std: float, dim: int) -> float:
    shape = (100_000, 64)
    log_w = std * torch.randn(shape, generator=torch.Generator().manual_seed(2))
    ours, torchs = medians(ROUNDS, lambda: iwlb(log_w, dim), lambda: log_w.logsumexp(dim))
    print(f"log-mean-exp of {shape} over axis {dim}, std {std}: {ours * 1e3:.0f} ms, {ours / torchs:.2f} × logsumexp")
    return ours / torchs


def main() -> None:
    """Print the figures, and whether each target is met."""
    torch.set_num_threads(1)
    print(f"Python {platform.python_version()}, torch {torch.__version__}, one thread, medians of {ROUNDS} rounds")
    ways = list(WAYS) if find_spec("pyro") else ["streaming", "dense"]
    times = dict(zip(ways, medians(ROUNDS, *(WAYS[way] for way in ways)), strict=True))
    peaks = {way: peak(way) for way in ways}
    for way in ways:
        ratio = times["streaming"] / times[way]
        print(f"{way}: {times[way] * 1e3:.0f} ms, {peaks[way]:.1f} MB; streaming takes {ratio:.2f} × its time")
    exact = dense(torch.float64)
    errors = [difference([t.double() for t in way()], exact) for way in (streaming, dense)]
    print(f"gradient against float64: streaming {errors[0]:.1e}, dense {errors[1]:.1e} of its largest entry")
    wide = [log_mean_exp_ratio(30.0, dim) for dim in (0, 1)]
    narrow = [log_mean_exp_ratio(std, dim) for std in (1.0, 5.0) for dim in (0, 1)]
    targets = [
        ("streaming: at most 0.6 × the time of dense logsumexp", times["streaming"] <= 0.6 * times["dense"]),
        ("streaming: at most 5 MB", peaks["streaming"] <= 5),
        ("streaming: gradient within 1e-4 of float64", errors[0] <= 1e-4),
        ("log-mean-exp: at most 0.3 × logsumexp at std 30", max(wide) <= 0.3),
        ("log-mean-exp: at most 1.25 × logsumexp at std 1 and 5", max(narrow) <= 1.25),
    ]
    if "pyro" in times:
        targets.append(("streaming: at most 0.5 × the time of pyro", times["streaming"] <= 0.5 * times["pyro"]))
    else:
        print("pyro is not installed: pip install --no-deps pyro-ppl pyro-api opt-einsum tqdm")
    for target, met in targets:
        print(f"{'met   ' if met else 'MISSED'} {target}")


if __name__ == "__main__":
    print_peak(sys.argv[1]) if sys.argv[1:] else main()
