// SPDX-License-Identifier: Apache-2.0
// result_store: queue of rows of results in a memory, in front of an AXI-Stream master. A write never waits: who writes
// has made sure that there is room.
//
// Latency: a row written in clock t is offered from clock t + 3 on, or in the clock after the row before it has left if
// that is later: one row a clock in and out. tdata_o and tvalid_o are registers, so tvalid_o does not wait for
// tready_i. A row passes the memory, the memory's output and the output register, and takes one of the DEPTH places
// until it has left. The reset empties the queue; tvalid_o is low in the clock after it and until a row has come
// through.
//
// WIDTH, DEPTH       bits of a row; rows held, 1 or more, not only powers of two
// clk_i, srst_ni     clock; synchronous reset, active low
// write_i, data_i    takes a row, never while DEPTH rows are held
// tdata_o, tvalid_o, tready_i   the oldest row
`default_nettype none

module result_store #(
    parameter WIDTH = 32,
    parameter DEPTH = 8
) (
    input  wire             clk_i,
    input  wire             srst_ni,
    input  wire             write_i,
    input  wire [WIDTH-1:0] data_i,
    output wire [WIDTH-1:0] tdata_o,
    output wire             tvalid_o,
    input  wire             tready_i
);

    localparam integer INDEX_BITS = (DEPTH > 1) ? $clog2(DEPTH) : 1;
    localparam integer COUNT_BITS = $clog2(DEPTH + 1);

    reg  [INDEX_BITS-1:0] write_q;  // index of the next row written
    reg  [INDEX_BITS-1:0] read_q;  // index of the next row fetched
    reg  [COUNT_BITS-1:0] held_q;  // rows in the memory that had not been fetched a clock ago
    reg                   fetch_q;  // and one was, since
    reg                   fetched_q;  // a row stands at the memory's output
    reg                   tvalid_q;
    reg  [     WIDTH-1:0] tdata_q;

    wire [INDEX_BITS-1:0] write_next;
    wire [INDEX_BITS-1:0] read_next;
    wire [COUNT_BITS-1:0] held_more;
    wire [COUNT_BITS-1:0] held_less;
    wire [     WIDTH-1:0] fetched_data;
    wire                  fetch;  // from the memory to its output
    wire                  move;  // from there to the output register

    assign tvalid_o = tvalid_q;
    assign tdata_o  = tdata_q;

    assign move  = fetched_q && (!tvalid_q || tready_i);
    // The count follows a clock later: a fetch is known late in its clock, and decides on few registers.
    assign fetch = ((held_q >> 1) != {COUNT_BITS{1'b0}} || (held_q[0] && !fetch_q)) && (!fetched_q || move);

    next_count #(
        .WIDTH(INDEX_BITS),
        .END  (DEPTH - 1)
    ) u_write_next (
        .count_i(write_q),
        .next_o (write_next)
    );

    next_count #(
        .WIDTH(INDEX_BITS),
        .END  (DEPTH - 1)
    ) u_read_next (
        .count_i(read_q),
        .next_o (read_next)
    );

    next_count #(
        .WIDTH(COUNT_BITS)
    ) u_held_more (
        .count_i(held_q),
        .next_o (held_more)
    );

    next_count #(
        .WIDTH(COUNT_BITS),
        .DOWN (1)
    ) u_held_less (
        .count_i(held_q),
        .next_o (held_less)
    );

    memory_1r1w #(
        .WIDTH(WIDTH),
        .DEPTH(DEPTH)
    ) u_memory (
        .clk_i          (clk_i),
        .write_i        (write_i),
        .write_address_i(write_q),
        .write_data_i   (data_i),
        .read_i         (fetch),
        .read_address_i (read_q),
        .read_data_o    (fetched_data)
    );

    always @(posedge clk_i) begin
        if (!srst_ni) begin
            write_q   <= {INDEX_BITS{1'b0}};
            read_q    <= {INDEX_BITS{1'b0}};
            held_q    <= {COUNT_BITS{1'b0}};
            fetch_q   <= 1'b0;
            fetched_q <= 1'b0;
            tvalid_q  <= 1'b0;
        end else begin
            if (write_i) write_q <= write_next;
            if (fetch) read_q <= read_next;
            if (write_i && !fetch_q) held_q <= held_more;
            else if (fetch_q && !write_i) held_q <= held_less;
            fetch_q   <= fetch;
            fetched_q <= fetch || (fetched_q && !move);
            tvalid_q  <= move || (tvalid_q && !tready_i);
        end
    end

    always @(posedge clk_i) begin
        if (move) tdata_q <= fetched_data;
    end

endmodule

`default_nettype wire
