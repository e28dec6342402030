// SPDX-License-Identifier: Apache-2.0
// mac_fp16_pipelined: mac_fp16 with a register between multiplier and adder.
//
// psum_o is psum_i of this clock plus the product of the operands of the clock before. No reset: the product leaves
// with the next clock.
//
// clk_i          clock
// weight_i       binary16; held still while the activation changes
// activation_i   binary16
// psum_i, psum_o binary32, one clock after their operands
`default_nettype none

module mac_fp16_pipelined (
    input  wire        clk_i,
    input  wire [15:0] weight_i,
    input  wire [15:0] activation_i,
    input  wire [31:0] psum_i,
    output wire [31:0] psum_o
);

    wire [31:0] product;
    reg  [31:0] product_q;

    fp16_multiply u_multiply (
        .weight_i    (weight_i),
        .activation_i(activation_i),
        .product_o   (product)
    );

    always @(posedge clk_i) product_q <= product;

    fp32_add u_add (
        .a_i  (psum_i),
        .b_i  (product_q),
        .sum_o(psum_o)
    );

endmodule

`default_nettype wire
