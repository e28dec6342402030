// SPDX-License-Identifier: Apache-2.0
// full_adder: a + b + c = 2 * carry + sum.
//
// Combinational leaf cell. c_i passes through one exclusive-or only and is meant for the latest of the three.
//
// a_i, b_i, c_i   addends
// sum_o           parity
// carry_o         majority
`default_nettype none

module full_adder (
    input  wire a_i,
    input  wire b_i,
    input  wire c_i,
    output wire sum_o,
    output wire carry_o
);

    wire half;

    assign half    = a_i ^ b_i;
    assign sum_o   = half ^ c_i;
    assign carry_o = (a_i & b_i) | (half & c_i);

endmodule

`default_nettype wire
