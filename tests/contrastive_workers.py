"""Processes that compute contrastive losses together, and compare them with one process that has the whole batch.

    python tests/contrastive_workers.py {checks,die,hang}

Copies of one process that has imported torch, which takes most of the time, join by gloo on the loopback device.
Every check runs in the groups below. What went wrong is printed as JSON: for each job, of each process that ended
early its exit status and what it raised, and whether the job was not done in time.
"""

import json
import multiprocessing
import multiprocessing.connection
import os
import re
import sys
import tempfile
import time
import traceback
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import torch
import torch._dynamo  # which DistributedDataParallel imports: once here, not in every process
import torch.distributed as dist

from contrastive_cases import LOSSES, dense, error, float64, generator, value_and_gradient, views
from hw.contrastive import info_nce, nt_xent

PROCESSES = 3
GROUPS = [(0,), (0, 1), (1, 2), (0, 1, 2)]  # in the third, a rank in the group is none among all
EACH, FEATURES, D = 4, 6, 3
SECONDS = 45.0
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


# Comparisons


def whole(group, seed=0, noise=None):
    return views(EACH * group.size(), D, seed, noise)


def own(group, *batch):
    """This process's part of batches."""
    return tuple(z.chunk(group.size())[group.rank()] for z in batch)


def same(found, expected, tolerance):
    difference = error(found, expected)
    if not difference <= tolerance:
        raise AssertionError(f"differs by {difference:.1e}, more than {tolerance:.1e}")


@contextmanager
def must_be_seen(kind=AssertionError, told="differs by"):
    try:
        yield
    except kind as raised:
        if not re.search(told, str(raised)):
            raise AssertionError(f"raised {raised} where {told!r} was to be told") from raised
    else:
        raise AssertionError(f"nothing was raised where {told!r} was to be told")


@contextmanager
def tiles_of(length):
    from hw.contrastive import pairs

    before, pairs.TILE = pairs.TILE, length
    try:
        yield
    finally:
        pairs.TILE = before


def encoder():
    layer = torch.nn.Linear(FEATURES, D, dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64, generator=generator(7)))
    return layer


def encoded(layer, loss, x_a, x_b):
    """The loss of what the encoder makes of samples, and the gradient that its parameters have after backward."""
    value = loss(*layer(torch.cat((x_a, x_b))).chunk(2))
    value.backward()
    return value.detach(), torch.cat([parameter.grad.flatten() for parameter in layer.parameters()])


def averaged(gradient, group):
    gradient = gradient.clone()
    dist.all_reduce(gradient, group=group)
    return gradient / group.size()


# Checks, each called by every process of a group


@check
def the_loss_is_that_of_one_process_and_the_gradient_as_many_times_it(group):
    for loss, crossed in LOSSES.items():
        for temperature, tile in ((0.5, 512), (0.1, 3), (0.003, 3), (0.0005, 3), (0.0005, 512)):
            batch = whole(group)
            with tiles_of(tile):
                value, gradient = value_and_gradient(
                    partial(loss, temperature=temperature, group=group), *own(group, *batch)
                )
            expected, slopes = value_and_gradient(partial(dense, temperature=temperature, crossed=crossed), *batch)
            slopes = torch.cat(own(group, *slopes.view(2, -1, D))).flatten()
            same(value, expected, 1e-9)
            same(gradient, group.size() * slopes, 1e-9)
            if group.size() > 1:
                with must_be_seen():
                    same(gradient, slopes, 1e-9)
                with must_be_seen():
                    same(loss(*own(group, *batch), temperature), expected, 1e-3)


@check
def float32_and_less_are_as_exact_as_in_one_process(group):
    for loss in LOSSES:
        for dtype in (torch.float16, torch.float32):
            for temperature in (0.1, 0.003, 0.0005):
                batch = [z.to(dtype) for z in whole(group)]
                with tiles_of(3):
                    value, gradient = value_and_gradient(
                        partial(loss, temperature=temperature, group=group), *own(group, *batch)
                    )
                formula = partial(dense, temperature=temperature, crossed=LOSSES[loss])
                expected, slopes = value_and_gradient(formula, *(z.double() for z in batch))
                slopes = group.size() * torch.cat(own(group, *slopes.view(2, -1, D))).flatten()
                if (value.dtype, gradient.dtype) != (torch.float32, dtype):
                    raise AssertionError(f"types are {value.dtype} and {gradient.dtype}")
                same(value, expected, 1e-6)
                same(gradient, slopes, torch.finfo(dtype).eps * max(4, 0.2 / temperature))


@check
def small_losses_keep_their_digits(group):
    batch = whole(group, noise=0.01)
    for loss in LOSSES:
        for temperature in (0.03, 0.005):
            expected, slopes = value_and_gradient(partial(loss, temperature=temperature), *batch)
            value, gradient = value_and_gradient(
                partial(loss, temperature=temperature, group=group), *own(group, *batch)
            )
            same(value, expected, 1e-11)
            same(gradient, group.size() * torch.cat(own(group, *slopes.view(2, -1, D))).flatten(), 1e-9)


@check
def an_encoder_whose_gradient_is_averaged_learns_as_in_one_process(group):
    samples = torch.randn(2, EACH * group.size(), FEATURES, dtype=torch.float64, generator=generator(3)).unbind()
    for loss, crossed in LOSSES.items():
        formula = partial(dense, temperature=0.5, crossed=crossed)
        expected, gradient = encoded(encoder(), formula, *samples)
        across = partial(loss, temperature=0.5, group=group)
        layer = torch.nn.parallel.DistributedDataParallel(encoder(), process_group=group)
        for value, found in (
            encoded(layer, across, *own(group, *samples)),
            (expected, averaged(encoded(encoder(), across, *own(group, *samples))[1], group)),
        ):
            same(value, expected, 1e-9)
            same(found, gradient, 1e-9)
            if group.size() > 1:
                with must_be_seen():
                    same(found / group.size(), gradient, 1e-9)
                with must_be_seen():
                    same(found * group.size(), gradient, 1e-9)
        if group.size() > 1:  # without an exchange of views it is another loss
            with must_be_seen():
                alone = encoded(encoder(), partial(loss, temperature=0.5), *own(group, *samples))[1]
                same(averaged(alone, group), gradient, 1e-2)


@check
def a_temperature_is_learned_as_in_one_process(group):
    batch = whole(group)
    for loss, crossed in LOSSES.items():
        for temperature in (0.5, 0.003):
            tau = float64(temperature).requires_grad_()
            (expected,) = torch.autograd.grad(dense(*batch, tau, crossed), tau)
            leaves = [z.requires_grad_() for z in own(group, *(z.clone() for z in batch))]
            value = loss(*leaves, tau, group=group)
            (found,) = torch.autograd.grad(value, tau)
            same(averaged(found, group), expected, 1e-9)
            same(value, dense(*batch, tau, crossed), 1e-9)


@check
def every_process_gets_the_same_bits_and_twice_the_same(group):
    batch = [z.float() for z in own(group, *whole(group))]
    for loss in LOSSES:
        first, second = (value_and_gradient(partial(loss, temperature=0.1, group=group), *batch) for _ in range(2))
        values = [torch.empty_like(first[0]) for _ in range(group.size())]
        dist.all_gather(values, first[0], group)
        if not all(torch.equal(value, first[0]) for value in values):
            raise AssertionError(f"losses differ between processes: {values}")
        if not all(map(torch.equal, first, second)):
            raise AssertionError("a second call gives other bits")


@check
def the_order_of_the_samples_is_that_of_the_processes(group):
    """A process's views exchanged for those of the next one are another loss only if one batch's alone are."""
    z_a, z_b = whole(group)
    expected = dense(z_a, z_b, 0.5, False)
    moved = [z.roll(EACH, 0) for z in (z_a, z_b)]
    same(nt_xent(*own(group, *moved), 0.5, group=group), expected, 1e-9)
    if group.size() > 1:
        with must_be_seen():
            same(nt_xent(*own(group, moved[0], z_b), 0.5, group=group), expected, 1e-3)


@check
def what_is_no_number_in_one_process_is_seen_in_all(group):
    z_a, z_b = whole(group)
    z_a[-1, 0] = torch.nan
    for loss in LOSSES:
        value, gradient = value_and_gradient(partial(loss, temperature=0.5, group=group), *own(group, z_a, z_b))
        if not value.isnan() or not gradient.isnan().all():
            raise AssertionError("the loss or an entry of its gradient is a number")
    z_a[-1] = 0
    formula = value_and_gradient(partial(nt_xent, temperature=0.5), z_a, z_b)
    value, gradient = value_and_gradient(partial(nt_xent, temperature=0.5, group=group), *own(group, z_a, z_b))
    same(value, formula[0], 1e-12)
    same(gradient, group.size() * torch.cat(own(group, *formula[1].view(2, -1, D))).flatten(), 1e-9)


@check
def other_strides_and_a_batch_without_a_gradient(group):
    z_a, z_b = whole(group)
    of_b = value_and_gradient(partial(nt_xent, temperature=0.5), z_a, z_b)[1].view(2, -1, D)[1]
    first, second = own(group, z_a.T.contiguous().T, z_b.repeat_interleave(2, 1)[:, ::2])
    second = second.detach().requires_grad_()
    (found,) = torch.autograd.grad(nt_xent(first, second, 0.5, group=group), second)
    same(found, group.size() * own(group, of_b)[0], 1e-9)


@check
def a_sample_each_is_enough(group):
    batch = views(group.size(), D)
    for loss, crossed in LOSSES.items():
        value, gradient = value_and_gradient(partial(loss, temperature=0.5, group=group), *own(group, *batch))
        expected, slopes = value_and_gradient(partial(dense, temperature=0.5, crossed=crossed), *batch)
        if group.size() == 1:
            expected, slopes = float64(0), torch.zeros(2 * D)
        same(value, expected, 1e-9)
        same(gradient, group.size() * torch.cat(own(group, *slopes.view(2, -1, D))).flatten(), 1e-9)


@check
def a_group_of_one_process_is_as_none(group):
    if group.size() > 1:
        return
    for loss in LOSSES:
        for dtype in (torch.float16, torch.float32, torch.float64):
            batch = [z.to(dtype) for z in whole(group)]
            alone, together = (
                value_and_gradient(partial(loss, temperature=0.5, group=among), *batch) for among in (None, group)
            )
            if not all(map(torch.equal, alone, together)):
                raise AssertionError("other bits than without a group")


@check
def what_does_not_fit_together_is_refused_in_every_process(group):
    if group.size() == 1:
        return
    last = group.rank() == group.size() - 1
    z = torch.ones(3, 2)
    changed = {
        "z_a must have as many rows in every process, got 3(, 3)?, 4$": (torch.ones(4, 2), 0.1),
        "z_a must have as many features in every process, got 2(, 2)?, 1$": (torch.ones(3, 1), 0.1),
        "z_a must have the same type in every process, got (torch.float32, )+torch.float64$": (z.double(), 0.1),
        "temperature must be the same in every process, got (0.1, )+0.2$": (z, 0.2),
        "temperature must be the same in every process, got (0.1, )+0.1000000": (z, torch.tensor(0.1)),
    }
    for loss in LOSSES:
        for told, (other, temperature) in changed.items():
            views = [other if last else z] * 2
            with must_be_seen(ValueError, told):
                loss(*views, temperature if last else 0.1, group=group)
            same(loss(z, z, 0.1, group=group), loss(*[z.repeat(group.size(), 1)] * 2, 0.1), 1e-6)  # it goes on


@check
def what_one_process_refuses_all_refuse(group):
    last, z = group.rank() == group.size() - 1, torch.ones(3, 2)
    everyone = f"every process must have views and a temperature, got a refusal in process {group.size() - 1}$"
    for wrong, temperature, told in (
        (z, -1.0, "temperature must be a positive number, got -1.0"),
        (z.long(), 0.5, "z_a must be a floating-point tensor"),
        ("z", 0.5, "z_a must be a floating-point tensor, got str"),
    ):
        with must_be_seen(ValueError, told if last else everyone):
            nt_xent(wrong if last else z, z, temperature if last else 0.5, group=group)
        same(nt_xent(z, z, 0.5, group=group), nt_xent(*[z.repeat(group.size(), 1)] * 2, 0.5), 1e-6)


@check
def a_second_derivative_is_refused_across_processes_only(group):
    for loss in LOSSES:
        z_a, z_b = (z.clone().requires_grad_() for z in own(group, *whole(group)))
        value = loss(z_a, z_b, 0.5, group=group)
        slopes = torch.autograd.grad(value, (z_a, z_b), create_graph=True)
        total = sum(x.square().sum() for x in slopes)
        if group.size() == 1:
            torch.autograd.grad(total, z_a)
            continue
        told = "a second derivative of a contrastive loss can be taken in a single process only"
        with must_be_seen(RuntimeError, told):
            torch.autograd.grad(total, z_a)


def outsiders_are_refused(group):
    for loss in (nt_xent, info_nce):
        told = "group must be a group of torch.distributed that this process belongs to, or None, got "
        with must_be_seen(ValueError, told):
            loss(torch.ones(2, 2), torch.ones(2, 2), 0.5, group=group)


# Jobs


def checks(rank):
    """Run every check in every group; after the first that fails the processes are no longer in step."""
    groups = {ranks: dist.new_group(ranks) for ranks in GROUPS}
    groups["WORLD"] = dist.group.WORLD
    for ranks, group in groups.items():
        inside = ranks == "WORLD" or rank in ranks
        if ranks == "WORLD":
            some = [the_loss_is_that_of_one_process_and_the_gradient_as_many_times_it]
        else:
            some = CHECKS if inside else [outsiders_are_refused]
        for function in some:
            try:
                function(group)
            except Exception as raised:
                raised.add_note(f"{function.__name__} in group {ranks}")
                raise
        dist.barrier()


def die(rank):
    if rank == 1:
        raise ArithmeticError("on purpose")
    dist.barrier()


def hang(rank):
    if rank == 1:
        time.sleep(3600)
    dist.barrier()


def child(job, rank, folder, seconds):
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    try:
        store = dist.FileStore(str(Path(folder, "store")), PROCESSES)
        later = timedelta(seconds=seconds + 60)  # than the end that is waited for
        dist.init_process_group("gloo", store=store, rank=rank, world_size=PROCESSES, timeout=later)
        job(rank)
        dist.barrier()  # nobody leaves while another still sends
    except Exception:
        Path(folder, f"{rank}.txt").write_text(traceback.format_exc())
        raise SystemExit(1) from None
    dist.destroy_process_group()


def launch(job, seconds):
    """Run a job in every process, and gather what went wrong; the first that dies ends all."""
    wrong, end = {}, time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.get_context("fork")
        processes = [
            context.Process(target=child, args=(job, rank, folder, seconds), daemon=True) for rank in range(PROCESSES)
        ]
        for process in processes:
            process.start()
        while any(process.exitcode is None for process in processes) and not any(p.exitcode for p in processes):
            if time.monotonic() > end:
                wrong["time"] = f"{job.__name__} did not end within {seconds:g} seconds"
                break
            multiprocessing.connection.wait([p.sentinel for p in processes if p.exitcode is None], timeout=0.2)
        for rank, process in enumerate(processes):
            if process.exitcode:
                wrong[f"exit of process {rank}"] = process.exitcode
            process.kill()
            process.join()
        for report in sorted(Path(folder).glob("*.txt")):
            wrong[f"process {report.stem}"] = report.read_text()
    return wrong


if __name__ == "__main__":
    jobs = {"checks": (checks, SECONDS), "die": (die, SECONDS), "hang": (hang, 0.5)}
    print(json.dumps({name: launch(*jobs[name]) for name in sys.argv[1:]}))
