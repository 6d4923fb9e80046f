"""What the tests of the flows share."""

import torch


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def float64(values):
    return torch.tensor(values, dtype=torch.float64)


def perturbed(bijection, seed, size=0.5):
    """The networks start as the identity, where a wrong log-determinant may be right."""
    rng = generator(seed)
    bijection.double()
    with torch.no_grad():
        for parameter in bijection.parameters():
            parameter.add_(size * torch.randn(parameter.shape, dtype=torch.float64, generator=rng))
    return bijection


class Both(torch.nn.Module):
    """Image and log-determinant, as the call that functional_call makes."""

    def __init__(self, bijection):
        super().__init__()
        self.bijection = bijection

    def forward(self, u):
        return self.bijection.forward_and_log_det(u)
