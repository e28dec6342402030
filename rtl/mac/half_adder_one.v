// SPDX-License-Identifier: Apache-2.0
// half_adder_one: a + b + 1 = 2 * carry + sum.
//
// A full adder whose third addend is the constant one. Combinational leaf cell.
//
// a_i, b_i   addends
// sum_o      a xnor b
// carry_o    a or b
`default_nettype none

module half_adder_one (
    input  wire a_i,
    input  wire b_i,
    output wire sum_o,
    output wire carry_o
);

    assign sum_o   = ~(a_i ^ b_i);
    assign carry_o = a_i | b_i;

endmodule

`default_nettype wire
