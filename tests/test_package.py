"""The shape of the package: who imports whom, what is public, what importing costs."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hw

SOURCE = Path(hw.__file__).parent
MODULES = [name for _, name, _ in pkgutil.walk_packages(hw.__path__, "hw.") if not name.endswith("__main__")]
IMPORTS = {  # which parts of the package a part may import; each part only from those before it
    "arguments": set(),
    "masks": set(),
    "receptive_field": set(),
    "leaks": set(),
    "masked_conv": {"masks"},
    "flows": {"arguments", "masks", "flows"},
    "divergences": {"arguments"},
    "bounds": {"arguments", "bounds", "divergences"},
    "gan": {"arguments", "gan"},
    "contrastive": {"arguments", "contrastive"},
    "simclr": {"arguments", "contrastive", "simclr"},
    "experiments": {"arguments", "flows", "gan", "simclr", "experiments"},
    "figures": {"figures"},
    "checked_math": {"checked_math"},
    "live": {"checked_math", "figures", "live", "masks", "receptive_field"},
    "site": {"checked_math", "figures", "live", "site"},
}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_imports_point_one_way(path):
    part = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    used = {name.split(".")[1] for name in imported(path) if name.startswith("hw.")}
    if part == "__init__":
        assert not used
    else:
        assert used <= IMPORTS[part], f"{part} may import {IMPORTS[part]}"
        assert all(list(IMPORTS).index(other) <= list(IMPORTS).index(part) for other in used)


def test_only_site_knows_mkdocs():
    for path in SOURCE.rglob("*.py"):
        if "site" not in path.parts:
            assert not {name for name in imported(path) if name.startswith(("mkdocs", "markdown"))}, path


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_documented_and_defined_here(name):
    module = importlib.import_module(name)
    assert module.__doc__
    if module.__file__.endswith("__init__.py"):
        return
    for public in module.__all__:  # ruff sees to their order
        value = getattr(module, public)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert value.__doc__, f"{name}.{public} has no docstring"
            assert value.__module__ == name, f"{public} lives in {value.__module__}"


@pytest.mark.parametrize(
    "name", ["hw", "hw.masks", "hw.receptive_field", "hw.figures.grids", "hw.checked_math.mutation", "hw.live.calls"]
)
def test_these_import_the_standard_library_only(name):
    code = f"""
import sys
before = set(sys.modules)
import {name}
new = {{module.partition(".")[0] for module in set(sys.modules) - before}}
print(sorted(new - set(sys.stdlib_module_names) - {{"hw"}}))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_no_core_call_imports_a_compiler():
    program = """
import sys, torch
from hw.bounds import *
from hw.contrastive import *
from hw.divergences import *
from hw.flows import *
from hw.gan import *
from hw.leaks import first_leak, probe
from hw.masked_conv import GatedPixelCNN, MaskedConv2d
for method in ("jacobian", "perturbation"):
    assert first_leak(GatedPixelCNN(1, 2, 1, 3, 2), (1, 2, 2), method=method) is None
    assert probe(MaskedConv2d("B", 1, 1, 3), (1, 2, 2), (0, 0), method=method).sum() == 1
p = torch.tensor([0.2, 0.8], requires_grad=True)
for found in (kl_categorical(p, p.flip(0)), js_categorical(p, p.flip(0)), kl_diag_normal(p, p)):
    found.backward()
for function in (kl_normal, js_normal):
    function(p, p, p.flip(0), p).backward()
for function in (elbo, iwlb, kl_gap):
    function(p, 0).backward()
scale = p.exp()
sample = lambda n, generator: scale * torch.randn(n, 2, generator=generator)
streaming_iwlb(sample, 100, torch.Generator(), chunk=16).sum().backward()
LinearGaussian(1, p[0], p[1]).iwlb(3).backward()
for surrogate in (iwae_surrogate, stl_surrogate, dreg_surrogate):
    surrogate(lambda z: -z, lambda z, mean: z * mean, p * 2, [p.sum()], 0).backward()
rng = torch.Generator()
planar = Planar(p.detach(), p.detach(), torch.tensor(0.5))
layers = [planar, AffineCoupling(2, [3], generator=rng), Permute([1, 0]), MaskedAutoregressive(2, [3], generator=rng)]
flow = Flow(StandardNormal(2), Compose(*layers, Affine(p.detach(), p.detach())), numerical=True)
(reverse_kl(flow, lambda x: -x.sum(-1), 5, rng).value + flow.log_prob(torch.ones(3, 2)).sum()).backward()
forward_kl(Flow(StandardNormal(2), Inverse(planar)), lambda x: -x.sum(-1), torch.ones(3, 2))
logits = torch.randn(6, generator=rng, requires_grad=True)
discriminator_loss(logits, logits - 1).backward()
for kind in ("saturating", "non_saturating"):
    generator_loss(logits, kind).backward()
value(p, p.flip(0), p).backward()
log_density_ratio(optimal_logit(p.log(), p.flip(0).log(), 0.1), 0.1).sum().backward()
jsd_from_logits(logits, logits + 1).value.backward()
x = torch.randn(2, 20, 1, generator=rng)
fit_density_ratio(x[0], x[1].numpy(), penalty=0.1, generator=rng).jsd()
views = torch.randn(2, 6, 3, generator=rng, requires_grad=True)
for loss in (nt_xent, info_nce):
    (of_views,) = torch.autograd.grad(loss(*views, 0.1), views, create_graph=True)
    of_views.square().sum().backward()
(alignment(*views) + uniformity(views[0])).backward()
nt_xent_gradient(*views.detach(), 0.1)
print({"torch._dynamo", "sympy"} & set(sys.modules))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.stdout.strip(), run.stderr) == ("set()", "")


def test_no_assert_guards_anything_in_the_library():
    for path in SOURCE.rglob("*.py"):
        assert not [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)], path


def test_git_ignores_nothing_that_the_project_needs():
    root = SOURCE.parent.parent
    command = [
        "git",
        "ls-files",
        "--others",
        "--ignored",
        "--exclude-standard",
        "--",
        "src",
        "docs",
        "tests",
        "benchmarks",
    ]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    made = re.compile(r"__pycache__|node_modules|\.hypothesis")  # by Python, npm and the tests
    assert [path for path in listed if not made.search(path)] == []


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_ruff_has_nothing_to_say(command):
    root = SOURCE.parent.parent
    run = subprocess.run([sys.executable, "-m", "ruff", *command, str(root)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
