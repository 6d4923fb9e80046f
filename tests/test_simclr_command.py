"""`python -m hw.simclr`: what it refuses, prints, keeps and goes on with."""

import os
import re
import resource
import sys
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from hw.simclr import Settings, label_efficiency, linear_accuracy, load_checkpoint, load_digits, start, train
from hw.simclr import __main__ as command

TWO_EPOCHS = ["--epochs", "2", "--batch-size", "1000", "--draws", "1", "--seed", "1", "--checkpoint", "run.pt"]
SETTINGS = Settings(temperature=0.2, epochs=2, batch_size=1000, seed=1)
MANY_EPOCHS = [
    *TWO_EPOCHS[2:],
    "--epochs",
    "1000000",
    "--augmentations",
    "",
    "--head",
    "linear",
]  # more than a test runs
SECONDS = 60  # after which a hang is a failure
REFUSED = {  # what is told, by what is asked for
    ("--temperature", "0"): "temperature must be a positive number, got 0.0",
    ("--temperature", "nan"): "temperature must be a positive number, got nan",
    ("--temperature", "warm"): "argument --temperature: invalid float value: 'warm'",
    ("--temperature",): "argument --temperature: expected one argument",
    ("--augmentations=--",): "--augmentations must have a value, got --",
    (
        "--augmentations",
        "crop,flip",
    ): "augmentations must be different names out of crop, rotate, blur, contrast, noise, erase, got ('crop', 'flip')",
    (
        "--augmentations",
        "crop,crop",
    ): "augmentations must be different names out of crop, rotate, blur, contrast, noise, erase, got ('crop', 'crop')",
    ("--head", "deep\nhead"): r"head must be one of none, linear, nonlinear, got 'deep\nhead'",
    ("--batch-size", "0"): "batch_size must be a positive integer, got 0",
    ("--batch-size", "2.5"): "argument --batch-size: invalid int value: '2.5'",
    ("--batch-size", "1001"): "batch_size must be at most the number of pictures, 1000, got 1001",
    ("--epochs", "-1"): "epochs must be a positive integer, got -1",
    ("--learning-rate", "0"): "learning_rate must be a positive number, got 0.0",
    ("--seed", "-1"): "seed must be a whole number from 0 to 2^63 - 1, got -1",
    ("--seed", str(2**63)): f"seed must be a whole number from 0 to 2^63 - 1, got {2**63}",
    ("--draws", "0"): "draws must be a positive integer, got 0",
    ("--checkpoint", "."): "checkpoint must be a file in a folder that can be written to, got .",
    ("--checkpoint", ""): "checkpoint must be a file in a folder that can be written to, got .",
    ("--checkpoint", "nowhere/run.pt"): "checkpoint must be a file in a folder that can be written to, got "
    "nowhere/run.pt",
    ("--checkpoint", "no\nwhere/run.pt"): "checkpoint must be a file in a folder that can be written to, got "
    r"no\nwhere/run.pt",
    ("--learning-rate", "1e300"): "learning_rate must be at most 1, got 1e+300",
    ("--depth", "3"): "unrecognized arguments: --depth 3",
    ("digits",): "unrecognized arguments: digits",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def digits():
    return load_digits(torch.Generator().manual_seed(1))


def call(capsys, *arguments):
    """Exit status, output and errors of the command."""
    try:
        status = command.main(list(arguments))
    except SystemExit as end:
        status = end.code
    return status, *capsys.readouterr()


def left(folder):
    return sorted(file.name for file in folder.iterdir())


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True))


def test_help_names_every_option_and_its_default(capsys, folder):
    status, out, err = call(capsys, "--help")
    assert (status, err) == (0, "")
    options = set(re.findall(r"^ +(?:-h, )?(--[\w-]+)", out, re.MULTILINE))
    of_settings = {f"--{field.name.replace('_', '-')}" for field in fields(Settings)}
    assert options == of_settings | {"--draws", "--checkpoint", "--fresh", "--help"}
    for field in fields(Settings):
        value = getattr(command.USUAL, field.name)
        shown = ",".join(value) if isinstance(value, tuple) else str(value)
        assert f"(default: {shown})" in re.sub(r"\s+", " ", out)
    assert left(folder) == []


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_cannot_be_is_told_in_a_line(capsys, folder, arguments):
    assert call(capsys, *arguments) == (2, "", f"hw.simclr: {REFUSED[arguments]}\n")
    assert left(folder) == []


@pytest.mark.parametrize("fresh", [(), ("--fresh",)])
def test_what_is_no_file_is_not_replaced(capsys, folder, fresh):
    os.mkfifo("pipe")
    told = "hw.simclr: checkpoint must be a file in a folder that can be written to, got pipe\n"
    assert call(capsys, *TWO_EPOCHS, "--checkpoint", "pipe", *fresh) == (2, "", told)
    assert Path("pipe").is_fifo()
    assert left(folder) == ["pipe"]


def test_without_scikit_learn_it_is_told_in_a_line(capsys, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    status, out, err = call(capsys, *TWO_EPOCHS)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"hw\.simclr: needs scikit-learn, which is not installed \(.*\); pip install .*\n", err)
    assert left(folder) == []


def test_a_run_prints_what_its_representation_is_worth(capsys, folder, digits, monkeypatch):
    status, out, err = call(capsys, *TWO_EPOCHS)
    assert (status, err) == (0, "")
    assert left(folder) == ["run.pt"]
    kept = load_checkpoint(Path("run.pt"), SETTINGS)
    alone = train(digits.train_images, start(SETTINGS))
    assert (kept.epoch, kept.losses) == (2, alone.losses)
    assert same(kept, alone)

    title, head, *rows = out.splitlines()
    assert title.startswith("Right of 797 test digits")
    assert re.split("  +", head.strip()) == ["1 a class", "10 a class", "all"]
    with torch.no_grad():
        spaces = [[f(x) for x in (digits.train_images, digits.test_images)] for f in (alone.model.encoder, alone.model)]
    spaces.append([x.flatten(1) for x in (digits.train_images, digits.test_images)])
    assert len(rows) == 3
    for row, name, (first, second) in zip(rows, ["h = f(x)", "z = g(h)", "pixels"], spaces, strict=True):
        features = (first, digits.train_labels, second, digits.test_labels)
        shares = [
            label_efficiency(*features, labels=labels, draws=1, generator=torch.Generator().manual_seed(1))
            for labels in (1, 10)
        ]
        shares.append(linear_accuracy(*features))
        assert re.split("  +", row) == [name, *(f"{100 * share:.1f}%" for share in shares)]
    assert len(set(rows)) == 3

    def refuse(*arguments):
        raise AssertionError("a run that is done is not saved again")

    monkeypatch.setattr(command, "save_checkpoint", refuse)
    before = Path("run.pt").read_bytes()
    assert call(capsys, *TWO_EPOCHS) == (0, out, "run.pt: going on after epoch 2 of 2\n")
    assert Path("run.pt").read_bytes() == before
    with pytest.raises(AssertionError, match="not saved again"):
        command.main([*TWO_EPOCHS, "--fresh"])  # which trains


def test_a_file_of_something_else_stays(capsys, folder):
    Path("run.pt").write_bytes(b"hello\n")
    status, out, err = call(capsys, *TWO_EPOCHS)
    assert (status, out) == (2, "")
    assert err == (
        "hw.simclr: checkpoint must be a file that a run has written, got run.pt; "
        "--fresh begins anew, --checkpoint takes another file\n"
    )
    assert Path("run.pt").read_bytes() == b"hello\n"
    assert left(folder) == ["run.pt"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (("--epochs", "3"), "epochs must be 2, as in the checkpoint run.pt, got 3"),
        (("--temperature", "0.5"), "temperature must be 0.2, as in the checkpoint run.pt, got 0.5"),
        (("--seed", "2"), "seed must be 1, as in the checkpoint run.pt, got 2"),
    ],
)
def test_a_run_of_other_settings_stays(capsys, changed, told):
    command.save_checkpoint(start(SETTINGS), Path("run.pt"))
    before = Path("run.pt").read_bytes()
    status, out, err = call(capsys, *TWO_EPOCHS, *changed)
    assert (status, out) == (2, "")
    assert err == f"hw.simclr: {told}; --fresh begins anew, --checkpoint takes another file\n"
    assert Path("run.pt").read_bytes() == before


@contextmanager
def files_of_at_most(size):
    """As on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_is_told_in_a_line(capsys, folder):
    command.save_checkpoint(start(SETTINGS), Path("run.pt"))
    before = Path("run.pt").read_bytes()
    with files_of_at_most(20_000):
        status, out, err = call(capsys, *TWO_EPOCHS)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"hw\.simclr: [^\n]+\n", err)
    assert Path("run.pt").read_bytes() == before
    assert left(folder) == ["run.pt"]


def test_stopped_before_an_epoch_is_done_it_says_so(capsys, folder, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "train", stop)
    assert call(capsys, *TWO_EPOCHS) == (130, "", "hw.simclr: stopped; no epoch was done\n")
    assert left(folder) == []


def stopped_after(saves, monkeypatch):
    """Let the command save so many times; then it is stopped."""
    left = iter(range(saves))

    def save(training, path):
        if next(left, None) is None:
            raise KeyboardInterrupt
        command_save(training, path)

    command_save = command.save_checkpoint
    monkeypatch.setattr(command, "save_checkpoint", save)


def test_stopped_and_called_again_it_ends_as_if_it_had_not_been_stopped(capsys, digits, monkeypatch):
    settings = replace(SETTINGS, epochs=4, batch_size=500)
    arguments = [*TWO_EPOCHS, "--epochs", "4", "--batch-size", "500"]
    with monkeypatch.context() as patch:
        stopped_after(2, patch)
        told = "hw.simclr: stopped; the same command goes on after epoch 2, kept in run.pt\n"
        assert call(capsys, *arguments) == (130, "", told)
    monkeypatch.setattr(command, "report", lambda digits, model, draws, seed: print("evaluated", draws, seed))
    assert call(capsys, *arguments) == (0, "evaluated 1 1\n", "run.pt: going on after epoch 2 of 4\n")
    whole, pieces = train(digits.train_images, start(settings)), load_checkpoint(Path("run.pt"), settings)
    assert pieces.losses == whole.losses
    assert same(whole, pieces)
    assert train(digits.train_images, start(replace(settings, seed=2))).losses != whole.losses


def test_the_bar_tells_each_epoch_with_its_last_loss(monkeypatch, tmp_path, capsys):
    told = []

    class Bar:
        def __init__(self, *, total, initial, unit, disable):
            told.append((total, initial, unit, disable))

        def __enter__(self):
            return self

        def __exit__(self, *error):
            told.append("end")

        def set_postfix(self, *, loss, refresh):
            assert not refresh  # `update` shows it
            told.append(loss)

        def update(self):
            told.append("epoch")

    monkeypatch.setattr(command, "tqdm", Bar)
    monkeypatch.setattr(command, "report", lambda *given: told.append(given))
    monkeypatch.delenv("RANK", raising=False)
    digits = load_digits(torch.Generator().manual_seed(0))
    digits = digits._replace(train_images=digits.train_images[:40], train_labels=digits.train_labels[:40])
    training = start(Settings(temperature=0.5, batch_size=20, epochs=3, seed=7))
    train(digits.train_images, training, epochs=1)
    assert command.run(digits, training, tmp_path / "kept.pt", 4) == 0
    losses = [f"{training.losses[place]:.3f}" for place in (3, 5)]
    expected = [(3, 1, "epoch", None), losses[0], "epoch", losses[1], "epoch", "end", (digits, training.model, 4, 7)]
    assert told == expected
    assert capsys.readouterr().err == f"{tmp_path / 'kept.pt'}: going on after epoch 1 of 3\n"
    assert load_checkpoint(tmp_path / "kept.pt", training.settings).epoch == 3
