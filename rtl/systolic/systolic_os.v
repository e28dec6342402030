// SPDX-License-Identifier: Apache-2.0
// systolic_os: output-stationary systolic array: each tile is a matrix product of rows x steps activations and
// steps x COLUMNS weights, signed, of which every element of the array accumulates one sum.
//
// A command starts a tile; each beat of activations meets one of weights in a slot, one k-step of the tile. The sums of
// a finished tile travel up the columns while the next tile runs, and leave as one beat a row, row 0 first. Ports carry
// AXI-Stream names. Each input stream has registers of its own, and m_axis_result_* comes from registers: no ready
// depends on a valid, no valid on a ready. Commands, operands and results may stall at any time. During reset no stream
// is ready. Before the first clock edge in reset, outputs are unknown, but the ready ones: these are low while srst_ni
// is.
//
// Cycle contract, no stalls and no waiting beats (halo.arch.systolic.os_cycles, clocks counted from the first command's
// handshake as 0, in which operands are offered as well). slot(s) is the clock in which slot s of all is decided on,
// L = COLUMNS + 5 + P the clocks from a tile's last slot to its first row of results (P registers of PIPELINE), last(n)
// the clock of tile n's last slot, steps(n) and rows(n) its size:
//     last(0) = 1 + steps(0)                                                                     load, stream
//     last(n) = last(n-1) + max(steps(n), 2 rows(n-1) - 1)                                       overlap
//     row r of tile n leaves in clock last(n) + L + 2 r                                          drain
// so one tile takes steps + L + 2 rows clocks, command and last result included. Operands for slot 0 are taken in
// clock 0, those for slot s in clock slot(s-1); command 1 is taken in clock 1, command n in clock last(n-2). A tile of
// another class than the tile before, with acknowledge waits of u clocks (request to acknowledge) and v clocks (end of
// request to its fall):
//     last(n) = last(n-1) + L + 2 ROWS + u + v + steps(n)            or, for n = 0:  3 + u + v + steps(0)
//
// A slot of zeros behind a tile takes its operands out of the elements before the clock can change (see os_control); it
// costs no clock.
//
// Never deadlocks: see os_control. The result store holds two tiles, or one and all rows that can be under way
// (L + 2), so it slows nothing down while its reader takes what is offered.
//
// ROWS, COLUMNS                    1 or more elements each
// WEIGHT_WIDTH, ACTIVATION_WIDTH   2 to 16 bits each
// ACC_WIDTH                        WEIGHT_WIDTH + ACTIVATION_WIDTH to 64 bits; sums wrap around
// MULTIPLIER, PIPELINE, CARRY_SAVE, ARRAY, CLASS_ZEROS, CLASS_SHARE, SEED   see pe_os
// CLASS_WIDTH                      bits of a frequency class, 1 or more
// STEP_WIDTH                       bits of the number of k-steps of a tile, 1 to 32
// clk_i, srst_ni                   clock; synchronous reset, active low
// s_axis_command_*                 {class, rows, steps}, a beat a tile: rows 1 to ROWS, steps 1 or more
// s_axis_activation_*              ROWS values a beat, row 0 lowest; rows outside of the tile are ignored
// s_axis_weight_*                  COLUMNS values a beat, column 0 lowest
// m_axis_result_*                  COLUMNS sums a beat, column 0 lowest; tlast with the last row of a tile
// clock_*                          change of the clock before a tile of another class, see clock_change; 0 after reset
`default_nettype none

module systolic_os #(
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
    parameter SEED             = 0,
    parameter CLASS_WIDTH      = 2,
    parameter STEP_WIDTH       = 16
) (
    input  wire                                              clk_i,
    input  wire                                              srst_ni,
    // tiles
    input  wire [CLASS_WIDTH+$clog2(ROWS+1)+STEP_WIDTH-1:0] s_axis_command_tdata,
    input  wire                                              s_axis_command_tvalid,
    output wire                                              s_axis_command_tready,
    // operands
    input  wire [                 ROWS*ACTIVATION_WIDTH-1:0] s_axis_activation_tdata,
    input  wire                                              s_axis_activation_tvalid,
    output wire                                              s_axis_activation_tready,
    input  wire [                  COLUMNS*WEIGHT_WIDTH-1:0] s_axis_weight_tdata,
    input  wire                                              s_axis_weight_tvalid,
    output wire                                              s_axis_weight_tready,
    // results
    output wire [                     COLUMNS*ACC_WIDTH-1:0] m_axis_result_tdata,
    output wire                                              m_axis_result_tvalid,
    output wire                                              m_axis_result_tlast,
    input  wire                                              m_axis_result_tready,
    // clock generator
    output wire                                              clock_request_o,
    output wire [                           CLASS_WIDTH-1:0] clock_class_o,
    input  wire                                              clock_acknowledge_i
);

    localparam integer ROW_BITS = $clog2(ROWS + 1);
    localparam integer LATENCY = PIPELINE % 2 + PIPELINE / 2;  // registers in the multipliers
    localparam integer SUM_WIDTH = (CARRY_SAVE + 1) * ACC_WIDTH;
    localparam integer LANE_WIDTH = ACTIVATION_WIDTH + 2;
    localparam integer IN_FLIGHT = COLUMNS + LATENCY + 7;
    localparam integer DEPTH = ROWS + (ROWS > IN_FLIGHT ? ROWS : IN_FLIGHT);

    wire                            activation_valid;
    wire [ROWS*ACTIVATION_WIDTH-1:0] activation;
    wire                            weight_valid;
    wire [COLUMNS*WEIGHT_WIDTH-1:0] weight;
    wire                            step;  // both operands go into a slot, which shows in the next clock:
    wire                            slot;
    wire                            clear;  // it is one of zeros
    wire                            first;
    wire [                ROWS-1:0] last;
    wire                            tile_end;
    wire [     ROWS*LANE_WIDTH-1:0] lanes;  // of each row {last, first, activation}
    wire [     ROWS*LANE_WIDTH-1:0] skewed_lanes;
    wire [                ROWS-1:0] row_valid;
    wire [                ROWS-1:0] row_first;
    wire [                ROWS-1:0] row_last;
    wire [ROWS*ACTIVATION_WIDTH-1:0] row_activation;
    wire [COLUMNS*WEIGHT_WIDTH-1:0] column_weight;
    wire                            drain_valid;  // of the last column, which is not delayed any more
    wire [   COLUMNS*SUM_WIDTH-1:0] drain;
    wire [   COLUMNS*SUM_WIDTH-1:0] aligned;
    wire [   COLUMNS*ACC_WIDTH-1:0] sums;

    reg  [ROWS*ACTIVATION_WIDTH-1:0] slot_activation_q;
    reg  [COLUMNS*WEIGHT_WIDTH-1:0] slot_weight_q;

    genvar i;

    always @(posedge clk_i) begin
        slot_activation_q <= activation;
        slot_weight_q     <= weight;
    end

    generate
        // A module that does not exist stops every tool, and its name says why.
        if (ROWS < 1) begin : g_bad_rows
            parameter_ROWS_must_be_1_or_more u_stop ();
        end
        if (COLUMNS < 1) begin : g_bad_columns
            parameter_COLUMNS_must_be_1_or_more u_stop ();
        end
        if (CLASS_WIDTH < 1) begin : g_bad_class
            parameter_CLASS_WIDTH_must_be_1_or_more u_stop ();
        end
        if (STEP_WIDTH < 1 || STEP_WIDTH > 32) begin : g_bad_step
            parameter_STEP_WIDTH_must_be_1_to_32 u_stop ();
        end

        for (i = 0; i < ROWS; i = i + 1) begin : g_row
            assign lanes[i*LANE_WIDTH+:LANE_WIDTH] = {
                last[i],
                first,
                clear ? {ACTIVATION_WIDTH{1'b0}} : slot_activation_q[i*ACTIVATION_WIDTH+:ACTIVATION_WIDTH]
            };
            assign {row_last[i], row_first[i], row_activation[i*ACTIVATION_WIDTH+:ACTIVATION_WIDTH]} =
                skewed_lanes[i*LANE_WIDTH+:LANE_WIDTH];
        end

        for (i = 0; i < COLUMNS; i = i + 1) begin : g_column
            if (CARRY_SAVE != 0) begin : g_resolve
                kogge_stone_adder #(
                    .WIDTH(ACC_WIDTH)
                ) u_adder (
                    .a_i  (aligned[i*SUM_WIDTH+:ACC_WIDTH]),
                    .b_i  (aligned[i*SUM_WIDTH+ACC_WIDTH+:ACC_WIDTH]),
                    .sum_o(sums[i*ACC_WIDTH+:ACC_WIDTH])
                );
            end else begin : g_direct
                assign sums[i*ACC_WIDTH+:ACC_WIDTH] = aligned[i*SUM_WIDTH+:ACC_WIDTH];
            end
        end
    endgenerate

    stream_register #(
        .WIDTH(ROWS * ACTIVATION_WIDTH)
    ) u_activation (
        .clk_i   (clk_i),
        .srst_ni (srst_ni),
        .tdata_i (s_axis_activation_tdata),
        .tvalid_i(s_axis_activation_tvalid),
        .tready_o(s_axis_activation_tready),
        .full_o  (activation_valid),
        .data_o  (activation),
        .use_i   (step)
    );

    stream_register #(
        .WIDTH(COLUMNS * WEIGHT_WIDTH)
    ) u_weight (
        .clk_i   (clk_i),
        .srst_ni (srst_ni),
        .tdata_i (s_axis_weight_tdata),
        .tvalid_i(s_axis_weight_tvalid),
        .tready_o(s_axis_weight_tready),
        .full_o  (weight_valid),
        .data_o  (weight),
        .use_i   (step)
    );

    os_control #(
        .ROWS       (ROWS),
        .CLASS_WIDTH(CLASS_WIDTH),
        .STEP_WIDTH (STEP_WIDTH),
        .COLLECT    (COLUMNS + 2 + LATENCY),
        .DEPTH      (DEPTH)
    ) u_control (
        .clk_i              (clk_i),
        .srst_ni            (srst_ni),
        .command_class_i    (s_axis_command_tdata[STEP_WIDTH+ROW_BITS+:CLASS_WIDTH]),
        .command_rows_i     (s_axis_command_tdata[STEP_WIDTH+:ROW_BITS]),
        .command_steps_i    (s_axis_command_tdata[0+:STEP_WIDTH]),
        .command_valid_i    (s_axis_command_tvalid),
        .command_ready_o    (s_axis_command_tready),
        .operands_valid_i   (activation_valid && weight_valid),
        .operands_use_o     (step),
        .slot_o             (slot),
        .clear_o            (clear),
        .first_o            (first),
        .last_o             (last),
        .end_o              (tile_end),
        .result_taken_i     (m_axis_result_tvalid && m_axis_result_tready),
        .clock_request_o    (clock_request_o),
        .clock_class_o      (clock_class_o),
        .clock_acknowledge_i(clock_acknowledge_i)
    );

    skew #(
        .LANES(ROWS),
        .WIDTH(1),
        .RESET(1)
    ) u_skew_valid (
        .clk_i  (clk_i),
        .srst_ni(srst_ni),
        .data_i ({ROWS{slot}}),
        .data_o (row_valid)
    );

    skew #(
        .LANES(ROWS),
        .WIDTH(LANE_WIDTH)
    ) u_skew_activation (
        .clk_i  (clk_i),
        .srst_ni(srst_ni),
        .data_i (lanes),
        .data_o (skewed_lanes)
    );

    skew #(
        .LANES(COLUMNS),
        .WIDTH(WEIGHT_WIDTH)
    ) u_skew_weight (
        .clk_i  (clk_i),
        .srst_ni(srst_ni),
        .data_i (clear ? {COLUMNS * WEIGHT_WIDTH{1'b0}} : slot_weight_q),
        .data_o (column_weight)
    );

    os_mesh #(
        .ROWS            (ROWS),
        .COLUMNS         (COLUMNS),
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
    ) u_mesh (
        .clk_i        (clk_i),
        .srst_ni      (srst_ni),
        .valid_i      (row_valid),
        .first_i      (row_first),
        .last_i       (row_last),
        .activation_i (row_activation),
        .weight_i     (column_weight),
        .drain_valid_o(drain_valid),
        .drain_o      (drain)
    );

    skew #(
        .LANES  (COLUMNS),
        .WIDTH  (SUM_WIDTH),
        .REVERSE(1)
    ) u_deskew (
        .clk_i  (clk_i),
        .srst_ni(srst_ni),
        .data_i (drain),
        .data_o (aligned)
    );

    result_store #(
        .WIDTH(COLUMNS * ACC_WIDTH + 1),
        .DEPTH(DEPTH)
    ) u_store (
        .clk_i   (clk_i),
        .srst_ni (srst_ni),
        .write_i (drain_valid),
        .data_i  ({tile_end, sums}),
        .tdata_o ({m_axis_result_tlast, m_axis_result_tdata}),
        .tvalid_o(m_axis_result_tvalid),
        .tready_i(m_axis_result_tready)
    );

`ifndef SYNTHESIS
    // A simulation ends where one end of a port breaks the rules of its handshake.
    stream_rules #(
        .WIDTH(CLASS_WIDTH + ROW_BITS + STEP_WIDTH)
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
