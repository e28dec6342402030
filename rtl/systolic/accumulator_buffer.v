// SPDX-License-Identifier: Apache-2.0
// accumulator_buffer: adds the k-tiles of an output tile row by row and queues the finished rows for the result stream.
//
// A memory holds the sums of the output tile in progress, one row each. Its rows are read, added to and written back
// once a k-tile; those of the last k-tile go to a result_store of 2 * DEPTH rows instead, room for two output tiles of
// DEPTH rows (ping-pong) or for more smaller ones. Whoever sends rows has reserved that room: the input cannot be
// stalled.
//
// Latency: flags in clock t, their row in t + 1; it is read in t, added in t + 2, written back or queued in t + 3, and
// offered in t + 6. So the same row of two k-tiles must be 4 clocks apart, or more.
//
// Memory: memory_1r1w of DEPTH rows (and that of result_store): one port to write, one to read, data one clock after
// the address. An address is never read in the clock in which it is written. No path leads from a memory through more
// than wires to the next register, so an access may take a whole clock.
//
// COLUMNS, ACC_WIDTH         sums a row, bits a sum
// DEPTH                      rows of the longest tile, 1 or more
// clk_i, srst_ni             clock; synchronous reset, active low
// row_valid_i                a row of one k-tile comes in the next clock
// first_i, last_i            it is of the first (replaces what the memory holds), of the last k-tile of its output tile
// end_i                      it is the last row of its tile
// row_i                      the row whose flags came in the clock before
// tdata_o, tlast_o, tvalid_o, tready_i   finished rows; tlast on the last one of an output tile
`default_nettype none

module accumulator_buffer #(
    parameter COLUMNS   = 4,
    parameter ACC_WIDTH = 24,
    parameter DEPTH     = 16
) (
    input  wire                         clk_i,
    input  wire                         srst_ni,
    // rows from the array
    input  wire                         row_valid_i,
    input  wire                         first_i,
    input  wire                         last_i,
    input  wire                         end_i,
    input  wire [COLUMNS*ACC_WIDTH-1:0] row_i,
    // results
    output wire [COLUMNS*ACC_WIDTH-1:0] tdata_o,
    output wire                         tlast_o,
    output wire                         tvalid_o,
    input  wire                         tready_i
);

    localparam integer INDEX_BITS = (DEPTH > 1) ? $clog2(DEPTH) : 1;
    localparam integer ROW_WIDTH = COLUMNS * ACC_WIDTH;
    localparam [31:0] ONE_32 = 1;
    localparam [INDEX_BITS-1:0] ONE = ONE_32[INDEX_BITS-1:0];

    reg  [  INDEX_BITS-1:0] index_q;  // of the row whose flags come
    reg                     first_q;
    // What goes with a row: behind its flags by one clock (lowest), by two, by three.
    reg  [             2:0] write_q;  // it is written back
    reg  [             2:0] finish_q;  // it is queued
    reg  [             2:0] end_q;
    reg  [3*INDEX_BITS-1:0] indices_q;
    wire [   ROW_WIDTH-1:0] held;
    wire [   ROW_WIDTH-1:0] sums;

    genvar c;

    always @(posedge clk_i) begin
        first_q   <= first_i;
        end_q     <= {end_q[1:0], end_i};
        indices_q <= {indices_q[0+:2*INDEX_BITS], index_q};
    end

    always @(posedge clk_i) begin
        if (!srst_ni) begin
            index_q  <= {INDEX_BITS{1'b0}};
            write_q  <= 3'b000;
            finish_q <= 3'b000;
        end else begin
            if (row_valid_i) index_q <= end_i ? {INDEX_BITS{1'b0}} : index_q + ONE;
            write_q  <= {write_q[1:0], row_valid_i && !last_i};
            finish_q <= {finish_q[1:0], row_valid_i && last_i};
        end
    end

    memory_1r1w #(
        .WIDTH(ROW_WIDTH),
        .DEPTH(DEPTH)
    ) u_memory (
        .clk_i          (clk_i),
        .write_i        (write_q[2]),
        .write_address_i(indices_q[2*INDEX_BITS+:INDEX_BITS]),
        .write_data_i   (sums),
        .read_i         (row_valid_i && !first_i),
        .read_address_i (index_q),
        .read_data_o    (held)
    );

    generate
        for (c = 0; c < COLUMNS; c = c + 1) begin : g_column
            accumulator_column #(
                .WIDTH(ACC_WIDTH)
            ) u_accumulator (
                .clk_i  (clk_i),
                .sum_i  (row_i[c*ACC_WIDTH+:ACC_WIDTH]),
                .held_i (held[c*ACC_WIDTH+:ACC_WIDTH]),
                .first_i(first_q),
                .sum_o  (sums[c*ACC_WIDTH+:ACC_WIDTH])
            );
        end
    endgenerate

    result_store #(
        .WIDTH(ROW_WIDTH + 1),
        .DEPTH(2 * DEPTH)
    ) u_store (
        .clk_i   (clk_i),
        .srst_ni (srst_ni),
        .write_i (finish_q[2]),
        .data_i  ({end_q[2], sums}),
        .tdata_o ({tlast_o, tdata_o}),
        .tvalid_o(tvalid_o),
        .tready_i(tready_i)
    );

endmodule

`default_nettype wire
