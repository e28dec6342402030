# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of a multiplier: every pair of operands, on parts of halo's benches (``components``)."""

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from cocotb.triggers import Timer
from components.coverage import Coverage
from components.report import Report
from components.scoreboard import Scoreboard


@cocotb.test()
async def every_pair(dut: HierarchyObject) -> None:
    """Play all of them; each class of weights (zero, smallest, ...) must be among them."""
    weights, activations = len(dut.weight_i), len(dut.activation_i)
    scoreboard, coverage = Scoreboard(weights + activations, unit="products"), Coverage()
    for weight in range(-(2 ** (weights - 1)), 2 ** (weights - 1)):
        coverage.operands("weight", np.array([weight]), weights)
        for activation in range(-(2 ** (activations - 1)), 2 ** (activations - 1)):
            dut.weight_i.value, dut.activation_i.value = weight, activation
            await Timer(1, "ns")
            product = weight * activation % 2 ** (weights + activations)  # a scoreboard's values are bits
            scoreboard.expect(product, lambda _, w=weight, a=activation: f"{w} * {a}")
            scoreboard.saw(dut.product_o.value.to_unsigned())
    scoreboard.finish(at_least=2 ** (weights + activations))
    coverage.require()
    Report(scoreboard.compared, scoreboard.sent, scoreboard.compared, coverage.hits).write()
