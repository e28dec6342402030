// SPDX-License-Identifier: Apache-2.0
// mac_lanes: several copies of one MAC or multiplier side by side, so that one step of a testbench checks many operands.
//
// Testbench only. The copies are named by macros:
//   DUT          module, e.g. mac_csa_array
//   MULTIPLIER   defined if the module is a bare multiplier: the partial sums are then ignored
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   bits of one lane
// ACC_WIDTH                        bits of one lane's sum; for a multiplier, which has none, at least those of a product
// LANES                            copies, 1 to 64
// strobe_i                         changes when the sums may be read; not connected
// weights_i, activations_i         lane n stands at bits n*width +: width
// psums_i, sums_o                  the same
`default_nettype none

module mac_lanes #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 24,
    parameter LANES            = 16
) (
    /* verilator lint_off UNUSEDSIGNAL */  // the strobe is for the monitor; multipliers add nothing
    input  wire                              strobe_i,
    input  wire [LANES*ACC_WIDTH-1:0]        psums_i,
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire [LANES*WEIGHT_WIDTH-1:0]     weights_i,
    input  wire [LANES*ACTIVATION_WIDTH-1:0] activations_i,
    output wire [LANES*ACC_WIDTH-1:0]        sums_o
);

    // Whether partial sums count.
`ifdef MULTIPLIER
    localparam ADDS = 0;
`else
    localparam ADDS = 1;
`endif

`ifdef MULTIPLIER
    localparam PRODUCT_WIDTH = WEIGHT_WIDTH + ACTIVATION_WIDTH;
`endif

    genvar n;

    generate
        // A module that does not exist stops every tool, and its name says why.
        if (LANES < 1 || LANES > 64) begin : g_bad_lanes
            parameter_LANES_must_be_1_to_64 u_stop ();
        end
`ifdef MULTIPLIER
        if (ACC_WIDTH < PRODUCT_WIDTH || ACC_WIDTH > 64) begin : g_bad_accumulator
            parameter_ACC_WIDTH_must_hold_the_product_and_be_at_most_64 u_stop ();
        end
`endif
        for (n = 0; n < LANES; n = n + 1) begin : g_lane
`ifdef MULTIPLIER
            wire signed [PRODUCT_WIDTH-1:0] product;
            wire signed [ACC_WIDTH-1:0]     sum = {{ACC_WIDTH - PRODUCT_WIDTH{product[PRODUCT_WIDTH-1]}}, product};
            assign sums_o[n*ACC_WIDTH+:ACC_WIDTH] = sum;
`endif
            `DUT #(
`ifndef MULTIPLIER
                .ACC_WIDTH       (ACC_WIDTH),
`endif
                .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                .ACTIVATION_WIDTH(ACTIVATION_WIDTH)
            ) u_dut (
`ifdef MULTIPLIER
                .product_o   (product),
`else
                .psum_i      (psums_i[n*ACC_WIDTH+:ACC_WIDTH]),
                .psum_o      (sums_o[n*ACC_WIDTH+:ACC_WIDTH]),
`endif
                .weight_i    (weights_i[n*WEIGHT_WIDTH+:WEIGHT_WIDTH]),
                .activation_i(activations_i[n*ACTIVATION_WIDTH+:ACTIVATION_WIDTH])
            );
        end
    endgenerate

endmodule

`default_nettype wire
