// SPDX-License-Identifier: Apache-2.0
// systolic_ws: weight-stationary systolic array: each tile multiplies rows x ROWS activations with the ROWS x COLUMNS
// weights it holds, signed, and adds to the sums of the k-tiles before it. Weights of the next tile load meanwhile.
//
// A command describes a tile. Its k-tiles, from the one marked first to the one marked last and all with the same
// number of rows, make an output tile, whose sums leave as one beat a row. Ports carry AXI-Stream names. Ready never
// waits for the valid of its stream, nor valid for its ready. All streams may stall at any time; an activation that is
// not there is a bubble in the array. Nothing is ready during reset, which empties everything, the class included: the
// clock generator must go back to class 0 with it. Before the first clock edge in reset, outputs are unknown, but the
// ready ones: these are low while srst_ni is.
//
// Cycle contract, no stalls (halo.arch.systolic.ws_cycles), clock 0 takes the first command and the first weights:
//     way = ROWS + COLUMNS + P + 6      from an activation to its row of results; P registers of PIPELINE
//     lead(n) = 0 if its gap is 0, or 1 + gap   from the swap to the first activation; the gap is SWAP_GAP, and for the
//                                               first tile after a change of the clock at least CLASS_GAP
//     start(0) = max(ROWS, 3)                                                     load, command
//     start(n) = start(n-1) + max(lead(n-1) + max(rows(n-1), 4), ROWS)            stream, loads overlap
//     row m of tile n, if it is a last k-tile, leaves in clock start(n) + lead(n) + m + way    fill, drain
// so one tile takes max(ROWS, 3) + lead + rows + way clocks, first weights and last results included. Two things delay
// a start:
//  - a change of the class, with acknowledge waits of u clocks (request to acknowledge) and v clocks (end of request
//    to its fall): start(n) is start(n-1) + lead(n-1) + rows(n-1) + way + 3 + u + v or later, start(0) 5 + u + v;
//  - room: the accumulator buffer holds 2 * DEPTH rows; an output tile starts 3 clocks after enough of them left, or
//    later.
// With stalls, tile n starts max(4 - rows(n-1), 0) + 1 clocks after the last activation of the tile before, or later.
//
// Never deadlocks. Results wait for their reader only, activations in the array for nothing (their room is reserved),
// weights for the start of the tile before, a change of the clock for the acknowledge and activations in the array.
// A start waits for room only when it opens an output tile, so the one in progress always gets to its end and leaves;
// room for all rows that a command can name is there once everything has left.
//
// ROWS, COLUMNS                    1 or more elements each
// WEIGHT_WIDTH, ACTIVATION_WIDTH   2 to 16 bits each
// ACC_WIDTH                        WEIGHT_WIDTH + ACTIVATION_WIDTH to 64 bits; sums wrap around
// MULTIPLIER, PIPELINE, CARRY_SAVE, RECODED, CORRECTION, ARRAY, CLASS_ZEROS, CLASS_SHARE, SEED   see pe_ws; carry-save
//                                  sums are added up at the bottom of each column
// DEPTH                            rows of the longest tile, 1 or more
// CLASS_WIDTH                      bits of a frequency class, 1 or more
// SWAP_GAP                         0 to 255 idle slots between a swap of weights and the tile's first activation, for
//                                  the weights to settle; 0: the swap goes with the first activation
// CLASS_GAP                        0 to 255, the least of these slots after a change of the clock, since a swap that
//                                  replaces weights of another class is slower than within a class; see ws_control
// clk_i, srst_ni                   clock; synchronous reset, active low
// s_axis_command_*                 {class, last, first, rows}, a beat a tile; a tile without rows only uses up weights
// s_axis_weight_*                  ROWS beats a tile, row 0 first; COLUMNS values a beat, column 0 lowest
// s_axis_activation_*              `rows` beats a tile; ROWS values a beat, row 0 lowest
// m_axis_result_*                  `rows` beats an output tile; COLUMNS sums a beat, column 0 lowest; tlast on the last
// clock_*                          change of the clock before a tile of another class, see clock_change; 0 after reset
`default_nettype none

module systolic_ws #(
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
    parameter SEED             = 0,
    parameter DEPTH            = 16,
    parameter CLASS_WIDTH      = 2,
    parameter SWAP_GAP         = 0,
    parameter CLASS_GAP        = 1
) (
    input  wire                                   clk_i,
    input  wire                                   srst_ni,
    // tiles
    input  wire [CLASS_WIDTH+$clog2(DEPTH+1)+1:0] s_axis_command_tdata,
    input  wire                                   s_axis_command_tvalid,
    output wire                                   s_axis_command_tready,
    // operands
    input  wire [COLUMNS*WEIGHT_WIDTH-1:0]        s_axis_weight_tdata,
    input  wire                                   s_axis_weight_tvalid,
    output wire                                   s_axis_weight_tready,
    input  wire [ROWS*ACTIVATION_WIDTH-1:0]       s_axis_activation_tdata,
    input  wire                                   s_axis_activation_tvalid,
    output wire                                   s_axis_activation_tready,
    // results
    output wire [COLUMNS*ACC_WIDTH-1:0]           m_axis_result_tdata,
    output wire                                   m_axis_result_tvalid,
    output wire                                   m_axis_result_tlast,
    input  wire                                   m_axis_result_tready,
    // clock generator
    output wire                                   clock_request_o,
    output wire [CLASS_WIDTH-1:0]                 clock_class_o,
    input  wire                                   clock_acknowledge_i
);

    localparam integer ROW_BITS = $clog2(DEPTH + 1);
    localparam integer LATENCY = PIPELINE % 2 + PIPELINE / 2;  // registers in the multipliers
    localparam integer PSUM_WIDTH = (1 + CARRY_SAVE) * ACC_WIDTH;

    wire                             weights_full;
    wire                             start;
    wire                             swap;
    wire                             slot;
    wire                             row_valid;
    wire                             first;
    wire                             last;
    wire                             tile_end;
    reg  [ROWS-1:0]                  slots_q;
    reg  [ROWS-1:0]                  swaps_q;
    /* verilator lint_off UNUSEDSIGNAL */  // what the last row has had ends here
    wire [ROWS:0]                    slots;
    wire [ROWS:0]                    swaps;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [ROWS-1:0]                  load;
    reg                              weight_valid_q;
    wire [ROWS-1:0]                  row_load;
    wire [ROWS*ACTIVATION_WIDTH-1:0] row_activation;
    wire [COLUMNS*WEIGHT_WIDTH-1:0]  column_weight;
    wire [COLUMNS*PSUM_WIDTH-1:0]    psum;
    wire [COLUMNS*ACC_WIDTH-1:0]     sums;
    wire [COLUMNS*ACC_WIDTH-1:0]     aligned;

    genvar i;

    generate
        // A module that does not exist stops every tool, and its name says why.
        if (ROWS < 1) begin : g_bad_rows
            parameter_ROWS_must_be_1_or_more u_stop ();
        end
        if (COLUMNS < 1) begin : g_bad_columns
            parameter_COLUMNS_must_be_1_or_more u_stop ();
        end
        if (DEPTH < 1) begin : g_bad_depth
            parameter_DEPTH_must_be_1_or_more u_stop ();
        end
        if (CLASS_WIDTH < 1) begin : g_bad_class
            parameter_CLASS_WIDTH_must_be_1_or_more u_stop ();
        end
        if (SWAP_GAP < 0 || SWAP_GAP > 255) begin : g_bad_gap
            parameter_SWAP_GAP_must_be_0_to_255 u_stop ();
        end
        if (CLASS_GAP < 0 || CLASS_GAP > 255) begin : g_bad_class_gap
            parameter_CLASS_GAP_must_be_0_to_255 u_stop ();
        end

        for (i = 0; i < COLUMNS; i = i + 1) begin : g_column
            if (CARRY_SAVE != 0) begin : g_resolve
                kogge_stone_adder #(
                    .WIDTH(ACC_WIDTH)
                ) u_adder (
                    .a_i  (psum[i*PSUM_WIDTH+:ACC_WIDTH]),
                    .b_i  (psum[i*PSUM_WIDTH+ACC_WIDTH+:ACC_WIDTH]),
                    .sum_o(sums[i*ACC_WIDTH+:ACC_WIDTH])
                );
            end else begin : g_direct
                assign sums[i*ACC_WIDTH+:ACC_WIDTH] = psum[i*PSUM_WIDTH+:ACC_WIDTH];
            end
        end
    endgenerate

    ws_control #(
        .DEPTH      (DEPTH),
        .SWAP_GAP   (SWAP_GAP),
        .CLASS_GAP  (CLASS_GAP),
        .CLASS_WIDTH(CLASS_WIDTH),
        .LATENCY    (ROWS + COLUMNS + LATENCY)
    ) u_control (
        .clk_i              (clk_i),
        .srst_ni            (srst_ni),
        .command_class_i    (s_axis_command_tdata[ROW_BITS+2+:CLASS_WIDTH]),
        .command_last_i     (s_axis_command_tdata[ROW_BITS+1]),
        .command_first_i    (s_axis_command_tdata[ROW_BITS]),
        .command_rows_i     (s_axis_command_tdata[0+:ROW_BITS]),
        .command_valid_i    (s_axis_command_tvalid),
        .command_ready_o    (s_axis_command_tready),
        .weights_full_i     (weights_full),
        .start_o            (start),
        .swap_o             (swap),
        .activation_valid_i (s_axis_activation_tvalid),
        .activation_ready_o (s_axis_activation_tready),
        .slot_o             (slot),
        .row_valid_o        (row_valid),
        .first_o            (first),
        .last_o             (last),
        .end_o              (tile_end),
        .result_taken_i     (m_axis_result_tvalid && m_axis_result_tready),
        .clock_request_o    (clock_request_o),
        .clock_class_o      (clock_class_o),
        .clock_acknowledge_i(clock_acknowledge_i)
    );

    weight_loader #(
        .ROWS(ROWS)
    ) u_loader (
        .clk_i  (clk_i),
        .srst_ni(srst_ni),
        .valid_i(s_axis_weight_tvalid),
        .ready_o(s_axis_weight_tready),
        .start_i(start),
        .full_o (weights_full),
        .load_o (load)
    );

    // With the first column's weights.
    always @(posedge clk_i) weight_valid_q <= |load;

    // A slot and a swap reach row r after 1 + r clocks.
    assign slots = {slots_q, slot};
    assign swaps = {swaps_q, swap};

    always @(posedge clk_i) begin
        if (!srst_ni) begin
            slots_q <= {ROWS{1'b0}};
            swaps_q <= {ROWS{1'b0}};
        end else begin
            slots_q <= slots[ROWS-1:0];
            swaps_q <= swaps[ROWS-1:0];
        end
    end

    skew #(
        .LANES(ROWS),
        .WIDTH(1),
        .LEAST(1),
        .RESET(1)
    ) u_skew_load (
        .clk_i  (clk_i),
        .srst_ni(srst_ni),
        .data_i (load),
        .data_o (row_load)
    );

    skew #(
        .LANES(ROWS),
        .WIDTH(ACTIVATION_WIDTH),
        .LEAST(1)
    ) u_skew_activation (
        .clk_i  (clk_i),
        .srst_ni(srst_ni),
        .data_i (s_axis_activation_tdata),
        .data_o (row_activation)
    );

    skew #(
        .LANES(COLUMNS),
        .WIDTH(WEIGHT_WIDTH),
        .LEAST(1)
    ) u_skew_weight (
        .clk_i  (clk_i),
        .srst_ni(srst_ni),
        .data_i (s_axis_weight_tdata),
        .data_o (column_weight)
    );

    ws_mesh #(
        .ROWS            (ROWS),
        .COLUMNS         (COLUMNS),
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
    ) u_mesh (
        .clk_i        (clk_i),
        .srst_ni      (srst_ni),
        .valid_i      (slots_q),
        .swap_i       (swaps_q),
        .weight_load_i(row_load),
        .activation_i (row_activation),
        .weight_i     (column_weight),
        .weight_valid_i(weight_valid_q),
        .psum_o       (psum),
        /* verilator lint_off PINCONNECTEMPTY */
        .valid_o      ()  // the controller knows which rows are valid before they come
        /* verilator lint_on PINCONNECTEMPTY */
    );

    skew #(
        .LANES  (COLUMNS),
        .WIDTH  (ACC_WIDTH),
        .REVERSE(1)
    ) u_deskew (
        .clk_i  (clk_i),
        .srst_ni(srst_ni),
        .data_i (sums),
        .data_o (aligned)
    );

    accumulator_buffer #(
        .COLUMNS  (COLUMNS),
        .ACC_WIDTH(ACC_WIDTH),
        .DEPTH    (DEPTH)
    ) u_buffer (
        .clk_i      (clk_i),
        .srst_ni    (srst_ni),
        .row_valid_i(row_valid),
        .first_i    (first),
        .last_i     (last),
        .end_i      (tile_end),
        .row_i      (aligned),
        .tdata_o    (m_axis_result_tdata),
        .tlast_o    (m_axis_result_tlast),
        .tvalid_o   (m_axis_result_tvalid),
        .tready_i   (m_axis_result_tready)
    );

`ifndef SYNTHESIS
    // A simulation ends where one end of a port breaks the rules of its handshake.
    stream_rules #(
        .WIDTH(CLASS_WIDTH + ROW_BITS + 2)
    ) u_s_axis_command_rules (
        .clk_i    (clk_i),
        .srst_ni  (srst_ni),
        .tvalid_i (s_axis_command_tvalid),
        .tready_i (s_axis_command_tready),
        .payload_i(s_axis_command_tdata)
    );

    stream_rules #(
        .WIDTH(COLUMNS * WEIGHT_WIDTH)
    ) u_s_axis_weight_rules (
        .clk_i    (clk_i),
        .srst_ni  (srst_ni),
        .tvalid_i (s_axis_weight_tvalid),
        .tready_i (s_axis_weight_tready),
        .payload_i(s_axis_weight_tdata)
    );

    stream_rules #(
        .WIDTH(ROWS * ACTIVATION_WIDTH)
    ) u_s_axis_activation_rules (
        .clk_i    (clk_i),
        .srst_ni  (srst_ni),
        .tvalid_i (s_axis_activation_tvalid),
        .tready_i (s_axis_activation_tready),
        .payload_i(s_axis_activation_tdata)
    );

    stream_rules #(
        .WIDTH(COLUMNS * ACC_WIDTH + 1)
    ) u_m_axis_result_rules (
        .clk_i    (clk_i),
        .srst_ni  (srst_ni),
        .tvalid_i (m_axis_result_tvalid),
        .tready_i (m_axis_result_tready),
        .payload_i({m_axis_result_tlast, m_axis_result_tdata})
    );

    clock_rules #(
        .CLASS_WIDTH(CLASS_WIDTH)
    ) u_clock_rules (
        .clk_i        (clk_i),
        .srst_ni      (srst_ni),
        .request_i    (clock_request_o),
        .class_i      (clock_class_o),
        .acknowledge_i(clock_acknowledge_i)
    );
`endif

endmodule

`default_nettype wire
