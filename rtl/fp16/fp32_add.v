// SPDX-License-Identifier: Apache-2.0
// fp32_add: sum_o = a_i + b_i, IEEE 754 binary32, rounded to nearest, ties to even; subnormals included.
//
// Combinational, one path: the operand of larger magnitude stays, the other is shifted to its exponent and added or
// subtracted, the sum is shifted until it begins with a one, and rounded. A bit set at the place where the exponent
// runs out ends the search for the leading one, so subnormal sums need nothing else.
// NaN operands and infinities of opposite signs give the canonical quiet NaN 7fc00000; an exact zero is positive unless
// both operands are negative zeros.
`default_nettype none

module fp32_add (
    input  wire [31:0] a_i,
    input  wire [31:0] b_i,
    output wire [31:0] sum_o
);

    // Larger and smaller magnitude. a > b where a + ~b carries out of 31 bits.
    wire        greater;
    /* verilator lint_off UNUSEDSIGNAL */  // the difference itself has no reader
    wire [31:0] compared;
    /* verilator lint_on UNUSEDSIGNAL */
    kogge_stone_adder #(
        .WIDTH   (32),
        .A_SIGNAL(32'h7fffffff),
        .B_SIGNAL(32'h7fffffff)
    ) u_compare (
        .a_i  ({1'b0, a_i[30:0]}),
        .b_i  ({1'b0, ~b_i[30:0]}),
        .sum_o(compared)
    );
    assign greater = compared[31];

    wire sign;
    wire subtract;
    assign sign     = greater ? a_i[31] : b_i[31];
    assign subtract = a_i[31] ^ b_i[31];

    // Significands, and exponents, that of a subnormal as of the smallest normal number.
    wire        a_normal;
    wire        b_normal;
    wire [23:0] larger;
    wire [23:0] smaller;
    wire [7:0]  a_exponent;
    wire [7:0]  b_exponent;
    wire [7:0]  a_less_b;
    wire [7:0]  b_less_a;
    wire [7:0]  exponent;  // of the larger
    wire [7:0]  distance;
    assign a_normal   = |a_i[30:23];
    assign b_normal   = |b_i[30:23];
    assign larger     = greater ? {a_normal, a_i[22:0]} : {b_normal, b_i[22:0]};
    assign smaller    = greater ? {b_normal, b_i[22:0]} : {a_normal, a_i[22:0]};
    assign a_exponent = {a_i[30:24], a_i[23] | ~a_normal};
    assign b_exponent = {b_i[30:24], b_i[23] | ~b_normal};
    assign a_less_b   = a_exponent - b_exponent;
    assign b_less_a   = b_exponent - a_exponent;
    assign exponent   = greater ? a_exponent : b_exponent;
    assign distance   = greater ? a_less_b : b_less_a;

    // The smaller significand at the exponent of the larger one: guard and round bit below it, then the sticky bit.
    // From a distance of 26 on, the sticky bit makes no difference to the nearest number.
    wire [25:0] aligned;
    wire        sticky;
    wire        far;  // nothing is left
    wire [26:0] addend;
    shift_right_sticky #(
        .WIDTH(26),
        .BITS (5)
    ) u_align (
        .value_i ({smaller, 2'b00}),
        .amount_i(distance[4:0]),
        .result_o(aligned),
        .sticky_o(sticky)
    );
    assign far    = |distance[7:5];
    assign addend = {aligned & {26{~far}}, sticky} ^ {27{subtract}};

    // The sum, 28 bits with the carry. Column 0 below it gives the one of the two's complement.
    wire [27:0] sum;
    /* verilator lint_off UNUSEDSIGNAL */  // column 0 has no reader
    wire [28:0] added;
    /* verilator lint_on UNUSEDSIGNAL */
    kogge_stone_adder #(
        .WIDTH   (29),
        .A_SIGNAL(29'h0ffffff0),
        .A_ONES  (29'h00000001),
        .B_SIGNAL(29'h0fffffff)
    ) u_add (
        .a_i  ({1'b0, larger, 4'd0}),
        .b_i  ({1'b0, addend, subtract}),
        .sum_o(added)
    );
    assign sum = {added[28] & ~subtract, added[27:1]};

    // Shift the leading one to bit 27, at most to where the exponent is one.
    wire [4:0]  zeros;
    wire [27:0] shifted;
    leading_zeros #(
        .WIDTH(28)
    ) u_zeros (
        .value_i(sum | (28'h8000000 >> exponent)),
        .count_o(zeros)
    );
    shift_left #(
        .WIDTH(28),
        .BITS (5)
    ) u_normalise (
        .value_i (sum),
        .amount_i(zeros),
        .result_o(shifted)
    );

    // Round. A carry out of the fraction raises the exponent, up to infinity.
    wire [7:0]  sum_exponent;
    wire        up;
    wire [30:0] rounded;
    assign sum_exponent = exponent + 8'd1 - {3'd0, zeros};
    assign up           = shifted[3] & (shifted[4] | (|shifted[2:0]));
    kogge_stone_adder #(
        .WIDTH   (31),
        .B_SIGNAL(31'h00000001)
    ) u_round (
        .a_i  ({sum_exponent & {8{shifted[27]}}, shifted[26:4]}),
        .b_i  ({30'd0, up}),
        .sum_o(rounded)
    );

    // What is no finite number, and zeros.
    wire a_special;
    wire b_special;
    wire nan;
    wire infinite;
    wire cancelled;
    assign a_special = &a_i[30:23];
    assign b_special = &b_i[30:23];
    assign nan = (a_special & (|a_i[22:0])) | (b_special & (|b_i[22:0])) | (a_special & b_special & subtract);
    assign infinite  = a_special | b_special | (shifted[27] & (&sum_exponent));
    assign cancelled = subtract & (a_i[30:0] == b_i[30:0]);

    assign sum_o = nan ? 32'h7fc00000 : {sign & ~cancelled, infinite ? 31'h7f800000 : rounded};

endmodule

`default_nettype wire
