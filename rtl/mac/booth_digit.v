// SPDX-License-Identifier: Apache-2.0
// booth_digit: recodes three neighbouring bits of the weight into a radix-4 Booth digit -2, -1, 0, 1 or 2.
//
// Combinational leaf cell. Source: O. L. MacSorley, Proc. IRE 49 (1), 1961.
//
// weight_i     bits 2k + 1, 2k and 2k - 1 of the weight
// one_o        the digit is 1 or -1
// two_o        the digit is 2 or -2
// negative_o   the digit is below zero (the digit 0 counts as positive, so that its row stays quiet)
`default_nettype none

module booth_digit (
    input  wire [2:0] weight_i,
    output wire       one_o,
    output wire       two_o,
    output wire       negative_o
);

    assign one_o      = weight_i[1] ^ weight_i[0];
    assign two_o      = (weight_i[2] & ~weight_i[1] & ~weight_i[0]) | (~weight_i[2] & weight_i[1] & weight_i[0]);
    assign negative_o = weight_i[2] & ~(weight_i[1] & weight_i[0]);

endmodule

`default_nettype wire
