"""Density ratios fitted to samples: ours, scikit-learn's logistic regression and densratio's uLSIF, in one process.

    python benchmarks/density_ratio.py

p_0 is a standard normal law and p_1 differs from it along the diagonal, so log-ratio and divergence are known. All ways
get the same draws and the same folds; figures are means over the seeds. The mean squared error of the log-ratio, half
under each law, is that of the fit to all draws, at new points and at its own draws, and that of fits to the other
folds, at the draws left out. The Jensen–Shannon divergence is read off the last two; the error shown is the difference
to what the exact log-ratio gives on the same draws, which in expectation is the divergence, with its standard error
over the seeds. Log-ratios below log 1e-6 count as that, since uLSIF, which is fitted to the ratio, can give 0.

Then follow what is made of draws that the features separate, how far ours is from scikit-learn where both minimize one
loss, and the ratios of median processor times, on one thread. Peers take part where they are installed:
pip install "scikit-learn>=1.8" densratio==0.4.0
"""

import math
import platform
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch
from timing import medians
from torch import Tensor

from hw.divergences import js_normal
from hw.gan import fit_density_ratio, jsd_from_logits, log_density_ratio

SEEDS, FOLDS, NEW = 5, 5, 2000
FLOOR = math.log(1e-6)
PEERS = {"scikit-learn": "sklearn", "densratio": "densratio"}


def coordinates(x: Tensor) -> Tensor:
    return x


def quadratic(x: Tensor) -> Tensor:
    """Coordinates, squares and products."""
    rows, columns = torch.triu_indices(x.shape[1], x.shape[1])
    return torch.cat((x, x[:, rows] * x[:, columns]), -1)


class Case(NamedTuple):
    """Draws of N(0, I), and of a law that is a mixture of normals along the diagonal and N(0, I) across it."""

    name: str
    d: int
    sizes: tuple[int, int]
    features: Callable[[Tensor], Tensor]
    weights: list[float]
    means: list[float]
    stds: list[float]


CASES = [
    Case("1 apart", 1, (200, 200), coordinates, [1.0], [1.0], [1.0]),
    Case("2 apart", 5, (200, 200), coordinates, [1.0], [2.0], [1.0]),
    Case("2 apart, ten to one", 5, (500, 50), coordinates, [1.0], [2.0], [1.0]),
    Case("1 apart, std 2, quadratic", 1, (200, 200), quadratic, [1.0], [1.0], [2.0]),
    Case("1 apart, std 2, quadratic", 5, (200, 200), quadratic, [1.0], [1.0], [2.0]),
    Case("scale mixture, quadratic", 1, (200, 200), quadratic, [0.7, 0.3], [0.0, 0.0], [1.0, 3.0]),
    Case("1 apart, few draws", 5, (40, 40), coordinates, [1.0], [1.0], [1.0]),
]


class Fitted(NamedTuple):
    """Log-ratio at any points by the fit to all draws, and at the draws by fits that did not see them."""

    log_ratio: Callable[[Tensor], Tensor]
    held_out: tuple[Tensor, Tensor]


def diagonal(x: Tensor) -> Tensor:
    return x.sum(-1) / math.sqrt(x.shape[-1])


def draw(case: Case, sizes: tuple[int, int], rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw from both laws, in float64."""
    x_0, x_1 = (torch.randn(n, case.d, generator=rng, dtype=torch.float64) for n in sizes)
    weights, means, stds = torch.tensor([case.weights, case.means, case.stds], dtype=torch.float64)
    part = torch.multinomial(weights, sizes[1], replacement=True, generator=rng)
    height = diagonal(x_1)
    return x_0, x_1 + ((means[part] + (stds[part] - 1) * height) / math.sqrt(case.d))[:, None]


def exact_log_ratio(case: Case, x: Tensor) -> Tensor:
    height = diagonal(x)[:, None]
    weights, means, stds = torch.tensor([case.weights, case.means, case.stds], dtype=torch.float64)
    return (weights.log() - stds.log() - ((height - means) / stds) ** 2 / 2 + height**2 / 2).logsumexp(-1)


def exact_jsd(case: Case) -> float:
    """Divergence of the laws on the diagonal: the library's for two normals, the trapezoidal rule for the mixture."""
    if len(case.means) == 1:
        mean, std = torch.tensor([case.means, case.stds], dtype=torch.float64)
        return js_normal(torch.zeros_like(mean), torch.zeros_like(mean), mean, 2 * std.log()).item()
    x = torch.linspace(-60, 60, 100_001, dtype=torch.float64)
    log_ratio = exact_log_ratio(case._replace(d=1), x[:, None])
    log_p_0 = -(x**2) / 2 - math.log(2 * math.pi) / 2
    gains = torch.nn.functional.logsigmoid(torch.stack((-log_ratio, log_ratio)))
    masses = torch.stack((log_p_0, log_p_0 + log_ratio)).exp()
    return math.log(2) + torch.trapezoid((masses * gains).sum(0), x).item() / 2


def ours(case: Case, x_0: Tensor, x_1: Tensor, seed: int, *, ridge: float) -> Fitted:
    """Fit and cross-fit by the library, with the ridge a penalty on the loss that is summed, as scikit-learn has it."""
    fit = fit_density_ratio(
        x_0,
        x_1,
        penalty=ridge / (len(x_0) + len(x_1)),
        generator=torch.Generator().manual_seed(seed),
        folds=FOLDS,
        features=case.features,
    )
    return Fitted(fit.log_ratio, (fit.held_out_0, fit.held_out_1))


def folds(sizes: tuple[int, int], seed: int) -> list[Tensor]:
    """Draw the folds of both samples, as `fit_density_ratio` does from this seed."""
    rng = torch.Generator().manual_seed(seed)
    return [torch.randperm(n, generator=rng) % FOLDS for n in sizes]


def sklearn_logistic(case: Case, x_0: Tensor, x_1: Tensor, seed: int, *, scaled: bool, **options: object) -> Fitted:
    """Fit and cross-fit by scikit-learn; as sizes are multiples of the folds, all fits have one share of labels."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import PredefinedSplit, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    sizes = len(x_0), len(x_1)
    rows, labels = case.features(torch.cat((x_0, x_1))).numpy(), np.repeat([0, 1], sizes)
    model = LogisticRegression(**options)
    model = make_pipeline(StandardScaler(), model) if scaled else model
    split = PredefinedSplit(torch.cat(folds(sizes, seed)).numpy())
    logits = cross_val_predict(model, rows, labels, cv=split, method="decision_function")
    model.fit(rows, labels)

    def ratio(logits: np.ndarray) -> Tensor:
        return log_density_ratio(torch.from_numpy(logits), sizes[1] / sum(sizes), trusted=True)

    return Fitted(lambda x: ratio(model.decision_function(case.features(x).numpy())), ratio(logits).split(sizes))


def ulsif(x_0: Tensor, x_1: Tensor) -> Callable[[Tensor], Tensor]:
    """Fit the ratio by uLSIF, width and penalty by its own search; give its logarithm, of 0 or less minus infinity."""
    from densratio import densratio

    with np.errstate(divide="ignore"):  # it takes logarithms of its ratios too
        fit = densratio(x_1.numpy(), x_0.numpy(), verbose=False)
    return lambda x: torch.from_numpy(fit.compute_density_ratio(x.numpy())).clamp(0).log()


def densratio_ulsif(case: Case, x_0: Tensor, x_1: Tensor, seed: int) -> Fitted:
    """Fit and cross-fit by densratio, which draws its kernels' centers from NumPy's global generator."""
    np.random.set_bit_generator(np.random.MT19937(seed))
    parts = folds((len(x_0), len(x_1)), seed)
    held_out = torch.empty_like(x_0[:, 0]), torch.empty_like(x_1[:, 0])
    for fold in range(FOLDS):
        log_ratio = ulsif(x_0[parts[0] != fold], x_1[parts[1] != fold])
        for values, part, x in zip(held_out, parts, (x_0, x_1), strict=True):
            values[part == fold] = log_ratio(x[part == fold])
    return Fitted(ulsif(x_0, x_1), held_out)


def ways() -> dict[str, Callable[..., Fitted]]:
    """Name what takes part: ours, and the peers that are installed."""
    named = {"ours, penalty 0": partial(ours, ridge=0.0), "ours, penalty 1/n": partial(ours, ridge=1.0)}
    if find_spec("sklearn"):
        named["scikit-learn, C = inf"] = partial(sklearn_logistic, scaled=False, C=math.inf)
        named["scikit-learn, C = 1"] = partial(sklearn_logistic, scaled=False)
    if find_spec("densratio"):
        named["densratio, uLSIF"] = densratio_ulsif
    return named


def squared_error(case: Case, points: tuple[Tensor, Tensor], log_ratios: tuple[Tensor, Tensor]) -> float:
    """Mean squared error of log-ratios, half under each law."""
    errors = [(guess - exact_log_ratio(case, x)) for x, guess in zip(points, log_ratios, strict=True)]
    return sum(error.square().mean().item() for error in errors) / 2


def judge(case: Case, way: Callable[..., Fitted], seed: int) -> list[float]:
    """Give three squared errors, two errors of the divergence, and the shares of new ratios at 0 and at the floor."""
    rng = torch.Generator().manual_seed(seed)
    own, new = draw(case, case.sizes, rng), draw(case, (NEW, NEW), rng)
    fitted = way(case, *own, seed)
    raw = torch.cat([fitted.log_ratio(x) for x in new])
    at_own = [fitted.log_ratio(x).clamp(FLOOR) for x in own]
    crossed = [values.clamp(FLOOR) for values in fitted.held_out]
    exact = jsd_from_logits(*(exact_log_ratio(case, x) for x in own), trusted=True).value
    return [
        squared_error(case, new, raw.clamp(FLOOR).split(NEW)),
        *(squared_error(case, own, values) for values in (at_own, crossed)),
        *((jsd_from_logits(*values, trusted=True).value - exact).item() for values in (at_own, crossed)),
        *((raw <= low).double().mean().item() for low in (-math.inf, FLOOR)),
    ]


def accuracy(case: Case, named: dict[str, Callable[..., Fitted]]) -> None:
    """Print a case: a row a way."""
    print(f"\n{case.name}: d = {case.d}, {case.sizes[0]} and {case.sizes[1]} draws, JSD {exact_jsd(case):.4f}")
    print(f"{'':22}  MSE new      own  crossed    JSD, own draws     cross-fitted  new: ≤ 0   ≤ 1e-6")
    for name, way in named.items():
        table = torch.tensor([judge(case, way, seed) for seed in range(SEEDS)], dtype=torch.float64)
        mean, error = table.mean(0).tolist(), (table.std(0) / math.sqrt(SEEDS)).tolist()
        shown = "".join(f"{value:9.4f}" for value in mean[:3])
        shown += "".join(f"{mean[i]:+10.4f} ± {error[i]:.4f}" for i in (3, 4))
        shown += "".join(f"{share:10.2%}" for share in mean[5:])
        print(f"{name:22}{shown}")


def difference(case: Case, ridge: float) -> float:
    """Largest difference between our log-ratios and scikit-learn's where both minimize one loss, new and left out."""
    rng = torch.Generator().manual_seed(0)
    own, new = draw(case, case.sizes, rng), torch.cat(draw(case, (NEW, NEW), rng))
    fit = ours(case, *own, 0, ridge=ridge)
    peer = partial(sklearn_logistic, case, *own, 0, scaled=True, solver="newton-cholesky", tol=1e-13)
    c = 1 / ridge if ridge else math.inf
    whole, parts = peer(C=c), peer(C=c * FOLDS / (FOLDS - 1))  # our penalty is on the mean, theirs on the sum
    pairs = [(fit.log_ratio(new), whole.log_ratio(new)), *zip(fit.held_out, parts.held_out, strict=True)]
    return max((a - b).abs().max().item() for a, b in pairs)


def separated(named: dict[str, Callable[..., Fitted]]) -> None:
    """Print what is made of twenty draws of each of two laws six apart, which a line separates."""
    case = Case("6 apart", 2, (20, 20), coordinates, [1.0], [6.0], [1.0])
    own = draw(case, case.sizes, torch.Generator().manual_seed(0))
    for name, way in named.items():
        try:
            largest = max(way(case, *own, 0).log_ratio(x).abs().max().item() for x in own)
            print(f"separated draws, {name}: log-ratios to {largest:.1f}")
        except ValueError as error:
            print(f"separated draws, {name}: refused, {error}")


def times(case: Case, rounds: int, named: dict[str, Callable[..., Fitted]]) -> None:
    """Print the medians of a fit to all draws and one a fold, and the ratios of the first to the others."""
    own = draw(case, case.sizes, torch.Generator().manual_seed(0))
    first, *others = medians(rounds, *(partial(way, case, *own, 0) for way in named.values()))
    name, *names = named
    shown = f"{name} {first * 1e3:.3g} ms"
    for name, other in zip(names, others, strict=True):
        shown += f"; {name} {other * 1e3:.3g} ms, ours {first / other:.3g} × its time"
    print(f"{case.name}, d = {case.d}, {case.sizes[0]} and {case.sizes[1]} draws, {rounds} rounds: {shown}")


def timings(named: dict[str, Callable[..., Fitted]]) -> None:
    """Print times of ours beside scikit-learn's, with its own solver and with Newton's, and beside densratio's."""
    print(f"\nA fit to all draws and {FOLDS} to the other folds")
    fits = {"ours": named["ours, penalty 0"]}
    if find_spec("densratio"):
        times(CASES[4], 3, {**fits, "densratio": densratio_ulsif})
    if find_spec("sklearn"):
        fits["scikit-learn"] = named["scikit-learn, C = inf"]
        fits["its newton-cholesky"] = partial(fits["scikit-learn"], solver="newton-cholesky")
    for case, rounds in ((CASES[1], 30), (CASES[4], 30), (CASES[4]._replace(sizes=(20_000, 20_000)), 5)):
        times(case, rounds, fits)


def peers() -> list[str]:
    """Load the peers that are installed, keep linear algebra to one thread, and name the versions."""
    named = ["torch", "numpy"]
    for package, module in PEERS.items():
        if find_spec(module):
            import_module(module)  # before its threads are limited
            named.append(package)
        else:
            print(f"{package} is not installed and does not take part")
    torch.set_num_threads(1)
    if find_spec("threadpoolctl"):
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)
    return named


def main() -> None:
    """Print the tables."""
    versions = [f"{package} {version(package)}" for package in peers()]
    print(f"Python {platform.python_version()}, {', '.join(versions)}, one thread, means over {SEEDS} seeds")
    named = ways()
    for case in CASES:
        accuracy(case, named)
    print()
    separated(named)
    if find_spec("sklearn"):
        for ridge in (0.0, 10.0):
            largest = max(difference(case, ridge) for case in CASES)
            print(f"largest difference from scikit-learn, one loss, all cases, penalty {ridge:.0f} / n: {largest:.1e}")
    timings(named)


if __name__ == "__main__":
    main()
