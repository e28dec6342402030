// SPDX-License-Identifier: Apache-2.0
// prefix_black_p: joins two neighbouring groups of a carry-prefix tree; inverted inputs, true outputs.
//
// Combinational leaf cell, the counterpart of prefix_black_n: one OR-AND-INVERT and one NOR.
//
// high_generate_ni, high_propagate_ni   the more significant group, inverted
// low_generate_ni, low_propagate_ni     the less significant group, inverted
// generate_o                            high generates, or it propagates what the low group generates
// propagate_o                           both propagate
`default_nettype none

module prefix_black_p (
    input  wire high_generate_ni,
    input  wire high_propagate_ni,
    input  wire low_generate_ni,
    input  wire low_propagate_ni,
    output wire generate_o,
    output wire propagate_o
);

    assign generate_o  = ~(high_generate_ni & (high_propagate_ni | low_generate_ni));
    assign propagate_o = ~(high_propagate_ni | low_propagate_ni);

endmodule

`default_nettype wire
