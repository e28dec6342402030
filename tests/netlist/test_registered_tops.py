# SPDX-License-Identifier: Apache-2.0
"""Registered tops from RTL to results: load enables, pipelines, accumulators; each stage against what it is alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from halo.characterization.design import DesignCorner, load_corner
from halo.characterization.engine import CornerResult, characterize_corner
from halo.characterization.interface import read_ports
from halo.characterization.stimulus import Stimulus, listed_transitions, make_stimulus
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.runs.assets import mac_sources, rtl_folder
from halo.flow.simulators.comparison import compare, draw_samples
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import evaluate, propagate_constants, read_port
from halo.netlist.model import FLOP, Circuit, Netlist
from halo.synth import synthesize
from halo.timing.event.bound import bound_transitions
from halo.timing.event.engine import enumerate_transitions, transition_weights
from halo.timing.event.reduction import TimedCircuit, reduce_circuit
from halo.timing.event.reference import play
from halo.timing.timed_netlist import write_timed_netlist

PIPELINE = """// Weight register with load enable, activation register, product register, output register.
module pe3 (
    input clk, input rst_n, input load,
    input signed [3:0] w, input signed [3:0] a, input signed [9:0] psum,
    output reg signed [9:0] y
);
    reg signed [3:0] weight, activation;
    reg signed [7:0] product;
    always @(posedge clk or negedge rst_n)
        if (!rst_n) begin
            weight <= 0; activation <= 0; product <= 0; y <= 0;
        end else begin
            if (load) weight <= w;
            activation <= a;
            product <= weight * activation;
            y <= product + psum;
        end
endmodule
"""

ACCUMULATOR = """module acc (
    input clk, input rst_n, input signed [3:0] w, input signed [3:0] a, output reg signed [9:0] y
);
    always @(posedge clk or negedge rst_n) if (!rst_n) y <= 0; else y <= y + w * a;
endmodule
"""

OPEN = """// Operand registers only: the sum comes from outside and goes there. With w = 0 nothing else moves.
module open_mac (
    input clk, input signed [3:0] w, input signed [3:0] a, input signed [9:0] psum, output signed [9:0] y
);
    reg signed [3:0] weight, activation;
    always @(posedge clk) begin weight <= w; activation <= a; end
    wire signed [3:0] chosen = weight & activation;
    assign y = psum + chosen;
endmodule
"""

WEIGHTS = (-8, -3, 1, 7)

Load = Callable[..., DesignCorner]


@pytest.fixture(scope="session")
def libraries(osu018: Path, shared: Path) -> dict[str, tuple[Path, ...]]:
    """Cells with plain and with inverted registers."""
    return {"osu018": (osu018,), "asap7": tuple(sorted((shared / "liberty" / "asap7").glob("*.lib.gz")))}


@pytest.fixture(scope="session")
def load(libraries: dict[str, tuple[Path, ...]], tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Synthesize RTL (once) and load it with some inputs tied."""
    netlists: dict[tuple[str, str], Path] = {}

    def loaded(rtl: str, library: str, **ties: int) -> DesignCorner:
        top = rtl.partition("module ")[2].split()[0]
        folder = tmp_path_factory.mktemp("rtl")
        source = folder / f"{top}.v"
        source.write_text(rtl)
        if (top, library) not in netlists:
            made = synthesize([source], top, libraries[library], workdir=folder / library)
            netlists[top, library] = made.netlist_verilog
        netlist = netlists[top, library]
        config = config_for(library, libraries[library], netlist, ties)
        _, declared = read_ports([source], top)
        return load_corner(library, libraries[library], netlist, top, config, declared=declared)

    return loaded


def config_for(name: str, liberty: tuple[Path, ...], netlist: Path, ties: dict[str, int]) -> CharacterizeConfig:
    return CharacterizeConfig(
        corners=((name, liberty),), run_folder=netlist.parent / "run", netlist=(netlist,), ties=tuple(ties.items())
    )


def stimulus_of(corner: DesignCorner, samples: int) -> Stimulus:
    return make_stimulus(
        corner.roles,
        corner.circuit,
        random_samples=None,
        trace=None,
        activations=None,
        psum_samples=samples,
        weights=1 << corner.roles.weight_bits,
        seed=1,
    )


def every(corner: DesignCorner) -> npt.NDArray[np.int64]:
    return np.array(corner.roles.weight_encoding.values, np.int64)


def exact(corner: DesignCorner, samples: int = 500) -> CornerResult:
    """All weights; every result obeys exact <= bound <= longest path, without and with setup."""
    stimulus = stimulus_of(corner, samples)
    result = characterize_corner(
        corner, stimulus, every(corner), method="exact", seed=1, jobs=2, report=lambda done, total: None
    )
    for weight in result.weights:
        reduced = reduce_circuit(corner.timed, corner.held(weight.weight & 15))
        assert weight.events is not None and weight.bound_fs is not None and weight.bound_period_fs is not None
        assert 0 < weight.events.delay_fs <= weight.bound_fs <= reduced.longest_path_fs
        assert weight.events.delay_fs < weight.events.period_fs <= weight.bound_period_fs <= reduced.longest_period_fs
        assert weight.energy is not None and weight.energy.energy_j is not None and weight.energy.energy_j > 0
    return result


def fed_by(circuit: Circuit, nets: Iterable[int]) -> list[int]:
    """Register gates that some nets reach through logic."""
    reached, found = set(map(int, nets)), []
    for g in range(circuit.gates):
        if reached.intersection(data_nets(circuit, g)):
            if circuit.kind[g] == FLOP:
                found.append(g)
            else:
                reached.add(int(circuit.out[g]))
    return found


def data_nets(circuit: Circuit, gate: int) -> list[int]:
    return circuit.pin_net[circuit.pin_start[gate] : circuit.pin_start[gate + 1]].tolist()


@pytest.mark.parametrize("library", ["osu018", "asap7"])
def test_weight_stationary_pipeline(load: Load, library: str) -> None:
    corner = load(PIPELINE, library, load=1)
    roles = corner.roles
    assert (roles.weight, roles.activation, roles.accumulator, roles.output) == ("w", "a", "psum", "y")
    assert (roles.clock, roles.resets, roles.tie) == ("clk", ("rst_n",), {"load": 1, "rst_n": 1})
    assert roles.weight_encoding.signed and roles.activation_encoding.signed
    circuit = corner.circuit
    assert circuit.state_gates.size == 0
    assert {name.partition("[")[0] for name in (circuit.netlist.nets[net] for net in circuit.source)} == {
        *("w", "a", "psum")
    }
    # The weight register follows its port, and nothing else follows from it alone but a product with zero.
    for pattern in range(16):
        constant = propagate_constants(circuit, corner.held(pattern))
        assert all(constant[circuit.out[fed_by(circuit, circuit.netlist.inputs["w"])]] >= 0)
        assert all(constant[circuit.out[fed_by(circuit, circuit.netlist.inputs["a"])]] < 0)
    assert len(fed_by(circuit, circuit.netlist.inputs["w"])) == len(fed_by(circuit, circuit.netlist.inputs["a"])) == 4
    result = exact(corner)
    delays = [weight.events.delay_fs for weight in result.weights if weight.events is not None]
    assert len(set(delays)) > 4, "the weight matters"


@pytest.mark.parametrize("library", ["osu018", "asap7"])
def test_the_product_stage_is_the_bare_multiplier(load: Load, library: str) -> None:
    """Between registers lies a multiplier whose operands change at clk-to-Q: nothing before or after it counts."""
    corner = load(PIPELINE, library, load=1)
    circuit = corner.circuit
    activation = circuit.netlist.inputs["a"]
    products = fed_by(circuit, circuit.out[fed_by(circuit, activation)])
    ends = np.isin(corner.timed.end_net, [net for g in products for net in data_nets(circuit, g)])
    timed = corner.timed
    timed = replace(timed, end_net=timed.end_net[ends], end_extra_fs=timed.end_extra_fs[ends])
    bare = bare_multiplier(corner, products)
    quiet = dict.fromkeys(circuit.netlist.inputs["psum"], 0)
    weights = transition_weights(np.ones((16, 16), np.int64))
    for weight in WEIGHTS:
        reduced = reduce_circuit(timed, corner.held(weight & 15) | quiet)
        found = enumerate_transitions(reduced, activation, weights)
        bound = bound_transitions(reduced, activation)
        assert found.delay_fs <= bound.delay_fs <= reduced.longest_path_fs
        assert found.period_fs <= bound.period_fs <= reduced.longest_period_fs
        settled = steady_values(corner, weight)
        alone = [bare.arrival_fs(settled[:, i], settled[:, j]) for i in range(16) for j in range(16)]
        assert 0 < found.delay_fs == max(alone)


def steady_values(corner: DesignCorner, weight: int) -> np.ndarray:
    """Value of every net for each of the 16 activations."""
    netlist = corner.circuit.netlist
    lanes = {net: np.full(16, value, np.uint8) for net, value in corner.held(weight & 15).items()}
    lanes |= {net: (np.arange(16) >> i & 1).astype(np.uint8) for i, net in enumerate(netlist.inputs["a"])}
    lanes |= {net: np.zeros(16, np.uint8) for net in netlist.inputs["psum"]}
    return evaluate(corner.circuit, lanes)


@dataclass(frozen=True)
class Bare:
    """A multiplier without registers; ``launch_fs``: for each operand bit, clk-to-Q of its register to 0 and to 1."""

    timed: TimedCircuit
    launch_fs: dict[int, tuple[int, int]]

    def arrival_fs(self, before: np.ndarray, after: np.ndarray) -> int:
        """Last change at the outputs when the operands change from and to the values of these nets."""
        launch = np.zeros(self.timed.circuit.nets, np.int32)
        for net, edges in self.launch_fs.items():
            launch[net] = edges[after[net]]
        old, new = ({net: int(lane[net]) for net in self.launch_fs} for lane in (before, after))
        return play(replace(self.timed, launch_fs=launch), {}, old, new).arrival_fs


def bare_multiplier(corner: DesignCorner, ends: list[int]) -> Bare:
    """The logic in front of some registers as a design of its own, compiled afresh; the nets keep their numbers."""
    circuit, netlist = corner.circuit, corner.circuit.netlist
    driver = {int(net): g for g, net in enumerate(circuit.out)}
    products = [net for g in ends for net in data_nets(circuit, g)]
    todo, gates, operands = list(products), set(), {}
    while todo:
        net = todo.pop()
        if net not in driver or driver[net] in gates:
            continue
        if circuit.kind[driver[net]] == FLOP:
            operands[net] = driver[net]
            continue
        gates.add(driver[net])
        todo += data_nets(circuit, driver[net])
    alone = Netlist(
        name="alone",
        nets=netlist.nets,
        inputs={f"in{net}": (net,) for net in operands},
        outputs={f"out{net}": (net,) for net in products},
        port_lsb={},
        scalar_ports=frozenset(),
        instances=tuple(netlist.instances[number] for number in sorted({int(circuit.instance[g]) for g in gates})),
        constants=netlist.constants,
    )
    bare = compile_circuit(alone, corner.library)
    gate_of = {(netlist.instances[circuit.instance[g]].name, circuit.output_pin[g]): g for g in gates}
    order = [
        gate_of[alone.instances[instance].name, pin]
        for instance, pin in zip(bare.instance, bare.output_pin, strict=True)
    ]
    start = circuit.arc_start
    launch = {}
    for net, g in operands.items():
        table = circuit.table[circuit.table_start[g] : circuit.table_start[g + 1]].tolist()
        pins = len(data_nets(circuit, g))
        launch[net] = tuple(int(arcs_of(corner, g)[table.index(value) * pins]) for value in (0, 1))
    timed = TimedCircuit(
        bare,
        np.concatenate([arcs_of(corner, g) for g in order]),
        np.concatenate([corner.delays.enabled[start[g] : start[g + 1]] for g in order]),
        np.zeros(bare.nets, np.int32),
        np.array(products, np.int32),
        np.zeros(len(products), np.int32),
    )
    return Bare(timed, launch)


def arcs_of(corner: DesignCorner, gate: int) -> np.ndarray:
    start = corner.circuit.arc_start
    return corner.delays.arc_fs[start[gate] : start[gate + 1]]


@pytest.mark.tools
@pytest.mark.parametrize("library", ["osu018", "asap7"])
@pytest.mark.parametrize(("rtl", "ties"), [(PIPELINE, {"load": 1}), (ACCUMULATOR, {}), (OPEN, {})])
def test_registered_tops_in_icarus(load: Load, tmp_path: Path, library: str, rtl: str, ties: dict[str, int]) -> None:
    """The timed netlist lacks the way back into the weight register, and is clocked."""
    corner = load(rtl, library, **ties)
    path = tmp_path / "timed_netlist.v"
    write_timed_netlist(corner.circuit, corner.delays, path, library=corner.library)
    samples = draw_samples(corner, 100, np.random.default_rng(7))
    compared = compare(corner, path, samples, explain=True)
    same, first = compared.equal, compared.first_difference
    assert first is None, first.text
    assert len(same) == 100 and all(same)


def test_ports_without_a_register_pay_for_one(load: Load) -> None:
    """With the weight 0 all paths go from the partial sum's port to the output's: one clk-to-Q and one setup more."""
    corner = load(OPEN, "osu018")
    assert corner.boundary is not None
    clk_to_q_s, setup_s = corner.boundary.clk_to_q_s, corner.boundary.setup_s
    assert clk_to_q_s > 100e-12 and setup_s > 10e-12
    clk_to_q, setup = round(clk_to_q_s * 1e15), round(setup_s * 1e15)
    charged, bare = (
        characterize_corner(
            c, stimulus_of(c, 1), every(c), method="bound", seed=1, jobs=2, report=lambda done, total: None
        )
        for c in (corner, replace(corner, boundary=None))
    )
    zero = [weight.weight for weight in bare.weights].index(0)
    bound = bare.weights[zero].bound_fs
    assert bound is not None
    assert charged.weights[zero].bound_fs == bound + clk_to_q
    assert charged.weights[zero].bound_period_fs == bound + clk_to_q + setup
    assert charged.static_s[zero] == pytest.approx(bare.static_s[zero] + clk_to_q_s, abs=1e-18)
    assert charged.static_period_s[zero] == pytest.approx(bare.static_s[zero] + clk_to_q_s + setup_s, abs=1e-18)


@pytest.mark.parametrize("library", ["osu018", "asap7"])
def test_an_accumulator_adds_up(load: Load, library: str) -> None:
    corner = load(ACCUMULATOR, library)
    circuit, roles = corner.circuit, corner.roles
    assert roles.accumulator is None and roles.weight_encoding.signed
    assert len(circuit.state_gates) == 10
    exact(corner, 200)
    stimulus = make_stimulus(
        roles, circuit, random_samples=None, trace=None, activations=None, psum_samples=300, weights=16, seed=1
    )
    before, after, _ = listed_transitions(stimulus, circuit, roles, 5, 1)
    seen = [read_port(circuit.netlist, evaluate(circuit, lanes), "y", signed=True) for lanes in (before, after)]
    activation = sum(before[net].astype(np.int64) << i for i, net in enumerate(circuit.netlist.inputs["a"]))
    activation -= activation >> 3 << 4
    assert np.array_equal((seen[0] + 5 * activation) & 1023, seen[1] & 1023)


def test_the_element_that_comes_with_halo(libraries: dict[str, tuple[Path, ...]], tmp_path: Path) -> None:
    sources = (*mac_sources(), *sorted((rtl_folder() / "pe").glob("*.v")))
    narrow: dict[str, int | str] = {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4, "ACC_WIDTH": 10}
    top, declared = read_ports(sources, "pe_ws", narrow)
    liberty = libraries["osu018"]
    netlist = synthesize(sources, top, liberty, parameters=narrow, workdir=tmp_path).netlist_verilog
    enables = {"weight_load_i": 1, "swap_i": 1, "valid_i": 1}

    def loaded(ties: dict[str, int]) -> DesignCorner:
        return load_corner("c", liberty, netlist, top, config_for("c", liberty, netlist, ties), declared=declared)

    corners = [loaded(enables), loaded(enables | {"srst_ni": 1})]
    for corner in corners:
        assert corner.roles.tie == enables | {"srst_ni": 1}
        assert corner.circuit.state_gates.size == 0
    exact(corners[0])
    for off in ("weight_load_i", "swap_i", "srst_ni"):
        with pytest.raises(HaloError, match=f"output psum_o does not depend on weight weight_i with .*{off}=0") as tied:
            loaded(enables | {off: 0})
        assert "ties=" in tied.value.fix
    with pytest.raises(HaloError, match="input weight_load_i has no role") as untold:
        loaded({"swap_i": 1, "valid_i": 1})
    assert "ties={'weight_load_i': VALUE}" in untold.value.fix


def test_a_gated_clock_is_refused_unless_it_is_held_open(load: Load) -> None:
    rtl = ACCUMULATOR.replace("module acc (", "module gated ( input en,").replace("posedge clk", "posedge gclk")
    rtl = rtl.replace("endmodule", "    wire gclk = clk & en;\nendmodule")
    with pytest.raises(HaloError, match=r"input en has no role"):
        load(rtl, "osu018")
    with pytest.raises(HaloError, match=r"the clock at pin CLK of flip-flop .* is a constant"):
        load(rtl, "osu018", en=0)
    assert load(rtl, "osu018", en=1).circuit.state_gates.size == 10
