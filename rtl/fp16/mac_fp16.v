// SPDX-License-Identifier: Apache-2.0
// mac_fp16: psum_o = psum_i + weight_i * activation_i, IEEE 754: binary16 operands, binary32 sums, rounded once.
//
// Combinational. The product is exact in binary32, so the sum's rounding (to nearest, ties to even) is the only one: a
// fused multiply-add. Subnormal numbers are computed with, neither flushed nor trapped; every NaN result is 7fc00000.
//
// weight_i       binary16; held still while the activation changes
// activation_i   binary16
// psum_i, psum_o binary32
`default_nettype none

module mac_fp16 (
    input  wire [15:0] weight_i,
    input  wire [15:0] activation_i,
    input  wire [31:0] psum_i,
    output wire [31:0] psum_o
);

    wire [31:0] product;

    fp16_multiply u_multiply (
        .weight_i    (weight_i),
        .activation_i(activation_i),
        .product_o   (product)
    );

    fp32_add u_add (
        .a_i  (psum_i),
        .b_i  (product),
        .sum_o(psum_o)
    );

endmodule

`default_nettype wire
