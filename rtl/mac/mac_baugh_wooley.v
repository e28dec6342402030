// SPDX-License-Identifier: Apache-2.0
// mac_baugh_wooley: psum_o = psum_i + weight_i * activation_i, signed: a row for each weight bit, compressor tree.
//
// Combinational. See carry_save_mac and partial_products for the structure.
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   2 to 16 bits each
// ACC_WIDTH                        WEIGHT_WIDTH + ACTIVATION_WIDTH to 64 bits
// weight_i                         signed; held still while the activation changes
// activation_i                     signed
// psum_i, psum_o                   signed, wrap around
`default_nettype none

module mac_baugh_wooley #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 24
) (
    input  wire signed [WEIGHT_WIDTH-1:0]     weight_i,
    input  wire signed [ACTIVATION_WIDTH-1:0] activation_i,
    input  wire signed [ACC_WIDTH-1:0]        psum_i,
    output wire signed [ACC_WIDTH-1:0]        psum_o
);

    generate
        // A module that does not exist stops every tool, and its name says why.
        if (WEIGHT_WIDTH < 2 || WEIGHT_WIDTH > 16) begin : g_bad_weight
            parameter_WEIGHT_WIDTH_must_be_2_to_16 u_stop ();
        end
        if (ACTIVATION_WIDTH < 2 || ACTIVATION_WIDTH > 16) begin : g_bad_activation
            parameter_ACTIVATION_WIDTH_must_be_2_to_16 u_stop ();
        end
        if (ACC_WIDTH < WEIGHT_WIDTH + ACTIVATION_WIDTH || ACC_WIDTH > 64) begin : g_bad_accumulator
            parameter_ACC_WIDTH_must_hold_the_product_and_be_at_most_64 u_stop ();
        end
    endgenerate

    carry_save_mac #(
        .WEIGHT_WIDTH    (WEIGHT_WIDTH),
        .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
        .ACC_WIDTH       (ACC_WIDTH),
        .RECODING        ("baugh_wooley"),
        .ADDEND          (1)
    ) u_core (
        .clk_i       (1'b0),
        .weight_i    (weight_i),
        .activation_i(activation_i),
        .psum_i      (psum_i),
        .psum_o      (psum_o)
    );

endmodule

`default_nettype wire
