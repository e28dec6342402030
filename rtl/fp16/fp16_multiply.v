// SPDX-License-Identifier: Apache-2.0
// fp16_multiply: product_o = weight_i * activation_i, IEEE 754 binary16 operands, exact in binary32.
//
// Combinational. The product of two significands of 11 bits has at most 22 and fits the 24 of binary32; its exponent
// lies between those of 2^-48 and 2^32. So nothing is rounded, overflows or becomes subnormal.
// A tree of full adders with a Kogge-Stone adder multiplies; exponents and the leading zeros of subnormal operands are
// found meanwhile. NaN operands and infinity times zero give the canonical quiet NaN 7fc00000.
//
// weight_i, activation_i   binary16, subnormals included
// product_o                binary32
`default_nettype none

module fp16_multiply (
    input  wire [15:0] weight_i,
    input  wire [15:0] activation_i,
    output wire [31:0] product_o
);

    localparam integer BITS = 11;  // of a significand
    localparam integer ROWS = BITS;
    localparam integer WIDTH = 2 * BITS;
    // Of binary32, less twice that of binary16: the exponent of a product below two.
    localparam [7:0] BIAS = 8'd127 - 8'd30;

    wire        weight_normal;
    wire        activation_normal;
    wire [10:0] weight;  // significand
    wire [10:0] activation;

    assign weight_normal     = |weight_i[14:10];
    assign activation_normal = |activation_i[14:10];
    assign weight            = {weight_normal, weight_i[9:0]};
    assign activation        = {activation_normal, activation_i[9:0]};

    // Significands.
    function [ROWS*WIDTH-1:0] signal_columns;
        input integer rows;
        integer n;
        begin
            signal_columns = {(ROWS * WIDTH) {1'b0}};
            for (n = 0; n < rows; n = n + 1) signal_columns[n*WIDTH+n+:BITS] = {BITS{1'b1}};
        end
    endfunction

    wire [ROWS*WIDTH-1:0] rows;
    wire [WIDTH-1:0]      product;

    genvar i;

    generate
        for (i = 0; i < ROWS; i = i + 1) begin : g_row
            assign rows[i*WIDTH+:WIDTH] = {{BITS{1'b0}}, activation & {BITS{weight[i]}}} << i;
        end
    endgenerate

    carry_save_sum #(
        .ROWS       (ROWS),
        .WIDTH      (WIDTH),
        .ARRAY_STEPS(0),
        .SIGNAL     (signal_columns(ROWS))
    ) u_sum (
        .rows_i(rows),
        .sum_o (product)
    );

    // Leading zeros of both significands: the product has as many, or one more.
    wire [3:0] weight_zeros;
    wire [3:0] activation_zeros;
    wire [4:0] zeros;

    leading_zeros #(
        .WIDTH(BITS)
    ) u_weight_zeros (
        .value_i(weight),
        .count_o(weight_zeros)
    );
    leading_zeros #(
        .WIDTH(BITS)
    ) u_activation_zeros (
        .value_i(activation),
        .count_o(activation_zeros)
    );
    assign zeros = {1'b0, weight_zeros} + {1'b0, activation_zeros};

    wire [WIDTH-1:0] shifted;
    shift_left #(
        .WIDTH(WIDTH),
        .BITS (5)
    ) u_shift (
        .value_i (product),
        .amount_i(zeros),
        .result_o(shifted)
    );

    // Exponents: a subnormal operand has that of the smallest normal one.
    wire [7:0] low_exponent;  // of a product below two
    wire [7:0] exponent;
    wire       two;  // the significand of the product is two or more
    assign low_exponent = BIAS + {3'd0, weight_i[14:11], weight_i[10] | ~weight_normal}
        + {3'd0, activation_i[14:11], activation_i[10] | ~activation_normal} - {3'd0, zeros};
    assign two          = shifted[WIDTH-1];
    assign exponent     = two ? low_exponent + 8'd1 : low_exponent;

    // Operands that are no finite numbers, and zeros.
    wire weight_special;
    wire activation_special;
    wire weight_zero;
    wire activation_zero;
    wire nan;
    wire infinite;
    wire zero;
    assign weight_special     = &weight_i[14:10];
    assign activation_special = &activation_i[14:10];
    assign weight_zero        = ~|weight_i[14:0];
    assign activation_zero    = ~|activation_i[14:0];
    assign nan = (weight_special & (|weight_i[9:0])) | (activation_special & (|activation_i[9:0]))
        | (weight_special & activation_zero) | (activation_special & weight_zero);
    assign infinite = weight_special | activation_special;
    assign zero     = weight_zero | activation_zero;

    assign product_o = nan ? 32'h7fc00000
        : {
            weight_i[15] ^ activation_i[15],
            infinite ? 31'h7f800000 : zero ? 31'd0 : {exponent, two ? {shifted[20:0], 2'b00} : {shifted[19:0], 3'b000}}
        };

endmodule

`default_nettype wire
