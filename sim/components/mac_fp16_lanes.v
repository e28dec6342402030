// SPDX-License-Identifier: Apache-2.0
// mac_fp16_lanes: several copies of the floating-point MAC side by side, so that one step of a testbench checks many
// operands. Testbench only.
//
// LANES                     copies, 1 to 64
// PIPELINE                  0: mac_fp16; 1: mac_fp16_pipelined
// clk_i                     clock, for PIPELINE
// weights_i, activations_i  binary16, lane n stands at bits n*16 +: 16
// psums_i, sums_o           binary32, lane n stands at bits n*32 +: 32
`default_nettype none

module mac_fp16_lanes #(
    parameter LANES    = 2,
    parameter PIPELINE = 0
) (
    /* verilator lint_off UNUSEDSIGNAL */  // without PIPELINE
    input  wire                clk_i,
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire [LANES*16-1:0] weights_i,
    input  wire [LANES*16-1:0] activations_i,
    input  wire [LANES*32-1:0] psums_i,
    output wire [LANES*32-1:0] sums_o
);

    genvar n;

    generate
        // A module that does not exist stops every tool, and its name says why.
        if (LANES < 1 || LANES > 64) begin : g_bad_lanes
            parameter_LANES_must_be_1_to_64 u_stop ();
        end
        if (PIPELINE != 0 && PIPELINE != 1) begin : g_bad_pipeline
            parameter_PIPELINE_must_be_0_or_1 u_stop ();
        end
        for (n = 0; n < LANES; n = n + 1) begin : g_lane
            if (PIPELINE != 0) begin : g_pipelined
                mac_fp16_pipelined u_dut (
                    .clk_i       (clk_i),
                    .weight_i    (weights_i[n*16+:16]),
                    .activation_i(activations_i[n*16+:16]),
                    .psum_i      (psums_i[n*32+:32]),
                    .psum_o      (sums_o[n*32+:32])
                );
            end else begin : g_combinational
                mac_fp16 u_dut (
                    .weight_i    (weights_i[n*16+:16]),
                    .activation_i(activations_i[n*16+:16]),
                    .psum_i      (psums_i[n*32+:32]),
                    .psum_o      (sums_o[n*32+:32])
                );
            end
        end
    endgenerate

endmodule

`default_nettype wire
