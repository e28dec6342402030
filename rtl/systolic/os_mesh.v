// SPDX-License-Identifier: Apache-2.0
// os_mesh: ROWS x COLUMNS output-stationary processing elements, wired to their nearest neighbours only.
//
// Slots and activations enter each row at the left, weights each column at the top, results leave each column at the
// top. Latency: a slot that enters row r in clock s + r, and its weights column c in clock s + c, is added in element
// (r, c) at the end of clock s + r + c + 1; if it was the last of its tile in row r, the sum shows at the top of column
// c in clock s + 2 r + c + 2: both later by a clock for each register of PIPELINE.
//
// ROWS, COLUMNS           1 or more each
// other parameters        of pe_os
// clk_i, srst_ni          clock; synchronous reset, active low
// valid_i, first_i, last_i   of each row, row 0 lowest
// activation_i            one a row
// weight_i                one a column, column 0 lowest
// drain_o                 sums, one a column
// drain_valid_o           the last column's is one
`default_nettype none

module os_mesh #(
    parameter ROWS             = 4,
    parameter COLUMNS          = 4,
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 32,
    parameter MULTIPLIER       = "csa_array",
    parameter PIPELINE         = 0,
    parameter CARRY_SAVE       = 0,
    parameter ARRAY            = 0,
    parameter CLASS_ZEROS      = 0,
    parameter CLASS_SHARE      = 0,
    parameter SEED             = 0
) (
    input  wire                                              clk_i,
    input  wire                                              srst_ni,
    input  wire [ROWS-1:0]                                   valid_i,
    input  wire [ROWS-1:0]                                   first_i,
    input  wire [ROWS-1:0]                                   last_i,
    input  wire [ROWS*ACTIVATION_WIDTH-1:0]                  activation_i,
    input  wire [COLUMNS*WEIGHT_WIDTH-1:0]                   weight_i,
    output wire                                              drain_valid_o,
    output wire [COLUMNS*(CARRY_SAVE+1)*ACC_WIDTH-1:0]       drain_o
);

    localparam integer SUM_WIDTH = (CARRY_SAVE + 1) * ACC_WIDTH;

    genvar r;
    genvar c;

    // Each element's outputs are wires of its own scope, as in ws_mesh.
    generate
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            for (c = 0; c < COLUMNS; c = c + 1) begin : g_column
                wire                        valid_left;
                wire                        first_left;
                wire                        last_left;
                wire [ACTIVATION_WIDTH-1:0] activation_left;
                wire [WEIGHT_WIDTH-1:0]     weight_above;
                wire                        drain_valid_below;
                wire [SUM_WIDTH-1:0]        drain_below;
                /* verilator lint_off UNUSEDSIGNAL */  // what leaves at the right and at the bottom ends here
                wire                        valid;
                wire                        first;
                wire                        last;
                wire [ACTIVATION_WIDTH-1:0] activation;
                wire [WEIGHT_WIDTH-1:0]     weight;
                wire                        drain_valid;  // at the top of the last column only
                /* verilator lint_on UNUSEDSIGNAL */
                wire [SUM_WIDTH-1:0]        drain;

                if (c == 0) begin : g_left_edge
                    assign valid_left      = valid_i[r];
                    assign first_left      = first_i[r];
                    assign last_left       = last_i[r];
                    assign activation_left = activation_i[r*ACTIVATION_WIDTH+:ACTIVATION_WIDTH];
                end else begin : g_left
                    assign valid_left      = g_row[r].g_column[c-1].valid;
                    assign first_left      = g_row[r].g_column[c-1].first;
                    assign last_left       = g_row[r].g_column[c-1].last;
                    assign activation_left = g_row[r].g_column[c-1].activation;
                end
                if (r == 0) begin : g_top_edge
                    assign weight_above                    = weight_i[c*WEIGHT_WIDTH+:WEIGHT_WIDTH];
                    assign drain_o[c*SUM_WIDTH+:SUM_WIDTH] = drain;
                end else begin : g_above
                    assign weight_above = g_row[r-1].g_column[c].weight;
                end
                if (r == 0 && c == COLUMNS - 1) begin : g_corner
                    assign drain_valid_o = drain_valid;
                end
                if (r == ROWS - 1) begin : g_bottom_edge
                    assign drain_valid_below = 1'b0;
                    assign drain_below       = {SUM_WIDTH{1'b0}};
                end else begin : g_below
                    assign drain_valid_below = g_row[r+1].g_column[c].drain_valid;
                    assign drain_below       = g_row[r+1].g_column[c].drain;
                end

                pe_os #(
                    .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                    .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                    .ACC_WIDTH       (ACC_WIDTH),
                    .MULTIPLIER      (MULTIPLIER),
                    .PIPELINE        (PIPELINE),
                    .CARRY_SAVE      (CARRY_SAVE),
                    .ARRAY           (ARRAY),
                    .CLASS_ZEROS     (CLASS_ZEROS),
                    .CLASS_SHARE     (CLASS_SHARE),
                    .SEED            (SEED)
                ) u_pe (
                    .clk_i        (clk_i),
                    .srst_ni      (srst_ni),
                    .valid_i      (valid_left),
                    .first_i      (first_left),
                    .last_i       (last_left),
                    .activation_i (activation_left),
                    .weight_i     (weight_above),
                    .valid_o      (valid),
                    .first_o      (first),
                    .last_o       (last),
                    .activation_o (activation),
                    .weight_o     (weight),
                    .drain_valid_i(drain_valid_below),
                    .drain_i      (drain_below),
                    .drain_valid_o(drain_valid),
                    .drain_o      (drain)
                );
            end
        end
    endgenerate

endmodule

`default_nettype wire
