"""Slow, obvious loops straight from the definitions; they share no code with the library."""

import math


def path_counts_by_walking(masks, size, pixel):
    """Number of ways back from an output pixel to each input pixel, one step a layer, never off the map."""
    paths = {pixel: 1}
    for mask in reversed(masks):
        before = {}
        for (row, column), count in paths.items():
            for i, line in enumerate(mask):
                for j, entry in enumerate(line):
                    place = (row + i - len(mask) // 2, column + j - len(line) // 2)
                    if entry and 0 <= place[0] < size[0] and 0 <= place[1] < size[1]:
                        before[place] = before.get(place, 0) + count
        paths = before
    return tuple(tuple(paths.get((row, column), 0) for column in range(size[1])) for row in range(size[0]))


def receptive_field_by_paths(masks, size, pixel):
    """Input pixels from which at least one path leads to the output pixel, as a grid of booleans."""
    return tuple(tuple(count > 0 for count in line) for line in path_counts_by_walking(masks, size, pixel))


def gated_layer_by_loops(kind, vertical, horizontal, parameters):
    """Both stacks after one layer of the Gated PixelCNN, one channel each; parameters by name, as nested lists."""
    height, width = len(vertical), len(vertical[0])
    kernel = {name.removesuffix(".weight"): value for name, value in parameters.items() if name.endswith(".weight")}
    bias = {name.removesuffix(".bias"): value for name, value in parameters.items() if name.endswith(".bias")}
    half = len(kernel["vertical"][0][0][0]) // 2

    def read(image, row, column):
        return image[row][column] if 0 <= row < height and 0 <= column < width else 0.0

    def gate(value, gate):
        return math.tanh(value) / (1 + math.exp(-gate))

    def rows_up_to(row, column, unit):
        total = bias["vertical"][unit]
        for up in range(half + 1):
            for right in range(-half, half + 1):
                total += kernel["vertical"][unit][0][half - up][half + right] * read(vertical, row - up, column + right)
        return total

    def row_and_rows_above(row, column, unit):
        total = bias["horizontal"][unit] + bias["vertical_to_horizontal"][unit]
        for left in range(1 if kind == "A" else 0, half + 1):
            total += kernel["horizontal"][unit][0][0][half - left] * read(horizontal, row, column - left)
        if row > 0:
            for other in (0, 1):
                total += kernel["vertical_to_horizontal"][unit][other][0][0] * rows_up_to(row - 1, column, other)
        return total

    new_vertical = [[0.0] * width for _ in range(height)]
    new_horizontal = [[0.0] * width for _ in range(height)]
    for row in range(height):
        for column in range(width):
            new_vertical[row][column] = gate(*(rows_up_to(row, column, unit) for unit in (0, 1)))
            gated = gate(*(row_and_rows_above(row, column, unit) for unit in (0, 1)))
            out = bias["horizontal_out"][0] + kernel["horizontal_out"][0][0][0][0] * gated
            new_horizontal[row][column] = out + (horizontal[row][column] if kind == "B" else 0)
    return new_vertical, new_horizontal


def contrast_by_loops(z_a, z_b, temperature, crossed):
    """NT-Xent, or InfoNCE between two towers where `crossed`: the loss, and its gradient in each vector of both lists.

    An anchor's loss is log(1 + sum of exp((s_k - s_positive) / temperature)) over its negatives k, so a small one keeps
    its digits.
    """
    units, norms = [], []
    for vector in (*z_a, *z_b):
        norms.append(math.sqrt(math.fsum(x * x for x in vector)))
        units.append([x / norms[-1] for x in vector])
    count, half = len(units), len(z_a)
    cosines = [[math.fsum(x * y for x, y in zip(u, v, strict=True)) for v in units] for u in units]
    losses, of_cosines = [], [[0.0] * count for _ in range(count)]
    for anchor in range(count):
        positive = (anchor + half) % count
        negatives = [k for k in range(count) if k not in (anchor, positive)]
        if crossed:
            negatives = [k for k in negatives if (k < half) != (anchor < half)]
        surplus = [(cosines[anchor][k] - cosines[anchor][positive]) / temperature for k in negatives]
        largest = max([0.0, *surplus])
        exponentials = [math.exp(x - largest) for x in surplus]
        total = math.fsum(exponentials)
        losses.append(math.log1p(total) if largest == 0 else largest + math.log(math.exp(-largest) + total))
        for k, e in zip(negatives, exponentials, strict=True):
            slope = e / (math.exp(-largest) + total) / temperature / count
            of_cosines[anchor][k] += slope
            of_cosines[anchor][positive] -= slope
    gradient = []
    for i, u in enumerate(units):
        weights = [of_cosines[i][k] + of_cosines[k][i] for k in range(count)]
        of_u = [math.fsum(w * v[c] for w, v in zip(weights, units, strict=True)) for c in range(len(u))]
        along = math.fsum(x * y for x, y in zip(of_u, u, strict=True))
        gradient.append([(x - along * y) / norms[i] for x, y in zip(of_u, u, strict=True)])
    return math.fsum(losses) / count, gradient
