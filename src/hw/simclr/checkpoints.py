"""A training run in a file, from which it goes on as if it had never stopped."""

import io
import os
import warnings
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

from hw.simclr.training import Settings, Training, start

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(training: Training, path: Path) -> None:
    """Write a run into a file, in place of what is there; a reader finds the old or the new one, never a half.

    Raises:
        OSError: If the file cannot be written.
    """
    state = {
        "settings": asdict(training.settings),
        "model": training.model.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "generator": training.generator.get_state(),
        "losses": training.losses,
        "epoch": training.epoch,
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    path = path.resolve()  # what a link points to is replaced, and not the link
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        draft.write_bytes(buffer.getvalue())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def load_checkpoint(path: Path, settings: Settings) -> Training:
    """Read a run from a file.

    Args:
        path: What `save_checkpoint` has written.
        settings: What the run must have been made from.

    Raises:
        ValueError: If the file holds no run, or one of other settings.
        OSError: If the file cannot be read.

    Examples:
        >>> import tempfile, torch
        >>> from pathlib import Path
        >>> from hw.simclr import Settings, load_checkpoint, save_checkpoint, start
        >>> settings = Settings(temperature=0.5)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_checkpoint(start(settings), Path(folder, "run.pt"))
        ...     load_checkpoint(Path(folder, "run.pt"), settings).epoch
        0
    """
    data = path.read_bytes()
    try:
        with warnings.catch_warnings(action="ignore"):  # torch warns of what it then refuses
            training = _restored(torch.load(io.BytesIO(data), weights_only=True))
    except Exception as error:  # the reader of what is no such file fails in whatever way it happens to
        raise ValueError(f"checkpoint must be a file that a run has written, got {path}") from error
    for field in fields(Settings):
        before, now = getattr(training.settings, field.name), getattr(settings, field.name)
        if before != now:
            raise ValueError(f"{field.name} must be {before!r}, as in the checkpoint {path}, got {now!r}")
    return training


def _restored(state: dict[str, Any]) -> Training:
    settings = Settings(**state["settings"])
    training = start(settings, next(iter(state["model"].values())).dtype)
    training.model.load_state_dict(state["model"])
    training.optimizer.load_state_dict(state["optimizer"])
    training.generator.set_state(state["generator"])
    return replace(training, losses=list(state["losses"]), epoch=int(state["epoch"]))
