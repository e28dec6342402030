// SPDX-License-Identifier: Apache-2.0
// result_store_properties: rows leave once, in the order in which they came, unchanged; a row offered stays until it is
// taken; a row is offered at most three clocks after it came; the memory is never read and written at one address.
//
// The writer keeps its word: it writes only while fewer than DEPTH rows are held. One row, any of them, is followed
// from its write until it leaves. DEPTH is 4 at most, since each word of the memory has a name here.
`default_nettype none

module result_store_properties #(
    parameter WIDTH = 1,
    parameter DEPTH = 3
) (
    input wire             clk_i,
    input wire             reset_i,
    input wire             write_i,
    input wire [WIDTH-1:0] data_i,
    input wire             ready_i,
    input wire             choose_i  // the row written in this clock is the one to follow
);

    localparam INDEX_BITS = (DEPTH > 1) ? $clog2(DEPTH) : 1;

    reg              begun_q = 1'b0;  // the first clock is one of reset
    wire             rst_n = begun_q && !reset_i;
    reg  [31:0]      count_q = 0;  // rows written that have not left
    wire             write = write_i && count_q < DEPTH && rst_n;
    wire [WIDTH-1:0] data;
    wire             valid;
    wire             leave = valid && ready_i && rst_n;
    // The clock before.
    reg              waited_q = 1'b0;  // a row was offered and not taken
    reg  [WIDTH-1:0] data_q;
    reg  [1:0]       still_q = 0;  // clocks that rows are held and none is offered

    // Registers of the store and its memory's ports.
    (* hierconn *) wire [INDEX_BITS-1:0]        \u_store.write_q ;
    (* hierconn *) wire [INDEX_BITS-1:0]        \u_store.read_q ;
    (* hierconn *) wire [$clog2(DEPTH + 1)-1:0] \u_store.held_q ;
    (* hierconn *) wire                         \u_store.fetch_q ;
    (* hierconn *) wire                         \u_store.fetched_q ;
    (* hierconn *) wire                         \u_store.fetch ;
    (* hierconn *) wire [WIDTH-1:0]             \u_store.fetched_data ;
    (* hierconn *) wire [WIDTH-1:0]             \u_store.u_memory.memory_q[0] ;
    (* hierconn *) wire [WIDTH-1:0]             \u_store.u_memory.memory_q[1] ;
    (* hierconn *) wire [WIDTH-1:0]             \u_store.u_memory.memory_q[2] ;
    (* hierconn *) wire [WIDTH-1:0]             \u_store.u_memory.memory_q[3] ;
    wire [31:0] held = \u_store.held_q - \u_store.fetch_q ;  // rows in the memory
    wire [4*WIDTH-1:0] memory = {
        \u_store.u_memory.memory_q[3] , \u_store.u_memory.memory_q[2] ,
        \u_store.u_memory.memory_q[1] , \u_store.u_memory.memory_q[0]
    };

    result_store #(
        .WIDTH(WIDTH),
        .DEPTH(DEPTH)
    ) u_store (
        .clk_i   (clk_i),
        .srst_ni (rst_n),
        .write_i (write),
        .data_i  (data_i),
        .tdata_o (data),
        .tvalid_o(valid),
        .tready_i(ready_i)
    );

    always @(posedge clk_i) begin
        begun_q  <= 1'b1;
        count_q  <= !rst_n ? 0 : count_q + (write ? 1 : 0) - (leave ? 1 : 0);
        waited_q <= rst_n && valid && !ready_i;
        data_q   <= data;
        still_q  <= (!rst_n || valid || count_q == 0) ? 0 : still_q + 1;
    end

    always @* begin
        if (rst_n) begin
            assert (count_q <= DEPTH);
            if (valid) assert (count_q != 0);
            if (waited_q) assert (valid && data == data_q);
            // Held since the last clock, fetched in this one, moved in the next: offered in the third.
            assert (still_q <= 2 && (still_q != 2 || valid));
            if (write && \u_store.fetch ) assert (\u_store.write_q != \u_store.read_q );
            // What induction needs: where the rows are.
            assert (count_q == held + \u_store.fetched_q + valid && held <= DEPTH);
            if (\u_store.fetch_q ) assert (\u_store.fetched_q );
            assert (\u_store.write_q < DEPTH && \u_store.read_q < DEPTH);
            assert ((\u_store.read_q + held) % DEPTH == \u_store.write_q );
            if (still_q == 1) assert (\u_store.fetched_q || valid);
        end
    end

    // The row that is followed: in the output register, at the memory's output, or in the memory.
    reg              follow_q = 1'b0;
    reg  [31:0]      ahead_q;  // rows that leave before it
    reg  [WIDTH-1:0] row_q;
    wire [31:0]      outside = \u_store.fetched_q + valid;  // rows that are no longer in the memory
    wire [31:0]      place = (\u_store.read_q + ahead_q - outside) % DEPTH;

    always @(posedge clk_i) begin
        if (!rst_n) begin
            follow_q <= 1'b0;
        end else if (!follow_q && write && choose_i) begin
            follow_q <= 1'b1;
            row_q    <= data_i;
            ahead_q  <= count_q - (leave ? 1 : 0);
        end else if (follow_q && leave) begin
            follow_q <= ahead_q != 0;
            ahead_q  <= ahead_q - 1;
        end
    end

    always @* begin
        if (rst_n && follow_q) begin
            assert (ahead_q < count_q);
            if (valid && ahead_q == 0) assert (data == row_q);
            else if (ahead_q < outside) assert (\u_store.fetched_data == row_q);
            else assert (memory[place*WIDTH+:WIDTH] == row_q);
        end
    end

endmodule

`default_nettype wire
