// SPDX-License-Identifier: Apache-2.0
// ws_mesh: ROWS x COLUMNS weight-stationary processing elements, wired to their nearest neighbours only.
//
// Activations enter each row at the left, weights each column at the top, sums leave each column at the bottom.
// Latency: a slot that enters row r in clock s + r adds up to the sum that column c shows in clock
// s + ROWS + 1 + c (later by a clock for each register of PIPELINE), and valid_o marks in the clock of the last column.
//
// ROWS, COLUMNS      1 or more each
// other parameters   of pe_ws
// clk_i, srst_ni     clock; synchronous reset, active low
// valid_i, swap_i, weight_load_i   of each row, row 0 lowest
// activation_i       one a row
// weight_i           one a column, column 0 lowest
// weight_valid_i     weight_i of column 0 is a weight of the next tile; for CORRECTION, whose part the mesh adds
// psum_o             one a column
// valid_o            the last column's sum belongs to a valid slot
`default_nettype none

module ws_mesh #(
    parameter ROWS             = 4,
    parameter COLUMNS          = 4,
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 24,
    parameter MULTIPLIER       = "csa_array",
    parameter PIPELINE         = 0,
    parameter CARRY_SAVE       = 0,
    parameter RECODED          = 0,
    parameter CORRECTION       = 0,
    parameter ARRAY            = 0,
    parameter CLASS_ZEROS      = 0,
    parameter CLASS_SHARE      = 0,
    parameter SEED             = 0
) (
    input  wire                                        clk_i,
    input  wire                                        srst_ni,
    input  wire [ROWS-1:0]                             valid_i,
    input  wire [ROWS-1:0]                             swap_i,
    input  wire [ROWS-1:0]                             weight_load_i,
    input  wire [ROWS*ACTIVATION_WIDTH-1:0]            activation_i,
    input  wire [COLUMNS*WEIGHT_WIDTH-1:0]             weight_i,
    /* verilator lint_off UNUSEDSIGNAL */  // not read without CORRECTION
    input  wire                                        weight_valid_i,
    /* verilator lint_on UNUSEDSIGNAL */
    output wire [COLUMNS*(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_o,
    output wire                                        valid_o
);

    localparam integer LATENCY = PIPELINE % 2 + PIPELINE / 2;  // registers in the multipliers
    localparam integer PSUM_WIDTH = (1 + CARRY_SAVE) * ACC_WIDTH;

    genvar r;
    genvar c;

    // Each element's outputs are wires of its own scope, which its right and lower neighbours read: slices of vectors
    // as wide as the array would wake up every element in an event-driven simulator whenever one of them changes.
    generate
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            for (c = 0; c < COLUMNS; c = c + 1) begin : g_column
                wire [ACTIVATION_WIDTH-1:0] activation_left;
                wire                        valid_left;
                wire                        swap_left;
                wire                        load_left;
                wire [WEIGHT_WIDTH-1:0]     weight_above;
                wire [PSUM_WIDTH-1:0]       psum_above;
                /* verilator lint_off UNUSEDSIGNAL */  // what leaves at the right, and weights at the bottom, ends here
                wire [ACTIVATION_WIDTH-1:0] activation;
                wire                        valid;
                wire                        swap;
                wire                        load;
                wire [WEIGHT_WIDTH-1:0]     weight;
                wire                        psum_valid;  // of the last element only
                /* verilator lint_on UNUSEDSIGNAL */
                wire [PSUM_WIDTH-1:0]       psum;

                if (c == 0) begin : g_left_edge
                    assign activation_left = activation_i[r*ACTIVATION_WIDTH+:ACTIVATION_WIDTH];
                    assign valid_left      = valid_i[r];
                    assign swap_left       = swap_i[r];
                    assign load_left       = weight_load_i[r];
                end else begin : g_left
                    assign activation_left = g_row[r].g_column[c-1].activation;
                    assign valid_left      = g_row[r].g_column[c-1].valid;
                    assign swap_left       = g_row[r].g_column[c-1].swap;
                    assign load_left       = g_row[r].g_column[c-1].load;
                end
                if (r == 0) begin : g_top_edge
                    assign weight_above = weight_i[c*WEIGHT_WIDTH+:WEIGHT_WIDTH];
                    if (CORRECTION != 0) begin : g_correction
                        wire weight_valid_left;
                        /* verilator lint_off UNUSEDSIGNAL */  // ends at the right
                        wire weight_valid;
                        /* verilator lint_on UNUSEDSIGNAL */
                        if (c == 0) begin : g_first
                            assign weight_valid_left = weight_valid_i;
                        end else begin : g_next
                            assign weight_valid_left = g_row[0].g_column[c-1].g_top_edge.g_correction.weight_valid;
                        end
                        weight_correction #(
                            .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                            .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                            .ACC_WIDTH       (ACC_WIDTH),
                            .RECODING        (MULTIPLIER),
                            .CARRY_SAVE      (CARRY_SAVE),
                            .ROWS            (ROWS),
                            .DELAY           (LATENCY)
                        ) u_correction (
                            .clk_i       (clk_i),
                            .weight_i    (weight_above),
                            .valid_i     (weight_valid_left),
                            .valid_o     (weight_valid),
                            .first_i     (load_left),
                            .swap_i      (swap_left),
                            .correction_o(psum_above)
                        );
                    end else begin : g_zero
                        assign psum_above = {PSUM_WIDTH{1'b0}};
                    end
                end else begin : g_above
                    assign weight_above = g_row[r-1].g_column[c].weight;
                    assign psum_above   = g_row[r-1].g_column[c].psum;
                end
                if (r == ROWS - 1) begin : g_bottom_edge
                    assign psum_o[c*PSUM_WIDTH+:PSUM_WIDTH] = psum;
                end
                if (r == ROWS - 1 && c == COLUMNS - 1) begin : g_corner
                    assign valid_o = psum_valid;
                end

                pe_ws #(
                    .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                    .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                    .ACC_WIDTH       (ACC_WIDTH),
                    .MULTIPLIER      (MULTIPLIER),
                    .PIPELINE        (PIPELINE),
                    .CARRY_SAVE      (CARRY_SAVE),
                    .RECODED         (RECODED),
                    .CORRECTION      (CORRECTION),
                    .ARRAY           (ARRAY),
                    .CLASS_ZEROS     (CLASS_ZEROS),
                    .CLASS_SHARE     (CLASS_SHARE),
                    .SEED            (SEED)
                ) u_pe (
                    .clk_i        (clk_i),
                    .srst_ni      (srst_ni),
                    .weight_i     (weight_above),
                    .weight_o     (weight),
                    .weight_load_i(load_left),
                    .weight_load_o(load),
                    .activation_i (activation_left),
                    .activation_o (activation),
                    .valid_i      (valid_left),
                    .valid_o      (valid),
                    .swap_i       (swap_left),
                    .swap_o       (swap),
                    .psum_i       (psum_above),
                    .psum_o       (psum),
                    .psum_valid_o (psum_valid)
                );
            end
        end
    endgenerate

endmodule

`default_nettype wire
