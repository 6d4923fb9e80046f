"""SimCLR at toy scale: views, encoder, head, training and evaluation on the handwritten digits of scikit-learn.

`python -m hw.simclr` trains and evaluates; `torchrun --nproc-per-node 2 -m hw.simclr` does so in two processes.
"""

from hw.simclr.checkpoints import load_checkpoint, save_checkpoint
from hw.simclr.digits import Digits, load_digits
from hw.simclr.evaluation import label_efficiency, linear_accuracy
from hw.simclr.networks import HEADS, SimCLR
from hw.simclr.training import Settings, Training, batch_loss, start, train
from hw.simclr.views import AUGMENTATIONS, augment, two_views

__all__ = [
    "AUGMENTATIONS",
    "HEADS",
    "Digits",
    "Settings",
    "SimCLR",
    "Training",
    "augment",
    "batch_loss",
    "label_efficiency",
    "linear_accuracy",
    "load_checkpoint",
    "load_digits",
    "save_checkpoint",
    "start",
    "train",
    "two_views",
]
