// SPDX-License-Identifier: Apache-2.0
// os_tile: a tile of systolic_os, from its command to its last slot. os_control has two and uses them in turn: one
// runs, the other takes the next command.
//
// Latency: a command taken in clock t is there from clock t + 1 on, until the tile's last slot, in which another can be
// taken.
// No rows or no steps count as one, more rows than there are as all. The reset forgets the tile.
//
// ROWS, CLASS_WIDTH, STEP_WIDTH   of systolic_os
// ROW_BITS         of rows_o
// clk_i, srst_ni   clock; synchronous reset, active low
// load_i, class_i, rows_i, steps_i   a command
// step_i           a slot of this tile
// valid_o          a tile is there:
// last_o             its next slot is its last
// class_o, rows_o    its class, its rows
`default_nettype none

module os_tile #(
    parameter ROWS        = 4,
    parameter CLASS_WIDTH = 2,
    parameter STEP_WIDTH  = 16,
    parameter ROW_BITS    = 4
) (
    input  wire                      clk_i,
    input  wire                      srst_ni,
    input  wire                      load_i,
    input  wire [   CLASS_WIDTH-1:0] class_i,
    input  wire [$clog2(ROWS+1)-1:0] rows_i,
    input  wire [    STEP_WIDTH-1:0] steps_i,
    input  wire                      step_i,
    output wire                      valid_o,
    output wire                      last_o,
    output wire [   CLASS_WIDTH-1:0] class_o,
    output wire [      ROW_BITS-1:0] rows_o
);

    localparam [31:0] ROWS_32 = ROWS;
    localparam [31:0] NONE_32 = 0;
    localparam [31:0] ONE_32 = 1;
    localparam [ROW_BITS-1:0] ALL_ROWS = ROWS_32[ROW_BITS-1:0];
    localparam [ROW_BITS-1:0] ONE_ROW = ONE_32[ROW_BITS-1:0];
    localparam [STEP_WIDTH-1:0] ONE_STEP = ONE_32[STEP_WIDTH-1:0];
    localparam [STEP_WIDTH-1:0] NO_STEP = NONE_32[STEP_WIDTH-1:0];

    reg                    valid_q;
    reg                    last_q;
    reg  [CLASS_WIDTH-1:0] class_q;
    reg  [   ROW_BITS-1:0] rows_q;  // 1 to ROWS
    reg  [ STEP_WIDTH-1:0] left_q;  // slots behind the next one

    wire                   open;  // a command may be taken
    wire [   ROW_BITS-1:0] given_rows;

    assign valid_o = valid_q;
    assign last_o  = last_q;
    assign class_o = class_q;
    assign rows_o  = rows_q;

    assign open       = !valid_q || (step_i && last_q);
    assign given_rows = {{(ROW_BITS - $clog2(ROWS + 1)) {1'b0}}, rows_i};

    always @(posedge clk_i) begin
        if (!srst_ni) valid_q <= 1'b0;
        else valid_q <= load_i || !open;

        // Whatever stands at the inputs, so that nothing waits for load_i: it says whether this is a command.
        if (open) begin
            last_q  <= steps_i == NO_STEP || steps_i == ONE_STEP;
            class_q <= class_i;
            rows_q  <= (given_rows == {ROW_BITS{1'b0}}) ? ONE_ROW : (given_rows > ALL_ROWS) ? ALL_ROWS : given_rows;
            left_q  <= steps_i - ONE_STEP;
        end else if (step_i) begin
            last_q <= left_q == ONE_STEP;
            left_q <= left_q - ONE_STEP;
        end
    end

endmodule

`default_nettype wire
