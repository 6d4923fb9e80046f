# ---
# description: SimCLR on handwritten digits, trained and looked at in a minute; run when this page was built.
# requires: [hw, torch, scikit-learn]
# given: ["8×8", "one", "two", "ten", "three", "four", "1", "250", "hundred", "1,797", "half", "0.2"]
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # SimCLR on digits
#
# What the paper does with more than a million photographs, done with 1,797 pictures of 8×8 pixels. The encoder is
# small, and what shows here need not show there. Runs with ten seeds, and what they say to the paper's claims, are on
# [the page of this question](../simclr.md#what-shows-on-digits). The pictures come with scikit-learn, so nothing is
# downloaded.

# %% [markdown]
# ## Digits and views
#
# Half of the pictures or so are for training, without their labels, and the rest for testing.

# %%
import torch

from hw.simclr import AUGMENTATIONS, augment, load_digits

digits = load_digits(torch.Generator().manual_seed(0))
print(*(tuple(part.shape) for part in digits), sep="\n")
print(*AUGMENTATIONS)
usual = ["crop", "rotate", "contrast", "noise"]

# %% [markdown]
# A view is a picture after random augmentations. Each can be left out:

# %% jupyter={"source_hidden": true}
from IPython.display import HTML, Markdown, display

from hw.figures.pictures import picture_sheet
from hw.figures.standalone import standalone


def figure(svg, words):
    """Show a drawing with a caption."""
    display(HTML(f"<figure>\n{standalone(svg)}\n<figcaption>{words}</figcaption>\n</figure>"))


rng = torch.Generator().manual_seed(1)
chosen = digits.train_images[:6]
rows = {"as they are": chosen}
rows |= {name: augment(chosen, [name], rng) for name in AUGMENTATIONS}
rows |= {", ".join(usual): augment(chosen, usual, rng)}
sheet = torch.stack(list(rows.values()))[:, :, 0].numpy()
figure(
    picture_sheet(sheet, "Six digits under each augmentation", row_labels=list(rows)),
    "Six digits, each augmentation alone, and the four that are used below.",
)

# %% [markdown]
# ## Training
#
# An encoder $f$ of two dense layers and a head $g$ of two more. The loss asks each view to find the other one of its
# picture among all views of the batch, by their cosines:
#
# ```math id="digits-loss" model="embeddings"
# \ell_{1,2} := -\log\frac{\exp(\mathrm{sim}(z_1,z_2)/\tau)}{\sum_{k=2}^{2N}\exp(\mathrm{sim}(z_1,z_k)/\tau)}
# ```
#
# An encoder that tells nothing apart is left with a guess:
#
# ```math id="digits-guess" model="embeddings" assume="collapsed"
# \ell_{1,2} = \log(2N-1)
# ```
#
# A batch is 250 pictures, an epoch all pictures once. The temperature $\tau$ is 0.2.

# %%
from hw.simclr import Settings, start, train

settings = Settings(temperature=0.2, epochs=40, batch_size=250)
run = train(digits.train_images, start(settings))

# %% jupyter={"source_hidden": true}
import math

from hw.figures.curves import line_chart

n, tau = settings.batch_size, settings.temperature
guess = math.log(2 * n - 1)
bound = math.log1p((2 * n - 2) * math.exp(-n / (n - 1) / tau))
epochs = [(step + 1) / 4 for step in range(len(run.losses))]
figure(
    line_chart(
        [("NT-Xent", epochs, run.losses, "seen")],
        "Loss while training",
        x_label="epoch",
        y_label="loss of each batch, nats",
        references={"a guess": guess},
    ),
    "The loss of each batch. A guess among all other views has the loss log(2N − 1).",
)
display(
    Markdown(
        f"From {run.losses[0]:.2f} the loss falls to {run.losses[-1]:.2f} nats; a guess has {guess:.2f}. Below "
        f"{bound:.2f} [no arrangement gets](../simclr.md#landmarks), and views of one picture can differ more than "
        "views of two."
    )
)

# %% [markdown]
# ## A linear probe
#
# The head is thrown away. A linear classifier reads the representation $h = f(x)$, with ten labels, one of each class
# (1 % of the training pictures), with a hundred, and with all. Beside it what it reads off the head's output
# $z = g(h)$, off the pixels, and off an encoder as it was before training.

# %%
from hw.simclr import label_efficiency, linear_accuracy


def probe(train_features, test_features):
    rng = torch.Generator().manual_seed(0)
    data = train_features, digits.train_labels
    data += test_features, digits.test_labels
    found = []
    for labels in (1, 10):
        rest = {"labels": labels, "draws": 10, "generator": rng}
        found.append(label_efficiency(*data, **rest))
    return [*found, linear_accuracy(*data)]


# %% jupyter={"source_hidden": true}
from hw.figures.tables import table

both = digits.train_images, digits.test_images
untrained = start(settings).model
with torch.no_grad():
    h = [run.model.encoder(images) for images in both]
    spaces = {
        "h": h,
        "z": [run.model.head(features) for features in h],
        "pixels": [images.flatten(1) for images in both],
        "untrained": [untrained.encoder(images) for images in both],
    }
found = {name: probe(*features) for name, features in spaces.items()}
rows = [(name, *(f"{share:.1%}" for share in shares)) for name, shares in found.items()]
display(HTML(table(["right of the test pictures", "10 labels", "100 labels", "all"], rows)))

# %% [markdown]
# ## What lies near what
#
# Some test pictures, and the training pictures whose representations have the largest cosines with theirs. No label was
# used for this.

# %%
from torch.nn.functional import normalize

both = digits.train_images, digits.test_images
with torch.no_grad():
    h = [run.model.encoder(images) for images in both]
units = [normalize(features) for features in h]
nearest = (units[1] @ units[0].T).topk(5).indices
same = digits.train_labels[nearest] == digits.test_labels[:, None]
print(f"{same.double().mean():.1%} show the same digit")

# %% jupyter={"source_hidden": true}
columns = ["picture", *("nearest", "second", "third", "fourth", "fifth")]
hard = [*range(4), *torch.nonzero(~same[:, 0])[:2, 0].tolist()]
pictures = [torch.cat((digits.test_images[[place]], digits.train_images[nearest[place]])) for place in hard]
figure(
    picture_sheet(torch.stack(pictures)[:, :, 0].numpy(), "Digits and their neighbors", column_labels=columns),
    "Four test pictures, and two whose nearest neighbor shows another digit.",
)

# %% [markdown]
# ## The temperature
#
# The same training at three temperatures. [`alignment`](../reference/contrastive.md) is the mean squared distance of
# the two views of a picture on the sphere, and `uniformity` is lower the more evenly all views are spread.

# %%
from hw.contrastive import alignment, uniformity
from hw.simclr import two_views

rows = []
for tau in (0.05, 0.2, 1.0):
    settings = Settings(temperature=tau, epochs=40)
    model = train(digits.train_images, start(settings)).model
    rng = torch.Generator().manual_seed(0)
    views = two_views(digits.test_images, usual, rng)
    with torch.no_grad():
        a, b = (model(view) for view in views)
    spread = alignment(a, b).item(), uniformity(a).item()
    words = [f"{value:.2f}" for value in spread]
    rows.append((tau, *words))

# %% jupyter={"source_hidden": true}
signed = [[str(cell).replace("-", "−") for cell in row] for row in rows]
display(HTML(table(["temperature", "alignment", "uniformity"], signed)))
even, close = (min(rows, key=lambda row: float(row[place]))[0] for place in (2, 1))
least = max(rows, key=lambda row: float(row[2]))[0]
display(
    Markdown(
        f"In this run the views are spread most evenly at $\\tau = {even}$ and least so at $\\tau = {least}$; those of "
        f"one picture lie closest at $\\tau = {close}$."
    )
)

# %% [markdown]
# A low temperature makes the loss look mostly at the hardest negatives. [A later
# work](../simclr.md#claim-temperature-tolerance) (December 2020) finds that it then spreads features most, which is not
# what this run shows. What the temperature does to a classifier is [measured with ten
# seeds](../simclr.md#what-shows-on-digits).
#
# To go on: leave out an augmentation, or train for longer, and look at the probe again. `python -m hw.simclr --help`
# lists what can be changed.
