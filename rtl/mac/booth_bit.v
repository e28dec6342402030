// SPDX-License-Identifier: Apache-2.0
// booth_bit: one bit of a Booth partial product: the activation bit, its right neighbour (twice the activation) or
// zero, inverted when the digit is negative.
//
// Combinational leaf cell.
//
// one_i, two_i, negative_i   the digit, from booth_digit
// activation_i               activation bit of this column
// activation_low_i           activation bit of the column below
// partial_o                  the bit; a negative digit still lacks + 1
`default_nettype none

module booth_bit (
    input  wire one_i,
    input  wire two_i,
    input  wire negative_i,
    input  wire activation_i,
    input  wire activation_low_i,
    output wire partial_o
);

    assign partial_o = ((one_i & activation_i) | (two_i & activation_low_i)) ^ negative_i;

endmodule

`default_nettype wire
