# SPDX-License-Identifier: Apache-2.0
"""Netlists and HDL.

``verilog.read_netlist`` reads gates, ``compile.compile_circuit`` resolves them against a library into the arrays of
``model.Circuit``, ``graph`` and ``resets`` answer questions about a circuit, ``hdl.inspect`` reads RTL's modules.
"""
