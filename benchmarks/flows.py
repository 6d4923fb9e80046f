"""Planar flows and masked autoregressive flows against other libraries, side by side in one process.

    python benchmarks/flows.py

A run is a value and its gradient in float32, on one thread; rounds alternate between the libraries, and ratios are of
median processor times. The planar cases that break other forms of the log-determinant are computed by all. Peers take
part where they are installed: pip install --no-deps normflows pyro-ppl pyro-api opt-einsum zuko tqdm
"""

import math
import platform
from collections.abc import Callable
from importlib.util import find_spec

import torch
from timing import medians

from hw.flows import Compose, Flow, MaskedAutoregressive, Permute, Planar, StandardNormal

ROUNDS = 300
NONE = math.nan


def ours_planar(w: torch.Tensor, free: torch.Tensor, b: torch.Tensor) -> Planar:
    """Make a planar flow from what an optimizer moves, as the peers take it."""
    planar = Planar(w, torch.zeros_like(w), b)
    with torch.no_grad():
        planar.free.copy_(free)
    return planar


def peer_planar(w: torch.Tensor, free: torch.Tensor, b: torch.Tensor) -> dict[str, tuple[torch.nn.Module, Callable]]:
    """Give modules of the peers with a function of the points to image and log-determinant."""
    peers = {}
    if find_spec("normflows"):
        from normflows.flows import Planar as NormflowsPlanar

        module = NormflowsPlanar((len(w),), u=free[None].clone(), w=w[None].clone(), b=b.reshape(1).clone())
        peers["normflows"] = (module, module)
    if find_spec("pyro"):
        from pyro.distributions.transforms import Planar as PyroPlanar

        planar = PyroPlanar(len(w))
        with torch.no_grad():
            planar.bias.copy_(b.reshape(1)), planar.w.copy_(w), planar.u.copy_(free)

        def push(u: torch.Tensor, planar: torch.nn.Module = planar) -> tuple[torch.Tensor, torch.Tensor]:
            x = planar(u)
            return x, planar.log_abs_det_jacobian(u, x)

        peers["pyro"] = (planar, push)
    return peers


def planar_ratio(features: int) -> float:
    """Time image, log-determinant and gradients of one planar map, on 4,096 points."""
    rng = torch.Generator().manual_seed(0)
    w, free, points = (torch.randn(*shape, generator=rng) for shape in ((features,), (features,), (4096, features)))
    ours = ours_planar(w, free, torch.tensor(0.3))
    ways = {"ours": (ours, ours.forward_and_log_det), **peer_planar(w, free, torch.tensor(0.3))}

    def task(module: torch.nn.Module, push: Callable) -> Callable[[], object]:
        def run() -> None:
            module.zero_grad()
            leaf = points.clone().requires_grad_()
            x, log_det = push(leaf)
            (x.sum() + log_det.sum()).backward()

        return run

    times = dict(zip(ways, medians(ROUNDS, *(task(*way) for way in ways.values())), strict=True))
    print(f"planar, d = {features}: " + ", ".join(f"{name} {value * 1e6:.0f} µs" for name, value in times.items()))
    return times["ours"] / times.get("normflows", NONE)


def truth(product: float, height: float) -> float:
    """Evaluate log(tanh² + c sech²) with Python's own numbers, c the softplus of the product, or 1 where w is zero."""
    tanh_squared, sech_squared = math.tanh(height) ** 2, 1 / math.cosh(height) ** 2
    slope = math.log1p(math.exp(product)) if product > -700 else 0.0
    return math.log(tanh_squared + (1.0 if math.isnan(product) else slope) * sech_squared)


CASES = {  # name: w, free vector, point
    "w·u = 100": ([1.0, 0.0], [100.0, 0.0], [0.0, 0.3]),
    "w·u = -20, at its plane": ([1.0, 0.0], [-20.0, 0.0], [0.0, 0.3]),
    "w·u = -40, at its plane": ([1.0, 0.0], [-40.0, 0.0], [0.0, 0.3]),
    "w·u = -200, at its plane": ([1.0, 0.0], [-200.0, 0.0], [0.0, 0.3]),
    "w·z = 200": ([1.0, 0.0], [1.0, 0.0], [200.0, 0.3]),
    "w = 0": ([0.0, 0.0], [1.0, 1.0], [0.0, 0.3]),
}


def failures() -> dict[str, int]:
    """Count the cases in which a value is wrong by more than 1e-5, or a value or gradient is not finite."""
    counts = {}
    for name, (w, free, point) in CASES.items():
        w, free, point = map(torch.tensor, (w, free, point))
        product = (w @ free).item() if w.any() else math.nan
        expected, shown = truth(product, (w @ point).item()), []
        ours = ours_planar(w, free, torch.tensor(0.0))
        ways = {"ours": (ours, ours.forward_and_log_det), **peer_planar(w, free, torch.tensor(0.0))}
        for library, (module, push) in ways.items():
            _, log_det = push(point[None])
            log_det.sum().backward()
            gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
            finite = log_det.isfinite().all() and all(gradient.isfinite().all() for gradient in gradients)
            wrong = not finite or abs(log_det.item() - expected) > 1e-5 * max(1, abs(expected))
            counts[library] = counts.get(library, 0) + wrong
            shown.append(
                f"{library} {log_det.item():.6g}{'' if finite else ', not finite'}{' (wrong)' if wrong else ''}"
            )
        print(f"{name}: {expected:.6g}; " + "; ".join(shown))
    return counts


def maf_ratio() -> float:
    """Time the log-density and its gradient of five autoregressive maps in 16 dimensions, on 1,024 points."""
    rng = torch.Generator().manual_seed(0)
    points = torch.randn(1024, 16, generator=rng)
    layers = [MaskedAutoregressive(16, [64, 64], generator=rng) for _ in range(5)]
    reverse = [Permute(range(15, -1, -1)) for _ in range(4)]
    flow = Flow(
        StandardNormal(16), Compose(*(each for pair in zip(layers, reverse, strict=False) for each in pair), layers[-1])
    )
    ways = {"ours": (flow, flow.log_prob)}
    if find_spec("zuko"):
        import zuko

        peer = zuko.flows.MAF(16, transforms=5, hidden_features=(64, 64))
        ways["zuko"] = (peer, lambda x: peer().log_prob(x))

    def task(module: torch.nn.Module, log_prob: Callable) -> Callable[[], object]:
        def run() -> None:
            module.zero_grad()
            log_prob(points).mean().backward()

        return run

    times = dict(zip(ways, medians(ROUNDS, *(task(*way) for way in ways.values())), strict=True))
    print("MAF, d = 16: " + ", ".join(f"{name} {value * 1e3:.2f} ms" for name, value in times.items()))
    return times["ours"] / times.get("zuko", NONE)


def main() -> None:
    """Print the figures, and whether each target is met."""
    torch.set_num_threads(1)
    print(f"Python {platform.python_version()}, torch {torch.__version__}, one thread, medians of {ROUNDS} rounds")
    counts = failures()
    print("cases missed: " + ", ".join(f"{name} {count} of {len(CASES)}" for name, count in counts.items()))
    ratios = [planar_ratio(features) for features in (2, 64)]
    maf = maf_ratio()
    print(f"planar {ratios[0]:.2f} and {ratios[1]:.2f} × normflows, MAF {maf:.2f} × zuko")
    for target, met in [
        ("planar: all six cases right", counts["ours"] == 0),
        ("planar: at most 1.35 × the time of normflows", max(ratios) <= 1.35),
        ("MAF density: at most the time of zuko", maf <= 1),
    ]:
        print(f"{'met   ' if met else 'MISSED'} {target}")


if __name__ == "__main__":
    main()
