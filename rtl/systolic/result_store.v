// SPDX-License-Identifier: Apache-2.0
// result_store: queue of result rows in front of an AXI-Stream master. Who writes has made sure that there is room.
//
// Latency: a row written in clock t is offered in clock t + 1. Read asynchronously (distributed memory or registers).
// The reset empties it.
//
// WIDTH, DEPTH       bits of a row; rows it holds, 2 or more
// clk_i, rst_ni      clock; synchronous reset, active low
// write_i, data_i    takes a row, never while DEPTH rows are held
// tdata_o, tvalid_o, tready_i   the oldest row
`default_nettype none

module result_store #(
    parameter WIDTH = 32,
    parameter DEPTH = 8
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    input  wire             write_i,
    input  wire [WIDTH-1:0] data_i,
    output wire [WIDTH-1:0] tdata_o,
    output wire             tvalid_o,
    input  wire             tready_i
);

    localparam integer INDEX_BITS = $clog2(DEPTH);
    localparam integer COUNT_BITS = $clog2(DEPTH + 1);
    localparam [31:0] END_32 = DEPTH - 1;
    localparam [31:0] ONE_32 = 1;
    localparam [INDEX_BITS-1:0] END = END_32[INDEX_BITS-1:0];
    localparam [INDEX_BITS-1:0] NEXT = ONE_32[INDEX_BITS-1:0];
    localparam [COUNT_BITS-1:0] ONE = ONE_32[COUNT_BITS-1:0];

    reg  [     WIDTH-1:0] memory_q [0:DEPTH-1];
    reg  [INDEX_BITS-1:0] write_q;  // index of the next row written
    reg  [INDEX_BITS-1:0] read_q;  // index of the oldest row
    reg  [ COUNT_BITS-1:0] held_q;
    wire                   read;

    assign tvalid_o = held_q != {COUNT_BITS{1'b0}};
    assign tdata_o  = memory_q[read_q];
    assign read     = tvalid_o && tready_i;

    always @(posedge clk_i) begin
        if (write_i) memory_q[write_q] <= data_i;
    end

    always @(posedge clk_i) begin
        if (!rst_ni) begin
            write_q <= {INDEX_BITS{1'b0}};
            read_q  <= {INDEX_BITS{1'b0}};
            held_q  <= {COUNT_BITS{1'b0}};
        end else begin
            if (write_i) write_q <= (write_q == END) ? {INDEX_BITS{1'b0}} : write_q + NEXT;
            if (read) read_q <= (read_q == END) ? {INDEX_BITS{1'b0}} : read_q + NEXT;
            if (write_i && !read) held_q <= held_q + ONE;
            else if (read && !write_i) held_q <= held_q - ONE;
        end
    end

endmodule

`default_nettype wire
