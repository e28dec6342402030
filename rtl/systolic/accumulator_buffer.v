// SPDX-License-Identifier: Apache-2.0
// accumulator_buffer: adds the k-tiles of an output tile row by row and queues the finished rows for the result stream.
//
// A ring of 2 * DEPTH rows, room for two output tiles of DEPTH rows (ping-pong) or for more smaller ones: behind the
// finished rows, which leave in order, the rows of the output tile in progress are visited once a k-tile. A row is
// finished, and may leave, as soon as the last k-tile has been added to it.
// Latency: a row of the last k-tile at the input in clock t is read and added in t and t + 1 and offered in t + 2.
// Whoever sends rows has reserved the room for them: the input cannot be stalled.
//
// COLUMNS, ACC_WIDTH         sums a row, bits a sum
// DEPTH                      rows of the longest tile
// clk_i, rst_ni              clock; synchronous reset, active low
// row_valid_i, row_i         a row of one k-tile
// first_i, last_i            it is of the first (replaces what the row held), of the last k-tile of its output tile
// end_i                      it is the last row of its tile
// tdata_o, tlast_o, tvalid_o, tready_i   finished rows; tlast on the last one of an output tile
`default_nettype none

module accumulator_buffer #(
    parameter COLUMNS   = 4,
    parameter ACC_WIDTH = 24,
    parameter DEPTH     = 16
) (
    input  wire                         clk_i,
    input  wire                         rst_ni,
    // rows from the array
    input  wire                         row_valid_i,
    input  wire [COLUMNS*ACC_WIDTH-1:0] row_i,
    input  wire                         first_i,
    input  wire                         last_i,
    input  wire                         end_i,
    // results
    output wire [COLUMNS*ACC_WIDTH-1:0] tdata_o,
    output wire                         tlast_o,
    output wire                         tvalid_o,
    input  wire                         tready_i
);

    localparam integer ENTRIES = 2 * DEPTH;
    localparam integer INDEX_WIDTH = $clog2(ENTRIES);
    localparam integer COUNT_WIDTH = $clog2(ENTRIES + 1);
    localparam integer ROW_WIDTH = COLUMNS * ACC_WIDTH;
    localparam [31:0] NEWEST_32 = ENTRIES - 1;
    localparam [31:0] ONE_32 = 1;
    localparam [INDEX_WIDTH-1:0] NEWEST = NEWEST_32[INDEX_WIDTH-1:0];
    localparam [INDEX_WIDTH-1:0] ONE = ONE_32[INDEX_WIDTH-1:0];
    localparam [COUNT_WIDTH-1:0] ONE_ROW = ONE_32[COUNT_WIDTH-1:0];

    function [INDEX_WIDTH-1:0] after;
        input [INDEX_WIDTH-1:0] index;
        after = (index == NEWEST) ? {INDEX_WIDTH{1'b0}} : index + ONE;
    endfunction

    reg  [ROW_WIDTH:0]     memory_q [0:ENTRIES-1];  // {last row of its tile, sums}
    reg  [INDEX_WIDTH-1:0] base_q;  // first row of the output tile in progress
    reg  [INDEX_WIDTH-1:0] index_q;  // row that row_i belongs to
    reg  [INDEX_WIDTH-1:0] oldest_q;  // finished row that leaves next
    reg  [COUNT_WIDTH-1:0] finished_q;  // finished rows held
    // Adding.
    reg                    add_q;
    reg  [INDEX_WIDTH-1:0] add_index_q;
    reg  [ROW_WIDTH-1:0]   held_q;
    reg  [ROW_WIDTH-1:0]   row_q;
    reg                    last_q;
    reg                    end_q;
    wire [ROW_WIDTH-1:0]   sums;
    wire [ROW_WIDTH-1:0]   held;
    wire [ROW_WIDTH:0]     oldest;
    wire                   finish;
    wire                   leave;

    genvar c;

    generate
        for (c = 0; c < COLUMNS; c = c + 1) begin : g_column
            assign sums[c*ACC_WIDTH+:ACC_WIDTH] =
                held_q[c*ACC_WIDTH+:ACC_WIDTH] + row_q[c*ACC_WIDTH+:ACC_WIDTH];
        end
    endgenerate

    // Tiles of one row may follow each other in neighbouring clocks: the second finds its row while it is being added.
    assign held = (add_q && add_index_q == index_q) ? sums : memory_q[index_q][ROW_WIDTH-1:0];

    assign finish   = add_q && last_q;
    assign leave    = tvalid_o && tready_i;
    assign oldest   = memory_q[oldest_q];
    assign tvalid_o = finished_q != {COUNT_WIDTH{1'b0}};
    assign tlast_o  = oldest[ROW_WIDTH];
    assign tdata_o  = oldest[ROW_WIDTH-1:0];

    always @(posedge clk_i) begin
        row_q       <= row_i;
        held_q      <= first_i ? {ROW_WIDTH{1'b0}} : held;
        add_index_q <= index_q;
        last_q      <= last_i;
        end_q       <= end_i;
        if (add_q) memory_q[add_index_q] <= {end_q, sums};
    end

    always @(posedge clk_i) begin
        if (!rst_ni) begin
            base_q     <= {INDEX_WIDTH{1'b0}};
            index_q    <= {INDEX_WIDTH{1'b0}};
            oldest_q   <= {INDEX_WIDTH{1'b0}};
            finished_q <= {COUNT_WIDTH{1'b0}};
            add_q      <= 1'b0;
        end else begin
            add_q <= row_valid_i;
            if (row_valid_i) begin
                // The next k-tile starts at the first row again, the next output tile behind the last one.
                index_q <= (end_i && !last_i) ? base_q : after(index_q);
                if (end_i && last_i) base_q <= after(index_q);
            end
            if (leave) oldest_q <= after(oldest_q);
            if (finish && !leave) finished_q <= finished_q + ONE_ROW;
            else if (leave && !finish) finished_q <= finished_q - ONE_ROW;
        end
    end

endmodule

`default_nettype wire
