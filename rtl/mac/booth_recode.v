// SPDX-License-Identifier: Apache-2.0
// booth_recode: a signed weight as radix-4 Booth digits: weight = sum over k of 4^k * digit(k).
//
// Combinational.
//
// WIDTH      bits of the weight, 2 or more
// weight_i   signed
// digits_o   3 bits a digit, {negative, two, one} from booth_digit, digit 0 lowest
`default_nettype none

module booth_recode #(
    parameter WIDTH = 8
) (
    input  wire [WIDTH-1:0]               weight_i,
    output wire [3*((WIDTH+1)/2)-1:0]     digits_o
);

    localparam integer DIGITS = (WIDTH + 1) / 2;

    wire [2*DIGITS:0] extended;  // the weight, sign-extended to an even width, with a zero below

    genvar k;

    assign extended[WIDTH:0] = {weight_i, 1'b0};

    generate
        if (WIDTH % 2 != 0) begin : g_odd
            assign extended[2*DIGITS] = weight_i[WIDTH-1];
        end
        for (k = 0; k < DIGITS; k = k + 1) begin : g_digit
            booth_digit u_digit (
                .weight_i  (extended[2*k+:3]),
                .one_o     (digits_o[3*k]),
                .two_o     (digits_o[3*k+1]),
                .negative_o(digits_o[3*k+2])
            );
        end
    endgenerate

endmodule

`default_nettype wire
