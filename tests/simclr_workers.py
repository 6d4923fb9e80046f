"""Processes that train SimCLR together, and compare themselves with one process that has the whole batch.

    python tests/simclr_workers.py FOLDER [OPTIONS OF A LONG RUN]

Prints JSON: what went wrong, as `contrastive_workers.py` does, whose launcher this takes; and what the command did that
was stopped, and the one in processes of torchrun; both leave a run in the folder. All are copies of one process that
has imported torch.
"""

import copy
import importlib
import io
import json
import os
import resource
import signal
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from torch.nn.parallel import DistributedDataParallel

from commands import become
from contrastive_cases import generator
from contrastive_workers import PROCESSES, launch, must_be_seen, same
from hw.contrastive import nt_xent
from hw.simclr import AUGMENTATIONS, Settings, batch_loss, start, train, two_views

SECONDS = 45.0
SETTINGS = Settings(temperature=0.3, batch_size=6, epochs=2, augmentations=tuple(AUGMENTATIONS), seed=2)


def pictures(n):
    return torch.rand(n, 1, 8, 8, dtype=torch.float64, generator=generator(5))


def gradient(network, loss):
    network.zero_grad()
    loss.backward()
    return torch.cat([parameter.grad.flatten().clone() for parameter in network.parameters()])


def losses_and_gradients(group):
    images = pictures(12)
    alone = start(SETTINGS, torch.float64).model
    alone.encoder[0].register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    together = DistributedDataParallel(copy.deepcopy(alone), process_group=group)
    seen = []
    expected = batch_loss(alone, images, SETTINGS, generator(1))
    source = generator(1)
    value = batch_loss(together, images, SETTINGS, source, group)
    if seen != [24, 24 // group.size()]:
        raise AssertionError(f"encoded {seen[-1]} views")
    same(value, expected, 1e-12)
    if not torch.equal(torch.rand(3, generator=source), after_views(images)):
        raise AssertionError("other draws than for the views of the whole batch")
    slopes, found = gradient(alone, expected), gradient(together, value)
    same(found, slopes, 1e-12)

    views = [view.chunk(group.size())[group.rank()] for view in two_views(images, SETTINGS.augmentations, generator(1))]
    own = nt_xent(*together(torch.cat(views)).chunk(2), SETTINGS.temperature)  # no other process's views are negatives
    with must_be_seen():
        same(gradient(together, own), slopes, 1e-2)
    with must_be_seen(ValueError, f"images must be a multiple of the number of processes, {group.size()}, got 7"):
        batch_loss(together, pictures(7), SETTINGS, generator(), group)


def after_views(images):
    source = generator(1)
    two_views(images, SETTINGS.augmentations, source)
    return torch.rand(3, generator=source)


def whole_runs(group):
    images = pictures(14)
    alone = train(images, start(SETTINGS, torch.float64))
    together = start(SETTINGS, torch.float64)
    train(images, together, epochs=1, group=group)
    train(images, together, group=group)
    same(torch.tensor(together.losses), torch.tensor(alone.losses), 1e-9)
    weights, expected = (
        torch.cat([parameter.detach().flatten() for parameter in run.model.parameters()]) for run in (together, alone)
    )
    same(weights, expected, 1e-8)  # Adam divides roundings by small slopes
    first = weights.clone()
    dist.broadcast(first, dist.get_global_rank(group, 0), group)
    if not torch.equal(first, weights):
        raise AssertionError("weights differ between processes")
    with must_be_seen():
        same(
            torch.cat([p.detach().flatten() for p in start(SETTINGS, torch.float64).model.parameters()]), expected, 1e-3
        )
    odd = start(Settings(temperature=0.3, batch_size=7), torch.float64)
    with must_be_seen(ValueError, f"batch_size must be a multiple of the number of processes, {group.size()}, got 7"):
        train(images, odd, group=group)


def checks(rank):
    """In two processes, and in three."""
    for ranks, group in (((0, 1), dist.new_group((0, 1))), (range(PROCESSES), dist.group.WORLD)):
        if rank in ranks:
            losses_and_gradients(group)
            whole_runs(group)
        dist.barrier()


def called(folder, *arguments):
    """The command in a process: its exit status, output and errors."""
    from hw.simclr.__main__ import main

    os.chdir(folder)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(list(arguments))
        except SystemExit as end:
            status = end.code
    return status, out.getvalue(), err.getvalue()


def stopped(folder, *arguments):
    """The same of the command that gets Ctrl-C when its first epoch is kept."""
    kept, out, err = (Path(folder, name) for name in ("stopped.pt", "out", "err"))
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in the background
        become("hw.simclr", resource.RLIM_INFINITY, [*arguments, "--checkpoint", kept.name], folder, out, err)
    while not kept.exists() and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.01)
    os.kill(child, signal.SIGINT)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, out.read_text(), err.read_text()


def torchrun(processes, folder, *arguments):
    """What the command does in processes that torchrun's own agent copies and joins, each with its rank."""
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id="simclr",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        start_method="fork",
        monitor_interval=0.1,
        local_addr="localhost",
        logs_specs=DefaultLogsSpecs(log_dir=f"{folder}/logs"),
    )
    found = elastic_launch(config, called)(folder, *arguments)
    return [found[rank] for rank in range(processes)]


if __name__ == "__main__":
    for name in ("sklearn.datasets", "sklearn.linear_model", "sklearn.model_selection"):
        importlib.import_module(name)  # here once, not in every process
    folder, *many_epochs = sys.argv[1:]
    done = {"stopped": stopped(folder, *many_epochs)}
    done["learned"] = torchrun(2, folder, "--epochs", "1", "--draws", "1")
    done["refused"] = torchrun(PROCESSES, folder, "--batch-size", "250", "--checkpoint", "refused.pt")
    print(json.dumps({**done, "wrong": launch(checks, SECONDS)}))
