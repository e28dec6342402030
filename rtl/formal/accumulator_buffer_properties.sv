// SPDX-License-Identifier: Apache-2.0
// accumulator_buffer_properties: what is queued for a row is the sum of its k-tiles, with the end mark of its tile; the
// queue never gets a row that it has no room for; the memory is never read and written at one address.
//
// The sender keeps its word (ws_control does, by its own proof): all k-tiles of an output tile have the same rows, a
// row comes again 4 clocks later or more, and an output tile begins when the queue has room for all of its rows. One
// row, any of them, is followed from its first k-tile to the queue (result_store, whose own proof says that rows leave
// it in order and unchanged). DEPTH is 4 at most, since each word of the memory has a name here.
`default_nettype none

module accumulator_buffer_properties #(
    parameter DEPTH     = 3,
    parameter ACC_WIDTH = 2
) (
    input wire                 clk_i,
    input wire                 reset_i,
    input wire                 send_i,   // a row comes, if it may
    input wire [2:0]           size_i,   // rows of the output tile that begins
    input wire                 last_i,   // the k-tile that begins is the last
    input wire [ACC_WIDTH-1:0] data_i,
    input wire                 ready_i
);

    localparam INDEX_BITS = (DEPTH > 1) ? $clog2(DEPTH) : 1;
    localparam PLACES_BITS = $clog2(2 * DEPTH + 1);

    (* anyconst *) reg [INDEX_BITS-1:0] row;  // the row that is followed

    // The sender.
    reg         begun_q = 1'b0;  // the first clock is one of reset
    wire        rst_n = begun_q && !reset_i;
    reg  [2:0]  size_q;  // rows of the output tile in progress
    reg  [2:0]  at_q = 0;  // row of its k-tile that comes next
    reg         first_q = 1'b1;  // k-tile that comes next or is under way
    reg         last_q;
    reg         open_q = 1'b0;  // an output tile is in progress
    reg  [31:0] reserved_q = 0;  // places of the queue
    reg  [2:0]  age_q = 4;  // clocks since the flags of the row that is followed, 4: or more
    wire        leave;
    wire        opens = !open_q && size_i > 0 && size_i <= DEPTH && reserved_q + size_i <= 2 * DEPTH;
    wire        begins = at_q == 0;
    wire [2:0]  size = open_q ? size_q : size_i;
    wire        last = begins ? last_i : last_q;
    wire        mine = at_q == row;
    wire        send = rst_n && send_i && (open_q || opens) && (!mine || age_q == 4);
    wire        ends = at_q == size - 1;

    always @(posedge clk_i) begin
        begun_q <= 1'b1;
        if (!rst_n) begin
            at_q       <= 0;
            first_q    <= 1'b1;
            open_q     <= 1'b0;
            reserved_q <= 0;
            age_q      <= 4;
        end else begin
            reserved_q <= reserved_q + (send && !open_q ? size : 0) - (leave ? 1 : 0);
            age_q      <= (send && mine) ? 1 : (age_q < 4) ? age_q + 1 : 4;
            if (send) begin
                size_q  <= size;
                last_q  <= last;
                open_q  <= !(ends && last);
                at_q    <= ends ? 0 : at_q + 1;
                first_q <= ends ? last : first_q;
            end
        end
    end

    // The sum of the row that is followed. Its beat comes a clock behind its flags.
    reg                  mine_q = 1'b0;
    reg                  mine_first_q;
    reg  [ACC_WIDTH-1:0] before_q;  // the sum without the k-tile under way
    reg  [ACC_WIDTH-1:0] sum_q;
    reg                  partial_q = 1'b0;  // the memory has to hold sum_q, or will

    always @(posedge clk_i) begin
        mine_q       <= send && mine;
        mine_first_q <= first_q;
        if (!rst_n) partial_q <= 1'b0;
        else if (send && mine) partial_q <= !last;
        if (mine_q) begin
            before_q <= mine_first_q ? 0 : sum_q;
            sum_q    <= (mine_first_q ? 0 : sum_q) + data_i;
        end
    end

    // What is under way: flags of the last three clocks, the youngest lowest.
    reg [2:0]              sent_q = 0;
    reg [2:0]              lasts_q;
    reg [2:0]              ends_q;
    reg [2:0]              mines_q;
    reg [3*INDEX_BITS-1:0] indices_q;
    reg [31:0]             queued_q = 0;  // rows in the queue

    wire finish = sent_q[2] && lasts_q[2];

    always @(posedge clk_i) begin
        sent_q    <= rst_n ? {sent_q[1:0], send} : 3'b000;
        lasts_q   <= {lasts_q[1:0], last};
        ends_q    <= {ends_q[1:0], ends};
        mines_q   <= {mines_q[1:0], mine};
        indices_q <= {indices_q[0+:2*INDEX_BITS], at_q[INDEX_BITS-1:0]};
        queued_q  <= !rst_n ? 0 : queued_q + (finish ? 1 : 0) - (leave ? 1 : 0);
    end

    wire                 valid;
    wire                 tlast;
    wire [ACC_WIDTH-1:0] tdata;

    assign leave = valid && ready_i && rst_n;

    // Registers of the buffer and its memory's ports.
    (* hierconn *) wire [INDEX_BITS-1:0]   \u_buffer.index_q ;
    (* hierconn *) wire                    \u_buffer.first_q ;
    (* hierconn *) wire [2:0]              \u_buffer.write_q ;
    (* hierconn *) wire [2:0]              \u_buffer.finish_q ;
    (* hierconn *) wire [2:0]              \u_buffer.end_q ;
    (* hierconn *) wire [3*INDEX_BITS-1:0] \u_buffer.indices_q ;
    (* hierconn *) wire [ACC_WIDTH-1:0]    \u_buffer.held ;
    (* hierconn *) wire [ACC_WIDTH-1:0]    \u_buffer.sums ;
    (* hierconn *) wire                    \u_buffer.u_memory.read_i ;
    (* hierconn *) wire                    \u_buffer.u_memory.write_i ;
    (* hierconn *) wire [INDEX_BITS-1:0]   \u_buffer.u_memory.read_address_i ;
    (* hierconn *) wire [INDEX_BITS-1:0]   \u_buffer.u_memory.write_address_i ;
    (* hierconn *) wire                    \u_buffer.u_store.write_i ;
    (* hierconn *) wire [ACC_WIDTH:0]      \u_buffer.u_store.data_i ;
    (* hierconn *) wire [PLACES_BITS-1:0]  \u_buffer.u_store.held_q ;
    (* hierconn *) wire                    \u_buffer.u_store.fetch_q ;
    (* hierconn *) wire                    \u_buffer.u_store.fetched_q ;
    (* hierconn *) wire [ACC_WIDTH-1:0]    \u_buffer.g_column[0].u_accumulator.sum_d ;
    wire [31:0] held = \u_buffer.u_store.held_q - \u_buffer.u_store.fetch_q ;  // rows in the queue's memory
    (* hierconn *) wire [ACC_WIDTH-1:0]    \u_buffer.u_memory.memory_q[0] ;
    (* hierconn *) wire [ACC_WIDTH-1:0]    \u_buffer.u_memory.memory_q[1] ;
    (* hierconn *) wire [ACC_WIDTH-1:0]    \u_buffer.u_memory.memory_q[2] ;
    (* hierconn *) wire [ACC_WIDTH-1:0]    \u_buffer.u_memory.memory_q[3] ;
    wire [4*ACC_WIDTH-1:0] memory = {
        \u_buffer.u_memory.memory_q[3] , \u_buffer.u_memory.memory_q[2] ,
        \u_buffer.u_memory.memory_q[1] , \u_buffer.u_memory.memory_q[0]
    };

    accumulator_buffer #(
        .COLUMNS  (1),
        .ACC_WIDTH(ACC_WIDTH),
        .DEPTH    (DEPTH)
    ) u_buffer (
        .clk_i      (clk_i),
        .srst_ni    (rst_n),
        .row_valid_i(send),
        .first_i    (first_q),
        .last_i     (last),
        .end_i      (ends),
        .row_i      (data_i),
        .tdata_o    (tdata),
        .tlast_o    (tlast),
        .tvalid_o   (valid),
        .tready_i   (ready_i)
    );

    wire [3*INDEX_BITS-1:0] differing = \u_buffer.indices_q ^ indices_q;
    wire [31:0] finishing = (sent_q[0] && lasts_q[0]) + (sent_q[1] && lasts_q[1]) + (sent_q[2] && lasts_q[2]);
    wire [31:0] to_come = !open_q ? 0 : (at_q != 0 && last_q) ? size_q - at_q : size_q;

    always @* begin
        assume (row < DEPTH);
        if (rst_n) begin
            // The row that is followed, where it enters the queue.
            if (finish && mines_q[2]) assert (\u_buffer.u_store.data_i == {ends_q[2], sum_q});
            // Every row that is queued has a place, and every place that is reserved gets its row.
            assert (\u_buffer.u_store.write_i == finish);
            if (finish) assert (queued_q < 2 * DEPTH);
            if (\u_buffer.u_memory.read_i && \u_buffer.u_memory.write_i ) begin
                assert (\u_buffer.u_memory.read_address_i != row || \u_buffer.u_memory.write_address_i != row);
            end
            // What induction needs: the sender,
            assert (at_q < DEPTH && (!open_q || (size_q > 0 && size_q <= DEPTH && at_q < size_q)));
            assert (open_q || (at_q == 0 && first_q));
            assert (reserved_q == queued_q + finishing + to_come && reserved_q <= 2 * DEPTH);
            assert (queued_q == held + \u_buffer.u_store.fetched_q + valid);
            if (\u_buffer.u_store.fetch_q ) assert (\u_buffer.u_store.held_q != 0 && \u_buffer.u_store.fetched_q );
            assert (age_q >= 1 && age_q <= 4);
            // flags under way,
            assert (\u_buffer.index_q == at_q[INDEX_BITS-1:0]);
            assert (\u_buffer.write_q == (sent_q & ~lasts_q) && \u_buffer.finish_q == (sent_q & lasts_q));
            assert (((\u_buffer.end_q ^ ends_q) & sent_q) == 0);
            if (sent_q[0]) assert (differing[0+:INDEX_BITS] == 0);
            if (sent_q[1]) assert (differing[INDEX_BITS+:INDEX_BITS] == 0);
            if (sent_q[2]) assert (differing[2*INDEX_BITS+:INDEX_BITS] == 0);
            assert ((sent_q[0] && mines_q[0]) == (age_q == 1) && (sent_q[1] && mines_q[1]) == (age_q == 2));
            assert ((sent_q[2] && mines_q[2]) == (age_q == 3) && mine_q == (age_q == 1));
            if (sent_q[0]) assert (mines_q[0] == (indices_q[0+:INDEX_BITS] == row));
            if (sent_q[1]) assert (mines_q[1] == (indices_q[INDEX_BITS+:INDEX_BITS] == row));
            if (sent_q[2]) assert (mines_q[2] == (indices_q[2*INDEX_BITS+:INDEX_BITS] == row));
            // and the sum: read, added, written back.
            if (age_q == 1) assert (\u_buffer.first_q == mine_first_q && (mine_first_q || \u_buffer.held == sum_q));
            if (age_q == 2) assert (\u_buffer.g_column[0].u_accumulator.sum_d == sum_q);
            if (age_q == 3) assert (\u_buffer.sums == sum_q);
            if (age_q == 4 && partial_q) assert (memory[row*ACC_WIDTH+:ACC_WIDTH] == sum_q);
            if (open_q && row < size_q && !(first_q && at_q <= row) && !(last_q && at_q > row)) assert (partial_q);
            if (age_q == 1) assert (partial_q == !lasts_q[0]);
        end
    end

endmodule

`default_nettype wire
