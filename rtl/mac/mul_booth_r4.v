// SPDX-License-Identifier: Apache-2.0
// mul_booth_r4: product_o = weight_i * activation_i, signed: radix-4 Booth, weight recoded, compressor tree.
//
// Combinational. See carry_save_mac and partial_products for the structure.
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   2 to 16 bits each
// weight_i                         signed; held still while the activation changes
// activation_i                     signed
// product_o                        signed
`default_nettype none

module mul_booth_r4 #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8
) (
    input  wire signed [WEIGHT_WIDTH-1:0]                  weight_i,
    input  wire signed [ACTIVATION_WIDTH-1:0]              activation_i,
    output wire signed [WEIGHT_WIDTH+ACTIVATION_WIDTH-1:0] product_o
);

    generate
        // A module that does not exist stops every tool, and its name says why.
        if (WEIGHT_WIDTH < 2 || WEIGHT_WIDTH > 16) begin : g_bad_weight
            parameter_WEIGHT_WIDTH_must_be_2_to_16 u_stop ();
        end
        if (ACTIVATION_WIDTH < 2 || ACTIVATION_WIDTH > 16) begin : g_bad_activation
            parameter_ACTIVATION_WIDTH_must_be_2_to_16 u_stop ();
        end
    endgenerate

    carry_save_mac #(
        .WEIGHT_WIDTH    (WEIGHT_WIDTH),
        .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
        .ACC_WIDTH       (WEIGHT_WIDTH + ACTIVATION_WIDTH),
        .RECODING        ("booth_r4"),
        .ADDEND          (0)
    ) u_core (
        .clk_i       (1'b0),
        .weight_i    (weight_i),
        .activation_i(activation_i),
        .psum_i      ({(WEIGHT_WIDTH + ACTIVATION_WIDTH) {1'b0}}),
        .psum_o      (product_o)
    );

endmodule

`default_nettype wire
