r"""The importance-weighted bound with so many draws that they cannot all be kept, in nats.

The draws come in chunks. Each is reduced to its largest log-weight and the sum of its weights, and dropped; backward
draws all of them once more, from the recorded state of the random generator, and differentiates one at a time. What
stays alive besides one chunk is that state, those two numbers a chunk, and the tensors that the log-weights depend on.

These tensors are found, not declared: a chunk's graph ends at leaves and at results older than the chunk. In backward
each chunk is computed from copies of them, so that its gradient ends there, and the sum of the gradients goes on once.

References:
    Burda, Grosse and Salakhutdinov (2016), *Importance Weighted Autoencoders*, <https://arxiv.org/abs/1509.00519>.
    Chen et al. (2016), *Training Deep Nets with Sublinear Memory Cost*, <https://arxiv.org/abs/1604.06174>.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.autograd.graph import Node, get_gradient_edge
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from hw.arguments import check_callable, check_count, check_floating, check_generator
from hw.bounds.weights import at_least_float32, iwlb, normalize, relative_weights

__all__ = ["streaming_iwlb"]

Sampler = Callable[[int, torch.Generator], Tensor]
Edge = tuple[Node, int]


def streaming_iwlb(sample_log_w: Sampler, k: int, generator: torch.Generator, *, chunk: int = 1024) -> Tensor:
    r"""Log of the mean weight of $k$ draws in memory that one chunk of them takes, in nats.

    The value and its gradient are those of `iwlb(sample_log_w(k, generator), 0)` for the same draws. Anything that
    `sample_log_w` closes over is differentiated: parameters, modules, results of other computations, if these were
    made in the thread that calls it. On the CPU, with `chunk` a multiple of 16, and with one call of a torch sampler
    in `sample_log_w` whose first axis is the draws, such as `torch.randn(n, ..., generator=generator)`, the draws too
    are the same, and `generator` ends in the same state; otherwise they are other draws of the same law.

    `sample_log_w` runs once a chunk (for the first chunk up to three times), and once more a chunk in backward, so it
    should not count its calls or update statistics. It may differentiate inside; then each chunk builds its graph in
    forward too. Differentiating the gradient again (`create_graph=True`) is right, but keeps all $k$ draws. A
    reentrant `torch.utils.checkpoint` inside is not supported.

    Randomness is checked as far as it is seen: of other generators only the global one of the CPU is watched, and only
    where there is more than one chunk is a repetition compared with the first time, to 1000 rounding errors.

    Args:
        sample_log_w: Maps `(n, generator)` to the log-weights of `n` draws of $q$, shape `(n, ...)`; all randomness
            comes from the generator that it is given.
        k: Number of draws.
        generator: Source of the draws; it is advanced past them, and backward does not touch it.
        chunk: Number of draws held at a time; the last chunk may have up to 15 more.

    Returns:
        The bound, shape `(...)`; it requires grad if the log-weights do.

    Raises:
        ValueError: If `k` or `chunk` is not a positive integer or `generator` not a generator; if `sample_log_w` is not
            callable, does not return `n` log-weights in a floating-point tensor of one shape, draws from the global
            generator or from `generator` itself, keeps results from one call to the next, or reads a result by no torch
            function; in backward, if it does not return again what it returned before, if it hands a tensor whose copy
            would be needed to something else than a torch function, such as `apply` of an autograd function, or if it
            depends on a tensor that its first chunk did not depend on, as a `streaming_iwlb` of more than one chunk
            does inside the `sample_log_w` of another.

    Examples:
        The proposal is the posterior, so that every weight is the evidence:

        >>> import torch
        >>> from hw.bounds import streaming_iwlb
        >>> generator = torch.Generator().manual_seed(0)
        >>> streaming_iwlb(lambda n, generator: torch.full((n,), -2.0), 10_000, generator).item()
        -2.0

    References:
        Burda et al. (2016), equation 8, <https://arxiv.org/abs/1509.00519>.
    """
    check_callable("sample_log_w", sample_log_w)
    check_count("k", k)
    check_count("chunk", chunk)
    check_generator(generator)
    sizes = list(_sizes(int(k), int(chunk)))
    with _only_source(generator) as source:
        if len(sizes) == 1:
            return iwlb(_draw(sample_log_w, sizes[0], source), 0)
        replay = _Replay(sample_log_w, sizes, source)
        table = _reduce(replay, source)
    return _Streamed.apply(replay, table, *replay.tensors.values())


class _Replay:
    """All that it takes to draw the chunks again."""

    def __init__(self, sample_log_w: Sampler, sizes: list[int], source: torch.Generator) -> None:
        self.sample_log_w, self.sizes = sample_log_w, sizes
        self.state, self.device = source.get_state(), source.device
        kinds = sorted({"cpu", source.device.type})
        self.autocast = [(kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)) for kind in kinds]
        self.tensors: dict[Edge, Tensor] = {}  # what the log-weights depend on
        self.makes_leaves = False  # whether a chunk makes leaves of its own, which are no use to anyone else
        self.needs_graph: bool | None = None  # whether it draws only where gradients are recorded, once that is known
        self.read = WeakIdKeyDictionary()  # leaves that the draws were seen to read, and whether they required grad
        self.birth = 0  # count of the graph's nodes when backward began

    def draw(self, n: int, source: torch.Generator) -> Tensor:
        """Log-weights of the next chunk, under the autocast of the first time."""
        with ExitStack() as contexts:
            for kind, dtype, enabled in self.autocast:
                # A cache would carry casts of parameters from one chunk to the next.
                contexts.enter_context(torch.autocast(kind, dtype, enabled, cache_enabled=False))
            return _draw(self.sample_log_w, n, source)

    def refuse_unknown(self, edges: set[Edge]) -> None:
        """Refuse a chunk that depends on what the first one did not depend on: its gradient would be lost.

        No gradient is lost of a leaf that was a constant in forward, nor of one that the chunk itself made.
        """
        for node, _ in edges:
            required = self.read.get(node.variable) if _is_leaf(node) else True
            if required or (required is None and not self.makes_leaves):
                raise ValueError(
                    "sample_log_w must depend on the same tensors in every chunk, in backward too, so that the first "
                    "one shows them all, got a chunk that depends on another (or one streaming_iwlb in another)"
                )

    def chunks(self, copies: list[Tensor]) -> Iterator[Tensor]:
        """Log-weights of all chunks, in order, made from copies of the tensors."""
        self.birth, source = _newest(), _generator_at(self.state, self.device)
        swap = _Swap(dict(zip(map(id, self.tensors.values()), copies, strict=True)))
        for n in self.sizes:
            with swap:
                log_w = self.draw(n, source)
            yield log_w
            del log_w  # before the next chunk comes


class _Streamed(torch.autograd.Function):
    @staticmethod
    def forward(replay: _Replay, table: Tensor, *tensors: Tensor) -> Tensor:
        terms, top = relative_weights(table[:, 0], 0)
        return (terms.mul_(table[:, 1]).sum(0) / sum(replay.sizes)).log_().add_(top[0])

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[_Replay | Tensor, ...], output: Tensor) -> None:
        ctx.replay, table, *_ = inputs
        ctx.save_for_backward(table)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (table,) = ctx.saved_tensors
        tensors, twice = ctx.replay.tensors, torch.is_grad_enabled()
        with torch.enable_grad():
            # A gradient ends at the copies: it neither runs the hooks of a tensor nor goes on to another tensor.
            copies = [t.view_as(t) if twice else t.detach().requires_grad_() for t in tensors.values()]
            if twice:  # the gradient is to be differentiated: all chunks stay
                log_ws = list(ctx.replay.chunks(copies))
                again = torch.stack([_reduced(log_w)[0] for log_w in log_ws])
                bound = iwlb(torch.cat(log_ws), 0)
                gradients = _gradients(bound, ctx.replay, copies, grad_outputs=gradient, create_graph=True)
            else:
                gradients, again = _sum_of_gradients(ctx.replay, copies, _shares(table) * gradient)
        _refuse_another(again, table)
        return None, None, *gradients


def _reduce(replay: _Replay, source: torch.Generator) -> Tensor:
    """Largest log-weight of each chunk and the sum of the weights over it, shape `(chunks, 2, ...)`."""
    for i, n in enumerate(replay.sizes):
        reduced = _reduce_one(replay, n, source)
        if i == 0:
            # One table for all chunks: small tensors that outlive a chunk would split the memory that the next needs.
            table = reduced.new_empty(len(replay.sizes), *reduced.shape)
        _refuse_another_kind(table[0], reduced)
        table[i] = reduced
    return table


def _reduce_one(replay: _Replay, n: int, source: torch.Generator) -> Tensor:
    if replay.needs_graph is False:  # the tensors are known from the first chunk; backward refuses others
        with torch.no_grad():
            return _reduced(replay.draw(n, source))[0]
    birth, state = _newest(), source.get_state()
    log_w = replay.draw(n, source)
    reduced, _ = _reduced(log_w)
    edges = _inputs(log_w, birth)
    if edges - replay.tensors.keys():
        del log_w
        replay.tensors |= _look_up(edges, replay, n, state, reduced)
        if replay.needs_graph is None:
            replay.needs_graph = replay.makes_leaves or not _draws_without_graph(replay, n, state, reduced)
    return reduced


@torch.no_grad()
def _reduced(log_w: Tensor) -> tuple[Tensor, Tensor]:
    """Largest log-weight and sum of the weights over it, shape `(2, ...)`; and the normalized weights."""
    terms, top = relative_weights(log_w, 0)
    return torch.stack([top[0], terms.sum(0)]), normalize(terms, 0)


def _shares(table: Tensor) -> Tensor:
    """Share of each chunk in the sum of the weights."""
    sums = normalize(relative_weights(table[:, 0], 0)[0], 0) * table[:, 1]
    return sums / sums.sum(0).clamp(min=torch.finfo(sums.dtype).tiny)  # 0 / 0 if every weight is zero


def _sum_of_gradients(replay: _Replay, copies: list[Tensor], shares: Tensor) -> tuple[list[Tensor | None], Tensor]:
    table = shares.new_empty(len(shares), 2, *shares.shape[1:])
    total: list[Tensor | None] = [None] * len(copies)
    for i, log_w in enumerate(replay.chunks(copies)):
        table[i], weights = _reduced(log_w)
        # As grad_outputs the weights would make torch import sympy; an infinite value of the sum is not read.
        parts = _gradients((log_w * weights.mul_(shares[i])).sum(), replay, copies)
        total = list(map(_add, total, parts))
        del log_w
    return total, table


def _gradients(output: Tensor, replay: _Replay, copies: list[Tensor], **options: object) -> list[Tensor | None]:
    """Gradients by the tensors, through their copies and through those that were read in spite of these."""
    if not output.requires_grad:
        return [None] * len(copies)
    tensors = replay.tensors
    copied = {get_gradient_edge(tensor)[:2] for tensor in copies}
    known = copied | tensors.keys()
    met = _meets([get_gradient_edge(output)[:2]], lambda edge: edge in known or _is_input(edge[0], replay.birth))
    direct = met & tensors.keys()
    replay.refuse_unknown(met - known)
    _refuse_tangled(direct, tensors, twice=bool(options))
    read = [tensors[edge] for edge in direct]
    found = torch.autograd.grad(output, [*copies, *read], allow_unused=True, **options)
    extra = dict(zip(direct, found[len(copies) :], strict=True))
    return [_add(gradient, extra.get(edge)) for edge, gradient in zip(tensors, found, strict=False)]


def _add(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return b if a is None else a if b is None else a + b


def _newest() -> int:
    """Count of the graph's nodes so far: a node with a smaller number was there before."""
    with torch.inference_mode(False), torch.enable_grad():
        return torch.zeros((), requires_grad=True).clone().grad_fn._sequence_nr()


def _inputs(log_w: Tensor, birth: int) -> set[Edge]:
    """Edges at which the graph of a chunk meets leaves and tensors that are older than it."""
    start = [get_gradient_edge(log_w)[:2]] if log_w.requires_grad else []
    return _meets(start, lambda edge: _is_input(edge[0], birth))


def _meets(start: Iterable[Edge], is_end: Callable[[Edge], bool]) -> set[Edge]:
    """Ends that a walk up the graph meets first."""
    ends, seen, to_visit = set(), set(), list(start)
    while to_visit:
        edge = to_visit.pop()
        if edge[0] and edge not in seen:
            seen.add(edge)
            if is_end(edge):
                ends.add(edge)
            else:
                to_visit.extend(edge[0].next_functions)
    return ends


def _look_up(edges: set[Edge], replay: _Replay, n: int, state: Tensor, reduced: Tensor) -> dict[Edge, Tensor]:
    """Tensors of the edges, by a second run. A leaf that the chunk itself made is another one then, and of no use."""
    birth = _newest()
    with _Watch(birth) as watch:
        log_w = replay.draw(n, _generator_at(state, replay.device))
    _refuse_another(_reduced(log_w)[0], reduced)
    again = _inputs(log_w, birth)
    replay.makes_leaves |= bool(edges ^ again)
    replay.read.update(watch.read)
    if not all(_is_leaf(node) for node, _ in edges ^ again):
        raise ValueError(
            "sample_log_w must keep no result from one call to the next so that each chunk can be drawn again alone, "
            "got a second call that read what the first one had made"
        )
    found = {edge: edge[0].variable if _is_leaf(edge[0]) else watch.seen.get(edge) for edge in edges & again}
    if any(tensor is None for tensor in found.values()):
        raise ValueError(
            "sample_log_w must read what it depends on by torch operations so that it can be differentiated, "
            "got a tensor that none of them was seen to read"
        )
    return found


def _draws_without_graph(replay: _Replay, n: int, state: Tensor, reduced: Tensor) -> bool:
    """Whether the same comes without recording gradients; not so where the draws are differentiated inside."""
    try:
        with torch.no_grad():
            again, _ = _reduced(replay.draw(n, _generator_at(state, replay.device)))
    except Exception:  # of any type, as the function is the caller's; it has just run twice with gradients recorded
        return False
    return _same(again, reduced)


class _Watch(TorchFunctionMode):
    """Remembers the results of earlier computations, older than `birth`, and the leaves that torch functions read."""

    def __init__(self, birth: int) -> None:
        super().__init__()
        self.birth = birth
        self.seen: dict[Edge, Tensor] = {}
        self.read = WeakIdKeyDictionary()

    def __torch_function__(
        self, func: Callable[..., object], types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        for tensor in tree_leaves((args, kwargs)):
            if isinstance(tensor, Tensor) and tensor.grad_fn is None:
                self.read[tensor] = tensor.requires_grad or self.read.get(tensor, False)
            elif isinstance(tensor, Tensor) and tensor.grad_fn._sequence_nr() < self.birth:
                self.seen[tensor.grad_fn, tensor.output_nr] = tensor
        return func(*args, **kwargs or {})


class _Swap(TorchFunctionMode):
    """Lets torch functions read copies, found by the identity of the tensor; runs at every operation, so no pytree."""

    def __init__(self, copies: dict[int, Tensor]) -> None:
        super().__init__()
        self.copies = copies

    def __torch_function__(
        self, func: Callable[..., object], types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        if kwargs:
            return func(*map(self._swapped, args), **{name: self._swapped(value) for name, value in kwargs.items()})
        return func(*map(self._swapped, args))

    def _swapped(self, value: object) -> object:
        if type(value) in (list, tuple):
            return type(value)(map(self._swapped, value))
        return self.copies.get(id(value), value)


def _is_leaf(node: Node) -> bool:
    return node.name() == "torch::autograd::AccumulateGrad"


def _is_input(node: Node, birth: int) -> bool:
    return _is_leaf(node) or node._sequence_nr() < birth


def _same(again: Tensor, before: Tensor) -> bool:
    # Sums on a GPU may differ by rounding from run to run; other draws differ by much more.
    tolerance = 1e3 * torch.finfo(before.dtype).eps
    same_kind = (again.shape, again.dtype) == (before.shape, before.dtype)
    return same_kind and torch.allclose(again, before, rtol=tolerance, atol=tolerance, equal_nan=True)


def _refuse_another(again: Tensor, before: Tensor) -> None:
    if not _same(again, before):
        raise ValueError(
            "sample_log_w must return the same log-weights from the same state of its generator so that the gradient "
            "is that of the value, got others (other randomness, or a change of what it reads)"
        )


def _refuse_tangled(direct: set[Edge], tensors: dict[Edge, Tensor], *, twice: bool) -> None:
    """Refuse reading around the copies what has hooks, which would run once a chunk, or depends on one another."""
    tangled = any(_meets(node.next_functions, direct.__contains__) for node, _ in direct)
    hooked = any(tensors[edge]._backward_hooks or tensors[edge].retains_grad for edge in direct)
    if direct and (tangled or hooked or twice):
        raise ValueError(
            "sample_log_w must hand what has hooks, what depends on what it reads elsewhere, and what is "
            "differentiated twice to torch functions first so that these can read a copy (call apply on "
            "tensor.view_as(tensor)), got a function that read the tensor itself"
        )


def _refuse_another_kind(first: Tensor, other: Tensor) -> None:
    if (first.shape, first.dtype) != (other.shape, other.dtype):
        raise ValueError(
            "sample_log_w must return the same shape and type for every chunk, "
            f"got {tuple(first.shape[1:])}, {first.dtype} and {tuple(other.shape[1:])}, {other.dtype}"
        )


def _draw(sample_log_w: Sampler, n: int, source: torch.Generator) -> Tensor:
    log_w = sample_log_w(n, source)
    check_floating("sample_log_w must return", log_w)
    if log_w.shape[:1] != (n,):
        raise ValueError(f"sample_log_w must return {n} draws on the first axis, got shape {tuple(log_w.shape)}")
    return at_least_float32(log_w)


def _sizes(k: int, chunk: int) -> Iterator[int]:
    """Sizes of the chunks; fewer than 16 last draws join the chunk before them, for torch draws those differently."""
    while k:
        n = k if k < chunk + 16 else chunk
        yield n
        k -= n


@contextmanager
def _only_source(generator: torch.Generator) -> Iterator[torch.Generator]:
    """Lend a copy of the generator and advance the generator by it; refuse draws from itself or the global one."""
    others = [generator, torch.default_generator]
    before = [other.get_state() for other in others]
    source = _generator_at(before[0], generator.device)
    yield source
    if not all(torch.equal(other.get_state(), state) for other, state in zip(others, before, strict=True)):
        raise ValueError("sample_log_w must draw from the generator that it is given only, got draws from another one")
    generator.set_state(source.get_state())


def _generator_at(state: Tensor, device: torch.device) -> torch.Generator:
    return torch.Generator(device).set_state(state)
