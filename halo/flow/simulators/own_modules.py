# SPDX-License-Identifier: Apache-2.0
"""Verilog of the user's own in a bench: what it may be, checked before anything is built, and how it gets in.

A module takes part in one of two ways.

- DUT of the bench ``mac``, or MULTIPLIER of the others, names it: a combinational multiplier or MAC with the ports of
  ``contract``. halo writes it into ``mul_external`` and ``mac_external``, which ``rtl/pe/pe_datapath.v`` takes for
  MULTIPLIER = "external" as it takes the families of ``rtl/mac``. A multiplier gets a Kogge-Stone adder behind it
  where a MAC is needed; a MAC cannot stand where a product is needed.
- It has the name of one of the bench's modules, and its ports and parameters, and takes its place.

Tests: tests/flow/simulators/test_own_modules.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from halo.characterization.interface import read_face
from halo.config import Operand, SourcesConfig
from halo.errors import HaloError
from halo.flow.simulators.benches import Bench, Value
from halo.netlist.filelist import read_sources
from halo.netlist.hdl import ModuleInfo, PortInfo
from halo.netlist.sources import Sources

EXTERNAL = "external"
"""What MULTIPLIER is in the Verilog, where the user named a module."""
_SET_BY = {"weight_i": ("WEIGHT_WIDTH",), "activation_i": ("ACTIVATION_WIDTH",), "psum_i": ("ACC_WIDTH",)}
"""Parameters that give ports their widths; of a dot product's operands it is WIDTH."""
_OPERANDS: dict[str, Operand] = {"weight_i": "weight", "activation_i": "activation"}


@dataclass(frozen=True)
class OwnModules:
    """Verilog that the user brings.

    Attributes:
        sources: its files, macros and include folders.
        read: every file read for them, lists too.
        signed: operands read as signed, whatever is declared.
    """

    sources: Sources
    read: tuple[Path, ...]
    signed: tuple[Operand, ...] = ()


@dataclass(frozen=True)
class Placed:
    """The Verilog of a bench with the user's modules in it.

    Attributes:
        sources: all files, macros and include folders, what halo writes around the user's module among them.
        values: of every parameter of the bench, as the user gave them, and of the user's module.
        built: the same for the Verilog.
        said: what became of the user's modules, one sentence each.
    """

    sources: Sources
    values: Mapping[str, Value]
    built: Mapping[str, Value]
    said: tuple[str, ...] = ()


def own_modules(config: SourcesConfig, signed: Sequence[Operand] = ()) -> OwnModules | None:
    """What the options bring; None where they name no file.

    Raises:
        HaloError: as ``halo.netlist.filelist.read_sources``, or a file or folder is not there.
    """
    if config.top is not None:
        raise HaloError("a top module is named, and the bench has its own", "Leave out the top module.")
    if not config.files and not config.file_lists:
        if signed:
            raise HaloError(f"the {signed[0]} is said to be signed, and no Verilog is given", "Add the Verilog.")
        return None
    sources, lists = read_sources(config.files, config.file_lists, config.defines, config.include_dirs)
    sources.require()
    return OwnModules(sources, (*lists, *sources.files), tuple(signed))


def contract(multiplier: bool, widths: Mapping[str, int]) -> tuple[PortInfo, ...]:
    """The ports that a multiplier, or a MAC, must have.

    Args:
        widths: bits, of the keys ``weight``, ``activation`` and (MAC) ``acc``.
    """
    weight, activation = widths["weight"], widths["activation"]
    operands = (PortInfo("weight_i", "input", weight, True), PortInfo("activation_i", "input", activation, True))
    if multiplier:
        return (*operands, PortInfo("product_o", "output", weight + activation, True))
    acc = widths["acc"]
    return (*operands, PortInfo("psum_i", "input", acc, True), PortInfo("psum_o", "output", acc, True))


def place(bench: Bench, given: Mapping[str, Value], own: OwnModules | None, folder: Path) -> Placed:
    """Put the user's modules into a bench.

    Args:
        given: parameters that differ from the defaults, those of the user's module among them.
        folder: where the module around the user's is written, if one is needed.

    Raises:
        HaloError: a parameter is unknown or has a value it cannot have; no module of the user's is used; or one does
            not fit the place where it is to stand.
    """
    if own is None:
        values = bench.values(given)
        return Placed(bench.verilog or Sources(bench.sources), values, values)
    from halo.synth.slang import module_places  # a while to load, which a bench without such modules need not pay

    places = module_places(own.sources)
    slot = next((parameter for parameter in bench.parameters if parameter.names_module), None)
    name = given.get(slot.name, slot.default) if slot is not None else None
    # A family of MULTIPLIER is no module's name; DUT's values are.
    external = name in places and slot is not None and (slot.macro or name not in slot.choices)
    replaced = [path for path in bench.sources if path.stem in places and not (external and path.stem == name)]
    if slot is not None and not external and name not in slot.choices:
        raise HaloError(
            f"the sources hold no module {name}", f"Name one of theirs with {slot.name}: {', '.join(places) or 'none'}."
        )
    if not external and not replaced:
        what = f"bench {bench.name} would use none of the modules {', '.join(places) or 'of the sources'}"
        how = f"Name one with {slot.name}, or give one" if slot is not None else "Give one"
        raise HaloError(what, f"{how} the name of the module that it is to replace.", own.sources.files[0])
    for path in replaced:
        _require_same_face(own, path)
    files = [path for path in bench.sources if path.stem not in places]
    said = [f"module {path.stem} of {places[path.stem][0]} stands in place of halo's" for path in replaced]
    if slot is None or not external:
        values = bench.values(given)
        built: Mapping[str, Value] = values
        wrapper = []
    else:
        known = {parameter.name for parameter in bench.parameters}
        values = bench.values({key: value for key, value in given.items() if key in known and key != slot.name})
        values[slot.name] = str(name)
        extra = {key: value for key, value in given.items() if key not in known}
        texts = _wrappers(own, str(name), bench, values, extra)
        folder.mkdir(parents=True, exist_ok=True)
        wrapper = [folder / f"{module}.v" for module in texts]
        for path, text in zip(wrapper, texts.values(), strict=True):
            path.write_text(text, encoding="utf-8")
        built = {**values, slot.name: next(iter(texts)) if slot.macro else EXTERNAL}
        values |= extra
        said.insert(0, f"module {name} of {places[str(name)][0]} is tested")
    # halo's files come first: macros and default_nettype of the user's hold in what follows.
    every = Sources((*files, *own.sources.files, *wrapper), own.sources.defines, own.sources.include_dirs)
    return Placed(every, values, built, tuple(said))


def _wrappers(
    own: OwnModules, name: str, bench: Bench, values: Mapping[str, Value], extra: Mapping[str, Value]
) -> dict[str, str]:
    """The modules around a module that fits, by their names; HaloError: it does not fit."""
    module = _module(own, name, {})
    declared = [parameter.name for parameter in module.parameters]
    for key in extra:
        if key not in declared:
            has = ", ".join(dict.fromkeys([*(p.name for p in bench.parameters), *declared]))
            raise HaloError(f"neither bench {bench.name} nor module {name} has a parameter {key}", f"They have {has}.")
    widths = _widths(values)
    follow = {key: width for key, width in _named(widths).items() if key in declared}
    module = _module(own, name, {**follow, **extra})
    found = {port.name: port for port in module.ports}
    multiplier = not {"psum_i", "psum_o"} & set(found)
    _require_ports(module, contract(multiplier, widths), own.signed, [n for n in values if n.endswith("WIDTH")])
    product = values.get("PIPELINE") or values.get("CARRY_SAVE") or "WIDTH" in values
    if product and not multiplier:
        raise HaloError(
            f"module {name} adds the partial sum, and bench {bench.name} needs the product by itself here",
            "Name a multiplier, with an output product_o."
            if "WIDTH" in values
            else "Name a multiplier, with an output product_o; or leave PIPELINE and CARRY_SAVE at 0.",
            module.path,
            module.line,
        )
    return wrappers(name, list(follow), extra, multiplier)


def _widths(values: Mapping[str, Value]) -> dict[str, int]:
    weight, activation = (values.get(name, values.get("WIDTH")) for name in ("WEIGHT_WIDTH", "ACTIVATION_WIDTH"))
    widths = {"weight": weight, "activation": activation, "acc": values["ACC_WIDTH"]}
    return {key: int(width) for key, width in widths.items() if width is not None}


def _named(widths: Mapping[str, int]) -> dict[str, int]:
    return {f"{key.upper()}_WIDTH": width for key, width in widths.items()}


def _module(own: OwnModules, name: str, parameters: Mapping[str, Value]) -> ModuleInfo:
    """A module of the user's with values of its parameters; its ports have widths."""
    from halo.synth.slang import module_places

    face = read_face(own.sources, name, parameters)
    path, line = module_places(own.sources)[name]
    known = next((module for module in face.modules if module.name == name), None)
    own_parameters = () if known is None else known.parameters
    return ModuleInfo(name, face.ports, own_parameters, frozenset(), str(path), line)


def _require_ports(
    module: ModuleInfo, needed: Sequence[PortInfo], signed: Sequence[Operand], widths: Sequence[str]
) -> None:
    """Check the ports of a module against a contract. ``widths``: parameters of the bench that set them.

    Raises:
        HaloError: with everything that differs, and what is needed.
    """
    found = {port.name: port for port in module.ports}
    wanted = {port.name: port for port in needed}
    wrong = [f"{name} is missing" for name in wanted if name not in found]
    wrong += [f"{_words(port)} has no use" for name, port in found.items() if name not in wanted]
    other: dict[str, int] = {}
    for name, port in wanted.items():
        has = found.get(name)
        if has is None:
            continue
        if has.direction != port.direction:
            wrong.append(f"{name} is an {has.direction}")
        if has.width != port.width:
            wrong.append(f"{name} has {_bits(has.width)}")
            of = next((p for p in (*_SET_BY.get(name, ()), "WIDTH") if p in widths), None)
            if of is not None and has.width is not None and name in _SET_BY:
                other[of] = has.width
        operand = _OPERANDS.get(name)
        if operand is not None and not has.signed and operand not in signed:
            wrong.append(f"{name} is unsigned")
    if not wrong:
        return
    fix = f"Give it {', '.join(map(_words, needed))}"
    if other and all(" bit" in problem for problem in wrong):
        fix += f"; or set {', '.join(f'{name}={width}' for name, width in other.items())}"
    elif all(problem.endswith("unsigned") for problem in wrong):
        fix += ", or say which operand is signed although its port is not, as in --signed weight"
    raise HaloError(
        f"module {module.name} does not fit the bench: {', '.join(wrong)}", f"{fix}.", module.path, module.line
    )


def _words(port: PortInfo) -> str:
    sign = "signed " if port.signed else ""
    return f"{port.direction} {sign}{'' if port.width in (None, 1) else f'[{port.width - 1}:0] '}{port.name}"


def _bits(width: int | None) -> str:
    return "an unknown width" if width is None else f"{width} bit{'s' if width != 1 else ''}"


def _require_same_face(own: OwnModules, path: Path) -> None:
    """Check that the user's module of the name of one of the bench's has its parameters and ports.

    Raises:
        HaloError: it has not.
    """
    name = path.stem
    original = read_face([path], name)
    parameters = {p.name: p.value for p in original.modules[0].parameters}
    declared = {p.name for p in _module(own, name, {}).parameters}
    module = _module(own, name, {k: v for k, v in parameters.items() if v is not None and k in declared})
    found = {port.name: (port.direction, port.width) for port in module.ports}
    wanted = {port.name: (port.direction, port.width) for port in original.ports}
    lacking = [parameter for parameter in parameters if parameter not in declared]
    missing, further = [port for port in wanted if port not in found], [port for port in found if port not in wanted]
    wrong = [f"lacks the parameters {', '.join(lacking)}"] if lacking else []
    wrong += [f"lacks the ports {', '.join(missing)}"] if missing else []
    wrong += [f"has {', '.join(further)} as well"] if further else []
    wrong += [
        f"has {port} as an {found[port][0]} of {_bits(found[port][1])}"
        for port in wanted
        if port in found and found[port] != wanted[port]
    ]
    if wrong:
        ports = ", ".join(map(_words, original.ports))
        raise HaloError(
            f"module {name} would replace halo's, and {', '.join(wrong)}",
            f"Rename it, or give it the parameters {', '.join(parameters)} and, at their defaults, the ports {ports}."
            if parameters
            else f"Rename it, or give it the ports {ports}.",
            module.path,
            module.line,
        )


def wrappers(name: str, follow: Sequence[str], extra: Mapping[str, Value], multiplier: bool) -> dict[str, str]:
    """The Verilog of ``mul_external``, where the user's module is a multiplier, and ``mac_external``, by their names.

    Args:
        name: of the user's module.
        follow: its parameters among WEIGHT_WIDTH, ACTIVATION_WIDTH and ACC_WIDTH.
        extra: its other parameters that are set.
    """
    literal = {key: f'"{value}"' if isinstance(value, str) else str(value) for key, value in extra.items()}
    settings = ", ".join(f".{key}({value})" for key, value in {**{key: key for key in follow}, **literal}.items())
    instance = f"{name} #({settings}) u_own" if settings else f"{name} u_own"
    if not multiplier:
        return {"mac_external": _MAC.format(body=_MAC_INSTANCE.format(instance=instance))}
    return {"mul_external": _MULTIPLIER.format(instance=instance), "mac_external": _MAC.format(body=_ADDER)}


_CHECKS = """    generate
        // A module that does not exist stops every tool, and its name says why.
        if (WEIGHT_WIDTH < 2 || WEIGHT_WIDTH > 16) begin : g_bad_weight
            parameter_WEIGHT_WIDTH_must_be_2_to_16 u_stop ();
        end
        if (ACTIVATION_WIDTH < 2 || ACTIVATION_WIDTH > 16) begin : g_bad_activation
            parameter_ACTIVATION_WIDTH_must_be_2_to_16 u_stop ();
        end
    endgenerate
"""
_MULTIPLIER = f"""// mul_external: the user's multiplier, where MULTIPLIER is "external". Written by halo.
`default_nettype none

module mul_external #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8
) (
    input  wire signed [WEIGHT_WIDTH-1:0]                  weight_i,
    input  wire signed [ACTIVATION_WIDTH-1:0]              activation_i,
    output wire signed [WEIGHT_WIDTH+ACTIVATION_WIDTH-1:0] product_o
);

{_CHECKS}
    {{instance}} (
        .weight_i    (weight_i),
        .activation_i(activation_i),
        .product_o   (product_o)
    );

endmodule

`default_nettype wire
"""
_MAC = f"""// mac_external: the user's MAC or multiplier, where MULTIPLIER is "external". Written by halo.
`default_nettype none

module mac_external #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 24
) (
    input  wire signed [WEIGHT_WIDTH-1:0]     weight_i,
    input  wire signed [ACTIVATION_WIDTH-1:0] activation_i,
    input  wire signed [ACC_WIDTH-1:0]        psum_i,
    output wire signed [ACC_WIDTH-1:0]        psum_o
);

{_CHECKS}
{{body}}
endmodule

`default_nettype wire
"""
_MAC_INSTANCE = """    {instance} (
        .weight_i    (weight_i),
        .activation_i(activation_i),
        .psum_i      (psum_i),
        .psum_o      (psum_o)
    );
"""
_ADDER = """    localparam integer PRODUCT_WIDTH = WEIGHT_WIDTH + ACTIVATION_WIDTH;

    wire signed [PRODUCT_WIDTH-1:0] product;

    mul_external #(
        .WEIGHT_WIDTH    (WEIGHT_WIDTH),
        .ACTIVATION_WIDTH(ACTIVATION_WIDTH)
    ) u_mul (
        .weight_i    (weight_i),
        .activation_i(activation_i),
        .product_o   (product)
    );

    kogge_stone_adder #(
        .WIDTH(ACC_WIDTH)
    ) u_adder (
        .a_i  (psum_i),
        .b_i  ({{(ACC_WIDTH - PRODUCT_WIDTH + 1) {product[PRODUCT_WIDTH-1]}}, product[PRODUCT_WIDTH-2:0]}),
        .sum_o(psum_o)
    );
"""
