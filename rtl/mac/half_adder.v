// SPDX-License-Identifier: Apache-2.0
// half_adder: a + b = 2 * carry + sum.
//
// Combinational. A leaf cell: structure-preserving synthesis maps it by itself.
//
// a_i, b_i   addends
// sum_o      a xor b
// carry_o    a and b
`default_nettype none

module half_adder (
    input  wire a_i,
    input  wire b_i,
    output wire sum_o,
    output wire carry_o
);

    assign sum_o   = a_i ^ b_i;
    assign carry_o = a_i & b_i;

endmodule

`default_nettype wire
