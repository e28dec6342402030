// SPDX-License-Identifier: Apache-2.0
// booth_recode_lanes: one signed weight, or a pair of signed weights of half the width, as radix-4 Booth digits.
//
// Combinational. One weight: as booth_recode has it. A pair: the low digits are those of the low half, the high digits
// those of the high half, whose lowest digit has a zero below in place of the low half's top bit.
//
// WIDTH      bits of weight_i, a multiple of four
// weight_i   one signed weight, or {high, low}, two of them
// pair_i     1: it is a pair
// digits_o   3 bits a digit, {negative, two, one} from booth_digit, digit 0 lowest
`default_nettype none

module booth_recode_lanes #(
    parameter WIDTH = 8
) (
    input  wire [WIDTH-1:0]       weight_i,
    input  wire                   pair_i,
    output wire [3*(WIDTH/2)-1:0] digits_o
);

    booth_recode #(
        .WIDTH(WIDTH / 2)
    ) u_low (
        .weight_i(weight_i[WIDTH/2-1:0]),
        .digits_o(digits_o[0+:3*(WIDTH/4)])
    );

    genvar k;

    generate
        for (k = WIDTH / 4; k < WIDTH / 2; k = k + 1) begin : g_high
            booth_digit u_digit (
                .weight_i  ({weight_i[2*k+:2], (k == WIDTH / 4) ? weight_i[2*k-1] & ~pair_i : weight_i[2*k-1]}),
                .one_o     (digits_o[3*k]),
                .two_o     (digits_o[3*k+1]),
                .negative_o(digits_o[3*k+2])
            );
        end
    endgenerate

endmodule

`default_nettype wire
