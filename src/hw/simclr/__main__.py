"""Train SimCLR on handwritten digits: `python -m hw.simclr`.

In two processes that share each batch: `torchrun --nproc-per-node 2 -m hw.simclr`.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

import torch
import torch.distributed as dist
from tqdm import tqdm

from hw.arguments import check_count
from hw.simclr.checkpoints import load_checkpoint, save_checkpoint
from hw.simclr.digits import Digits, load_digits
from hw.simclr.evaluation import label_efficiency, linear_accuracy
from hw.simclr.networks import HEADS, SimCLR
from hw.simclr.training import Settings, Training, check_batch, start, train
from hw.simclr.views import AUGMENTATIONS

USUAL = Settings(temperature=0.2)
DRAWS = 10  # of the labeled examples


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        fail(message)


def main(arguments: list[str] | None = None) -> int:
    """Train, go on with a run that was stopped, or evaluate one that is done; 2 for what cannot be, 130 for Ctrl-C."""
    options = parser().parse_args(arguments)
    for name, value in vars(options).items():
        if isinstance(value, list):  # what argparse makes of `--name=--`
            fail(f"--{name.replace('_', '-')} must have a value, got --")
    try:
        settings = Settings(
            temperature=options.temperature,
            augmentations=tuple(name for name in options.augmentations.split(",") if name),
            head=options.head,
            batch_size=options.batch_size,
            epochs=options.epochs,
            learning_rate=options.learning_rate,
            seed=options.seed,
        )
        check_count("draws", options.draws)
        training = begin(options.checkpoint, settings, options.fresh)
        digits = load_digits(torch.Generator().manual_seed(settings.seed))
        return in_processes(digits, training, options.checkpoint, options.draws)
    except ModuleNotFoundError as error:
        fail(f"needs scikit-learn, which is not installed ({error}); pip install scikit-learn")
    except (ValueError, OSError) as error:
        fail(str(error))


def parser() -> argparse.ArgumentParser:
    """What the command understands."""
    found = _Parser(
        prog="python -m hw.simclr",
        description="Train SimCLR on the handwritten digits of scikit-learn, and evaluate its representation with few "
        "and with all labels. Every epoch the run is saved; stopped by Ctrl-C, the same command goes on with it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    found.add_argument("--temperature", type=float, default=USUAL.temperature, help="of NT-Xent")
    listed = ",".join(USUAL.augmentations)
    found.add_argument("--augmentations", default=listed, help=f"some of {','.join(AUGMENTATIONS)}")
    found.add_argument("--head", default=USUAL.head, help=f"one of {', '.join(HEADS)}")
    found.add_argument("--batch-size", type=int, default=USUAL.batch_size, help="pictures, of all processes together")
    found.add_argument("--epochs", type=int, default=USUAL.epochs, help="passes over the 1,000 pictures")
    found.add_argument("--learning-rate", type=float, default=USUAL.learning_rate, help="of Adam, at batch 250")
    found.add_argument("--seed", type=int, default=USUAL.seed, help="of digits, weights and views")
    found.add_argument("--draws", type=int, default=DRAWS, help="of the few labeled examples")
    found.add_argument("--checkpoint", type=Path, default=Path("simclr.pt"), help="where the run is kept")
    found.add_argument("--fresh", action="store_true", help="begin anew, whatever the checkpoint holds")
    return found


def begin(path: Path, settings: Settings, fresh: bool) -> Training:
    """The run that the checkpoint holds, or a new one; a place that cannot be written to is told before the work."""
    is_other = path.exists() and not path.is_file()
    if is_other or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise ValueError(f"checkpoint must be a file in a folder that can be written to, got {path}")
    if fresh or not path.exists():
        return start(settings)
    try:
        return load_checkpoint(path, settings)
    except ValueError as error:
        raise ValueError(f"{error}; --fresh begins anew, --checkpoint takes another file") from error


def in_processes(digits: Digits, training: Training, path: Path, draws: int) -> int:
    """Train with the other processes, if `torchrun` has started some."""
    if not dist.is_torchelastic_launched():
        return run(digits, training, path, draws)
    dist.init_process_group("gloo")
    try:
        return run(digits, training, path, draws, dist.group.WORLD)
    finally:
        dist.destroy_process_group()


def run(digits: Digits, training: Training, path: Path, draws: int, group: dist.ProcessGroup | None = None) -> int:
    """Train with a progress bar, saving after every epoch, and print what the representation is worth."""
    settings = training.settings
    if training.epoch and is_first():
        print(f"{path}: going on after epoch {training.epoch} of {settings.epochs}", file=sys.stderr)
    check_batch(digits.train_images, training, group)  # before there is a bar
    saved = training.epoch
    bar = tqdm(total=settings.epochs, initial=saved, unit="epoch", disable=None if is_first() else True)

    def after_epoch(training: Training) -> None:
        nonlocal saved
        if is_first():
            save_checkpoint(training, path)
        saved = training.epoch
        bar.set_postfix(loss=f"{training.losses[-1]:.3f}", refresh=False)
        bar.update()

    try:
        with bar:
            train(digits.train_images, training, after_epoch=after_epoch, group=group)
    except KeyboardInterrupt:
        if is_first():
            kept = f"the same command goes on after epoch {saved}, kept in {path}" if saved else "no epoch was done"
            print(f"hw.simclr: stopped; {kept}", file=sys.stderr)
        return 130
    if is_first():
        report(digits, training.model, draws, settings.seed)
    return 0


def report(digits: Digits, model: SimCLR, draws: int, seed: int) -> None:
    """Print the accuracies of the representation, of the projections and of the pixels."""
    with torch.no_grad():
        pixels = [images.flatten(1) for images in (digits.train_images, digits.test_images)]
        h = [model.encoder(images) for images in (digits.train_images, digits.test_images)]
        z = [model.head(features) for features in h]
    print(f"Right of {len(digits.test_labels)} test digits, by a linear classifier with so many labels")
    print(f"{'':18}{'1 a class':>12}{'10 a class':>12}{'all':>12}")
    for name, (train_features, test_features) in {"h = f(x)": h, "z = g(h)": z, "pixels": pixels}.items():
        features = (train_features, digits.train_labels, test_features, digits.test_labels)
        few = [
            label_efficiency(*features, labels=n, draws=draws, generator=torch.Generator().manual_seed(seed))
            for n in (1, 10)
        ]
        print(f"{name:18}" + "".join(f"{share:12.1%}" for share in (*few, linear_accuracy(*features))))


def is_first() -> bool:
    """Whether this is the only process, or the first of several: the one that speaks and writes."""
    return os.environ.get("RANK", "0") == "0"


def fail(message: str) -> NoReturn:
    """End with one line on stderr."""
    if is_first():
        print(f"hw.simclr: {message}".replace("\n", "\\n"), file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    try:
        code = main()
    except KeyboardInterrupt:  # before the epochs or after them; what is done is kept
        print("hw.simclr: stopped", file=sys.stderr)
        code = 130
    sys.exit(code)
