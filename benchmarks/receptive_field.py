"""Receptive fields of a 20-layer PixelCNN: exact sets against gradient probing, side by side in one process.

    python benchmarks/receptive_field.py

Probing differentiates one output at a time in float64 with all weights 1, which is the only probe that stays right at
depth. Where probing every pixel would take hours, a sample is timed and scaled up, and the row says so. Rounds
alternate between the two ways; ratios are of median processor times, on one thread.
"""

import platform
import random

import numpy as np
import torch
from timing import medians

from hw.masks import mask
from hw.receptive_field import receptive_field, receptive_fields

MASKS = [mask("A", 3)] + [mask("B", 3)] * 19
ROUNDS = 5


def network() -> torch.nn.Module:
    """Build the linear network of the masks with every kept weight 1."""
    layers = []
    for rows in MASKS:
        layer = torch.nn.Conv2d(1, 1, 3, padding=1, bias=False, dtype=torch.float64)
        layer.weight.data[0, 0] = torch.tensor(rows)
        layers.append(layer.requires_grad_(False))
    return torch.nn.Sequential(*layers)


def probe(stack: torch.nn.Module, side: int, pixel: tuple[int, int]) -> np.ndarray:
    """Find the inputs of an output by its gradient."""
    image = torch.zeros(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    stack(image)[0, 0, pixel[0], pixel[1]].backward()
    return image.grad[0, 0].numpy() > 0


def compare(stack: torch.nn.Module, side: int, sample: int) -> float:
    """Time both ways for all pixels of a map, print the row, return probing over exact."""
    rng = random.Random(0)
    corners = [(0, 0), (0, side - 1), (side - 1, 0), (side - 1, side - 1)]
    pixels = corners + [(rng.randrange(side), rng.randrange(side)) for _ in range(sample - 4)]
    table = receptive_fields(MASKS, (side, side))
    agree = all((probe(stack, side, pixel) == table[pixel]).all() for pixel in pixels)
    exact, probing = medians(
        ROUNDS, lambda: receptive_fields(MASKS, (side, side)), lambda: [probe(stack, side, pixel) for pixel in pixels]
    )
    one_exact, one_probed = medians(
        ROUNDS, lambda: receptive_field(MASKS, (side, side), pixels[-1]), lambda: probe(stack, side, pixels[-1])
    )
    probing *= side**2 / sample
    print(
        f"{side}×{side}: all pixels {exact * 1e3:.1f} ms exactly, {probing:.1f} s by probing (scaled up from {sample}, "
        f"which agree: {agree}), ratio {probing / exact:,.0f}; "
        f"one pixel {one_exact * 1e3:.2f} ms exactly, {one_probed * 1e3:.2f} ms by probing"
    )
    return probing / exact


def main() -> None:
    """Print the table, and whether each target is met."""
    torch.set_num_threads(1)
    stack = network()
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}"
    print(f"{versions}, one thread, medians of {ROUNDS} rounds")
    table, pixels = receptive_fields(MASKS, (64, 64)), [divmod(place, 64) for place in range(64 * 64)]
    wrong = sum(not (probe(stack, 64, pixel) == table[pixel]).all() for pixel in pixels)
    print(f"64×64: {wrong} of {len(pixels)} pixels differ from the full Jacobian")
    small, middle = compare(stack, 64, 64), compare(stack, 256, 13)
    times = medians(ROUNDS, lambda: receptive_fields(MASKS, (256, 256)), lambda: receptive_fields(MASKS, (1024, 1024)))
    print(f"1024×1024: {times[1] / times[0]:.2f} × the time of 256×256")
    for target, met in (
        ("no pixel differs", wrong == 0),
        ("64×64: at least 200 × probing", small >= 200),
        ("256×256: at least 20,000 × probing", middle >= 20_000),
        ("1024×1024: at most 1.5 × the time of 256×256", times[1] <= 1.5 * times[0]),
    ):
        print(f"{'met   ' if met else 'MISSED'} {target}")


if __name__ == "__main__":
    main()
