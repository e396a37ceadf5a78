"""Maxout against its definition, written with loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from babysit.errors import RecipeError
from babysit.nn import Maxout, MaxoutConv2d, MaxPieces


@pytest.mark.parametrize("pieces", [2, 3, 5])
def test_linear_is_the_largest_of_k_products(pieces):
    torch.manual_seed(pieces)
    layer = Maxout(7, 4, pieces)
    x = torch.randn(6, 7)
    weight, bias = (p.detach().numpy().astype(np.float64) for p in (layer.linear.weight, layer.linear.bias))
    each = [x.numpy() @ weight[j * 4 : j * 4 + 4].T + bias[j * 4 : j * 4 + 4] for j in range(pieces)]
    np.testing.assert_allclose(layer(x).detach().numpy(), np.max(each, axis=0), rtol=1e-5, atol=1e-6)


def test_linear_takes_leading_dimensions_as_nn_linear_does():
    layer = Maxout(7, 4)
    x = torch.randn(2, 3, 7)
    torch.testing.assert_close(layer(x)[1], layer(x[1]))
    torch.testing.assert_close(layer(x)[1, 2], layer(x[1, 2]))


@pytest.mark.parametrize("pieces", [2, 3])
def test_conv_is_the_largest_of_k_convolutions(pieces):
    torch.manual_seed(0)
    layer = MaxoutConv2d(3, 5, 3, stride=2, padding=1, pieces=pieces)
    x = torch.randn(2, 3, 8, 8)
    each = []
    for j in range(pieces):
        part = slice(j * 5, j * 5 + 5)
        each.append(torch.conv2d(x, layer.conv.weight[part], layer.conv.bias[part], stride=2, padding=1))
    torch.testing.assert_close(layer(x), torch.stack(each).amax(0))


def test_only_the_winning_piece_gets_the_gradient():
    layer = Maxout(3, 1, 2)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0, 0, 0], [-1.0, 0, 0]]))
        layer.linear.bias.zero_()
    layer(torch.tensor([[2.0, 1.0, 1.0]])).sum().backward()
    assert layer.linear.weight.grad.tolist() == [[2.0, 1.0, 1.0], [0.0, 0.0, 0.0]]


def test_gradients_by_finite_differences():
    torch.manual_seed(1)
    layer = Maxout(4, 3, 3).double()
    x = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x,))


def test_two_pieces_hold_a_relu_and_a_leaky_relu():
    layer = Maxout(2, 2, 2, bias=False)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0, 0], [0, 1], [0.01, 0], [0, 0.01]]))
    x = torch.randn(20, 2)
    torch.testing.assert_close(layer(x), nn.functional.leaky_relu(x, 0.01))


def test_what_can_not_be_is_said():
    with pytest.raises(RecipeError, match="pieces >= 2 must hold, but pieces=1"):
        MaxPieces(1)
    with pytest.raises(ValueError, match="5 channels can't be cut into 2"):
        MaxPieces(2)(torch.zeros(1, 5))
