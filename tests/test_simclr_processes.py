import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hw.simclr import Settings, load_checkpoint, load_digits, save_checkpoint, start, train
from hw.simclr import __main__ as command

WORKERS = Path(__file__).parent / "simclr_workers.py"
LONG = ["--epochs", "1000000", "--batch-size", "1000", "--augmentations", "", "--head", "linear"]  # never done
LONG_SETTINGS = Settings(temperature=0.2, epochs=1_000_000, batch_size=1000, augmentations=(), head="linear")
SECONDS = 120  # after which a hang is a failure


def test_several_processes_are_as_one_and_ctrl_c_loses_nothing(tmp_path, monkeypatch, capsys):
    """One test, since one process that the others are copies of does it all."""
    monkeypatch.chdir(tmp_path)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", WORKERS, tmp_path, *LONG],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=os.environ | {"PYTHONPATH": str(WORKERS.parents[1] / "src"), "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    done = json.loads(run.stdout)
    assert "".join(f"{name}\n{message}\n" for name, message in done["wrong"].items()) == ""

    told = "hw.simclr: batch_size must be a multiple of the number of processes, 3, got 250\n"
    assert done["refused"] == [[2, "", told], [2, "", ""], [2, "", ""]]  # by all, told by one
    assert sorted(file.name for file in tmp_path.glob("*.pt*")) == ["simclr.pt", "stopped.pt"]

    images = load_digits(torch.Generator().manual_seed(0)).train_images
    learned_as_one(images, *done["learned"])
    stopped_and_goes_on(images, monkeypatch, capsys, *done["stopped"])


def learned_as_one(images, first, second):
    status, out, err = first
    assert (status, err, second) == (0, "", [0, "", ""])
    assert out.startswith("Right of 797 test digits")
    settings = Settings(temperature=0.2, epochs=1)
    together, alone = load_checkpoint(Path("simclr.pt"), settings), train(images, start(settings))
    assert together.losses == pytest.approx(alone.losses, rel=1e-6)
    other = train(images.flip(0), start(settings))
    assert other.losses != pytest.approx(alone.losses, rel=1e-4)


def stopped_and_goes_on(images, monkeypatch, capsys, status, out, err):
    assert (status, out) == (130, ""), err
    told = re.fullmatch(r"hw\.simclr: stopped; the same command goes on after epoch (\d+), kept in stopped\.pt\n", err)
    assert told, err
    kept = load_checkpoint(Path("stopped.pt"), LONG_SETTINGS)
    assert kept.epoch - int(told[1]) in (0, 1)  # it may be stopped when the file is there and not yet counted

    def save_and_stop(training, path):
        save_checkpoint(training, path)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "save_checkpoint", save_and_stop)
    assert command.main([*LONG, "--checkpoint", "stopped.pt"]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"stopped.pt: going on after epoch {kept.epoch} of 1000000\nhw.simclr: stopped; ")
    again = load_checkpoint(Path("stopped.pt"), LONG_SETTINGS)
    whole = train(images, start(LONG_SETTINGS), epochs=kept.epoch + 1)
    assert again.losses == whole.losses
    assert kept.losses == whole.losses[:-1]
    assert all(torch.equal(*pair) for pair in zip(again.model.parameters(), whole.model.parameters(), strict=True))
