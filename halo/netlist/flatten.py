# SPDX-License-Identifier: Apache-2.0
"""Hierarchy and aliases away: from parsed modules to one flat netlist with a net per electrical node.

Nets joined by ``assign`` or by a port of a submodule become one net (union-find). It keeps the name that stands
highest: an input port of the top, an output port, then the least depth, then the first declared.

Tests: tests/netlist/test_verilog_reader.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from halo.errors import HaloError
from halo.netlist.model import Instance, Netlist
from halo.netlist.syntax import MAX_BITS, Concat, Const, Expr, InstanceText, ModuleText, Ref, Signal, X, Z

_INPUT, _OUTPUT, _INNER = 0, 1, 2
MAX_SIZE = 1 << 23
"""Most nets and cells: a hierarchy that doubles at each level is a few lines of text and fills any memory."""
_DEPTH = 200

Bit = int
"""A raw net (0 or more) or a constant: ``-1 - value`` for 0, 1, X, Z."""


def _constant(value: int) -> Bit:
    return -1 - value


def flatten(modules: dict[str, ModuleText], top: str, path: str) -> Netlist:
    """Elaborate ``top``. Instances of modules that the file does not hold, or holds only as empty shells, are cells.

    Raises:
        HaloError: undeclared bit, width mismatch, several drivers, recursion, ordered connections to an unknown cell.
    """
    if _size(modules, top, {}) > MAX_SIZE:
        raise HaloError(
            f"module {top} has more than {MAX_SIZE:,} nets and cells",
            "Give the netlist of a MAC alone, or name the MAC with --top.",
            path,
            modules[top].line,
        )
    return _Flattener(modules, path).run(modules[top])


def _size(modules: dict[str, ModuleText], name: str, known: dict[str, int], depth: int = 0) -> int:
    """Nets and cells of a module with all that it holds; what is refused for its depth or holds itself counts once."""
    if name in known or name not in modules or depth > _DEPTH:
        return known.get(name, 1)
    known[name] = 1
    module = modules[name]
    size = sum(len(signal.indices()) for signal in module.signals.values())
    size += sum(_size(modules, instance.cell, known, depth + 1) for instance in module.instances)
    known[name] = max(1, size)
    return known[name]


class _Flattener:
    def __init__(self, modules: dict[str, ModuleText], path: str) -> None:
        self.modules = modules
        self.path = path
        self.names: list[str] = []
        self.parent: list[int] = []
        self.rank: list[int] = []
        self.driver: dict[int, int] = {}
        self.value: dict[int, int] = {}
        self.tied: list[tuple[int, int]] = []
        self.pins: list[tuple[str, str, dict[str, Bit], int]] = []
        self.numbered: set[str] = set()
        self.stack: list[str] = []

    def error(self, what: str, fix: str, line: int) -> HaloError:
        return HaloError(what, fix, self.path, line)

    # Nets.

    def add(self, name: str, rank: int) -> int:
        self.names.append(name)
        self.parent.append(len(self.parent))
        self.rank.append(rank)
        return len(self.parent) - 1

    def find(self, net: int) -> int:
        parent = self.parent
        while parent[net] != net:
            parent[net] = parent[parent[net]]
            net = parent[net]
        return net

    def union(self, a: int, b: int) -> None:
        a, b = self.find(a), self.find(b)
        if a == b:
            return
        if (self.rank[b], b) < (self.rank[a], a):
            a, b = b, a
        self.parent[b] = a

    def drive(self, net: int, line: int) -> None:
        """Note what drives a raw net; a second driver is an error."""
        if net in self.driver:
            before = self.driver[net]
            raise self.error(
                f"net {self.names[net]} has several drivers, one of them at line {before}",
                "Leave one driver a net.",
                line,
            )
        self.driver[net] = line

    def connect(self, target: Bit, source: Bit, line: int) -> None:
        """``assign target = source`` for one bit."""
        if target < 0:
            raise self.error("a constant is driven", "Connect a net to this output.", line)
        self.drive(target, line)
        if source >= 0:
            self.union(target, source)
        elif source == _constant(0) or source == _constant(1):
            self.tied.append((target, -1 - source))

    # Modules.

    def run(self, top: ModuleText) -> Netlist:
        bits = self.elaborate(top, "", 0)
        ports: dict[str | None, dict[str, list[int]]] = {"input": {}, "output": {}, "inout": {}}
        for port in top.ports:
            ports[top.signals[port].direction][port] = bits[port]
        return self.finish(top, ports["input"], ports["output"], ports["inout"])

    def elaborate(self, module: ModuleText, prefix: str, depth: int) -> dict[str, list[int]]:
        """Enter a module's nets and contents; returns its signals' raw nets, least significant bit first."""
        self.stack.append(module.name)
        outer, self.path = self.path, module.path
        scope: dict[str, list[int]] = {}
        for signal in module.signals.values():
            scope[signal.name] = self.allocate(signal, prefix, depth)
        for left, right, line in module.assigns:
            targets = self.bits(left, module, scope, prefix, depth)
            sources = self.fit(self.bits(right, module, scope, prefix, depth), right, len(targets), "this assign", line)
            for target, source in zip(targets, sources, strict=True):
                self.connect(target, source, line)
        seen: dict[str, int] = {}
        for instance in module.instances:
            if instance.name in seen:
                raise self.error(
                    f"instance name {instance.name} is used twice, before at line {seen[instance.name]}",
                    "Give each instance a name of its own.",
                    instance.line,
                )
            seen[instance.name] = instance.line
            inner = self.modules.get(instance.cell)
            if inner is None or inner.is_cell:
                self.cell(instance, inner, module, scope, prefix, depth)
            else:
                self.submodule(instance, inner, module, scope, prefix, depth)
        self.stack.pop()
        self.path = outer
        return scope

    def allocate(self, signal: Signal, prefix: str, depth: int) -> list[int]:
        rank = _INNER + depth
        if depth == 0 and signal.direction is not None:
            rank = _INPUT if signal.direction == "input" else _OUTPUT
        name = prefix + signal.name
        nets = [self.add(name if signal.range is None else f"{name}[{index}]", rank) for index in signal.indices()]
        for net in nets:
            if depth == 0 and signal.direction == "input":
                self.drive(net, signal.line)
            if signal.supply is not None:
                self.drive(net, signal.line)
                self.tied.append((net, signal.supply))
        return nets

    def bits(self, expr: Expr, module: ModuleText, scope: dict[str, list[int]], prefix: str, depth: int) -> list[Bit]:
        """Bits of an expression, least significant first."""
        if isinstance(expr, Const):
            return [_constant(value) for value in expr.bits]
        if isinstance(expr, Concat):
            joined: list[Bit] = []
            for part in reversed(expr.parts):
                if isinstance(part, Const) and not part.sized:
                    raise self.error("a constant without a size in a concatenation", "Write its size.", part.line)
                joined += self.bits(part, module, scope, prefix, depth)
            if len(joined) * expr.repeat > MAX_BITS:
                raise self.error("a concatenation of more than a million bits", "Correct the number.", expr.line)
            return joined * expr.repeat
        signal = module.signals.get(expr.name)
        if signal is None:
            signal = self.implicit(expr, module)
        if expr.name not in scope:
            scope[expr.name] = self.allocate(signal, prefix, depth)
        nets = scope[expr.name]
        if expr.msb is None or expr.lsb is None:
            return list(nets)
        if signal.range is None:
            raise self.error(f"{expr.name} is a single bit, it has no index", "Declare its range.", expr.line)
        position = {index: i for i, index in enumerate(signal.indices())}
        for index in (expr.msb, expr.lsb):
            if index not in position:
                msb, lsb = signal.range
                raise self.error(
                    f"{expr.name}[{index}] is outside {expr.name}[{msb}:{lsb}]", "Correct the index.", expr.line
                )
        first, last = position[expr.lsb], position[expr.msb]
        if first > last:
            raise self.error(
                f"{expr.name}[{expr.msb}:{expr.lsb}] runs against the declared range", "Swap the bounds.", expr.line
            )
        return list(nets[first : last + 1])

    def implicit(self, ref: Ref, module: ModuleText) -> Signal:
        """An undeclared name is a scalar wire (IEEE 1364-2005, 4.5), unless ``default_nettype none``."""
        if ref.msb is not None or not module.implicit_nets:
            near = get_close_matches(ref.name, module.signals, 3)
            hint = f"Near names: {', '.join(near)}." if near else f"Declare it as a wire in module {module.name}."
            raise self.error(f"net {ref.name} is not declared in module {module.name}", hint, ref.line)
        signal = Signal(ref.name, None, ref.line)
        module.signals[ref.name] = signal
        return signal

    def fit(self, bits: list[Bit], expr: Expr, width: int, where: str, line: int) -> list[Bit]:
        """Check a width; a constant without a size takes any width that holds its value."""
        if isinstance(expr, Const) and not expr.sized:
            fill = bits[-1] if bits[-1] <= _constant(X) else _constant(0)
            padded = bits + [fill] * max(0, width - len(bits))
            if all(bit == _constant(0) for bit in padded[width:]):
                return padded[:width]
        if len(bits) != width:
            raise self.error(
                f"width mismatch in {where}: {len(bits)} bits meet {width}", "Make both sides equally wide.", line
            )
        return bits

    def connections(self, instance: InstanceText, inner: ModuleText) -> Iterator[tuple[Signal, Expr]]:
        """Port and expression of every connected port, whether connected by name or by order."""
        named = instance.named
        if named is None:
            if len(instance.ordered) > len(inner.ports):
                raise self.error(
                    f"instance {instance.name} connects {len(instance.ordered)} ports, module {inner.name} has "
                    f"{len(inner.ports)}",
                    "Connect the ports by name.",
                    instance.line,
                )
            named = dict(zip(inner.ports, instance.ordered, strict=False))
        for port, expr in named.items():
            if port not in inner.ports:
                near = get_close_matches(port, inner.ports, 3) or inner.ports[:8]
                raise self.error(
                    f"module {inner.name} has no port {port} (instance {instance.name})",
                    f"Use one of its ports: {', '.join(near)}.",
                    instance.line,
                )
            if expr is not None:
                yield inner.signals[port], expr

    def submodule(
        self,
        instance: InstanceText,
        inner: ModuleText,
        module: ModuleText,
        scope: dict[str, list[int]],
        prefix: str,
        depth: int,
    ) -> None:
        if inner.name in self.stack:
            raise self.error(f"module {inner.name} holds an instance of itself", "Remove it.", instance.line)
        if depth == _DEPTH:
            raise self.error(f"modules in each other, {_DEPTH} deep", "Flatten the netlist.", instance.line)
        inside = self.elaborate(inner, f"{prefix}{instance.name}.", depth + 1)
        for signal, expr in self.connections(instance, inner):
            nets = inside[signal.name]
            where = f"the connection of port {signal.name} of instance {prefix}{instance.name}"
            outside = self.fit(self.bits(expr, module, scope, prefix, depth), expr, len(nets), where, instance.line)
            for net, bit in zip(nets, outside, strict=True):
                if signal.direction == "input":
                    self.connect(net, bit, instance.line)
                elif bit == _constant(Z):
                    continue
                elif signal.direction == "output":
                    self.connect(bit, net, instance.line)
                elif bit >= 0:
                    self.union(net, bit)
                else:
                    raise self.error(f"{where} is a constant", "Connect a net to this inout.", instance.line)

    def cell(
        self,
        instance: InstanceText,
        shell: ModuleText | None,
        module: ModuleText,
        scope: dict[str, list[int]],
        prefix: str,
        depth: int,
    ) -> None:
        name = prefix + instance.name
        pins: dict[str, Bit] = {}
        if shell is not None:
            for signal, expr in self.connections(instance, shell):
                where = f"the connection of pin {signal.name} of instance {name}"
                width = len(signal.indices())
                bits = self.fit(self.bits(expr, module, scope, prefix, depth), expr, width, where, instance.line)
                for index, bit in zip(signal.indices(), bits, strict=True):
                    pins[signal.name if signal.range is None else f"{signal.name}[{index}]"] = bit
        elif instance.named is None:
            raise self.error(
                f"instance {name} of {instance.cell} connects its pins by order, which a Liberty file does not say",
                f"Connect them by name (.A(n1)), or add an empty module {instance.cell} with its ports in order.",
                instance.line,
            )
        else:
            for pin, open_or_expr in instance.named.items():
                if open_or_expr is None:
                    continue
                bits = self.bits(open_or_expr, module, scope, prefix, depth)
                if isinstance(open_or_expr, Const) and not open_or_expr.sized:
                    bits = self.fit(bits, open_or_expr, 1, f"pin {pin} of instance {name}", instance.line)
                if len(bits) == 1:
                    pins[pin] = bits[0]
                else:
                    pins.update({f"{pin}[{i}]": bit for i, bit in enumerate(bits)})
            self.numbered.add(instance.cell)
        self.pins.append((name, instance.cell, pins, instance.line))

    # The result.

    def finish(
        self,
        top: ModuleText,
        inputs: dict[str, list[int]],
        outputs: dict[str, list[int]],
        inouts: dict[str, list[int]],
    ) -> Netlist:
        """Number the nets that something touches and settle the constants."""
        constants: dict[int, int] = {}
        for net, value in self.tied:
            root = self.find(net)
            if constants.setdefault(root, value) != value:
                raise self.error(
                    f"net {self.names[root]} is tied to 0 and to 1", "Leave one driver a net.", self.driver[net]
                )
        shared: dict[int, int] = {}
        instances: list[tuple[str, str, dict[str, int], int]] = []
        taken: dict[str, int] = {}
        for name, cell, pins, line in self.pins:
            if name in taken:
                raise self.error(
                    f"two instances are called {name} after flattening, the other at line {taken[name]}",
                    "Flatten the netlist in the synthesis tool.",
                    line,
                )
            taken[name] = line
            nets: dict[str, int] = {}
            for pin, bit in pins.items():
                if bit == _constant(Z):
                    continue
                if bit < 0 and bit not in shared:
                    value = -1 - bit
                    shared[bit] = self.add("1'bx" if value == X else f"1'b{value}", _INNER)
                    if value != X:
                        constants[shared[bit]] = value
                nets[pin] = self.find(bit) if bit >= 0 else shared[bit]
            instances.append((name, cell, nets, line))

        ports = [net for group in (inputs, outputs, inouts) for bits in group.values() for net in bits]
        used = {self.find(net) for net in ports}
        used.update(net for _, _, nets, _ in instances for net in nets.values())
        kept = sorted(used)
        number = {net: i for i, net in enumerate(kept)}

        def numbered(group: dict[str, list[int]]) -> dict[str, tuple[int, ...]]:
            return {port: tuple(number[self.find(net)] for net in bits) for port, bits in group.items()}

        return Netlist(
            name=top.name,
            nets=_unique([self.names[net] for net in kept]),
            inputs=numbered(inputs),
            outputs=numbered(outputs),
            inouts=numbered(inouts),
            port_lsb={port: top.signals[port].indices()[0] for port in top.ports},
            scalar_ports=frozenset(port for port in top.ports if top.signals[port].range is None),
            instances=tuple(
                Instance(name, cell, {pin: number[net] for pin, net in nets.items()}, line)
                for name, cell, nets, line in instances
            ),
            constants={number[net]: value for net, value in sorted(constants.items()) if net in number},
            path=self.path,
            signed_ports=frozenset(port for port in top.ports if top.signals[port].signed),
            numbered=frozenset(self.numbered),
            upward_ports=frozenset(name for name in top.ports if _upward(top.signals[name].range)),
        )


def _upward(declared: tuple[int, int] | None) -> bool:
    """A range counts up, as [0:7]."""
    return declared is not None and declared[0] < declared[1]


def _unique(names: list[str]) -> tuple[str, ...]:
    """Tell apart the bit ``a[0]`` of a vector and a net whose escaped name is ``a[0]``: the later gets a suffix."""
    taken: set[str] = set()
    result: list[str] = []
    for name in names:
        unique, count = name, 1
        while unique in taken:
            count += 1
            unique = f"{name}_{count}"
        taken.add(unique)
        result.append(unique)
    return tuple(result)
