// SPDX-License-Identifier: Apache-2.0
// prefix_black_n: joins two neighbouring groups of a carry-prefix tree; true inputs, inverted outputs.
//
// Combinational leaf cell. Levels of true and of inverted signals alternate, so that each cell is one AND-OR-INVERT
// and one NAND and no inverter stands in the carry path.
//
// high_generate_i, high_propagate_i   the more significant group
// low_generate_i, low_propagate_i     the less significant group
// generate_no                         not (high generates, or it propagates what the low group generates)
// propagate_no                        not (both propagate)
`default_nettype none

module prefix_black_n (
    input  wire high_generate_i,
    input  wire high_propagate_i,
    input  wire low_generate_i,
    input  wire low_propagate_i,
    output wire generate_no,
    output wire propagate_no
);

    assign generate_no  = ~(high_generate_i | (high_propagate_i & low_generate_i));
    assign propagate_no = ~(high_propagate_i & low_propagate_i);

endmodule

`default_nettype wire
