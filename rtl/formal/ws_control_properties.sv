// SPDX-License-Identifier: Apache-2.0
// ws_control_properties: every tile takes as many activations as its command says, in the clock of its class only, and
// its rows are marked for the accumulator buffer as that demands: with the tile's flags, the same row 4 clocks apart or
// more, never more rows than there is room for. A change of the clock is asked for when nothing is under way.
//
// Whoever is around keeps their word: k-tiles of an output tile have the same rows, from one marked first to one marked
// last; weights, once loaded, stay until the start; rows leave the buffer only when they are finished; the clock
// generator keeps the handshake (see clock_change_properties).
`default_nettype none

module ws_control_properties #(
    parameter DEPTH     = 2,
    parameter SWAP_GAP  = 0,
    parameter CLASS_GAP = 1
) (
    input wire       clk_i,
    input wire       reset_i,
    input wire       command_valid_i,
    input wire       class_i,
    input wire       last_i,
    input wire [2:0] rows_i,
    input wire       loaded_i,            // the weights of the next tile are loaded with this clock
    input wire       activation_valid_i,
    input wire       leave_i,             // a row leaves the buffer, if there is one
    input wire       acknowledge_i        // the generator goes on with the handshake in this clock
);

    localparam LATENCY = 4;
    localparam ROW_BITS = $clog2(DEPTH + 1);
    // Clocks from the one after a start to the first activation that may come.
    localparam FRESH_GAP = CLASS_GAP > SWAP_GAP ? CLASS_GAP : SWAP_GAP;

    (* anyconst *) reg [2:0] row;  // the row whose distance is watched

    reg         begun_q = 1'b0;  // the first clock is one of reset
    wire        rst_n = begun_q && !reset_i;

    // Commands: rows stay while an output tile is open.
    reg         open_q = 1'b0;
    reg  [2:0]  open_rows_q;
    wire [2:0]  rows = open_q ? open_rows_q : (rows_i > DEPTH) ? DEPTH : rows_i;
    wire        command_ready;
    wire        command = command_valid_i && command_ready && rst_n;
    reg         next_first_q;
    reg         next_last_q;
    reg         next_class_q;
    reg  [2:0]  next_rows_q;
    // Weights.
    reg         full_q = 1'b0;
    wire        full = full_q || loaded_i;
    // The tile that runs.
    reg         first_q;
    reg         last_q;
    reg         class_q;
    reg  [2:0]  left_q = 0;  // activations to come
    reg  [2:0]  at_q;  // row that comes next
    reg  [7:0]  clocks_q = 0;  // since the one after its start
    reg         changed_q = 1'b0;  // the clock, since the last start
    reg         fresh_q;  // it was changed before the start of this tile
    reg  [2:0]  age_q = 4;  // clocks since an activation of the row that is watched, 4: or more
    reg         out_q = 1'b0;  // an output tile has begun whose last k-tile has not
    reg  [2:0]  out_rows_q;
    // Places in the buffer.
    reg  [7:0]  reserved_q = 0;
    reg  [7:0]  finished_q = 0;
    wire        leave = leave_i && finished_q != 0 && rst_n;
    // The clock.
    reg         acknowledge_q = 1'b0;
    reg         clock_q = 1'b0;
    reg         request_q = 1'b0;

    wire        start;
    wire        swap;
    wire        ready;
    wire        slot;
    wire        valid;
    wire        first;
    wire        last;
    wire        ends;
    wire        request;
    wire        asked;
    wire [2:0]  marks = {left_q == 1, last_q, first_q};
    reg         swap_q = 1'b0;
    reg  [LATENCY-1:0]   slots_q = 0;
    reg  [3*LATENCY-1:0] marks_q;

    // Registers of the controller.
    localparam ROOM_BITS = $clog2(2 * DEPTH + 1);
    localparam GAP_BITS = FRESH_GAP > 1 ? $clog2(FRESH_GAP + 1) : 1;
    (* hierconn *) wire                 \u_control.next_valid_q ;
    (* hierconn *) wire                 \u_control.next_class_q ;
    (* hierconn *) wire                 \u_control.next_last_q ;
    (* hierconn *) wire                 \u_control.next_first_q ;
    (* hierconn *) wire [ROW_BITS-1:0]  \u_control.next_rows_q ;
    (* hierconn *) wire                 \u_control.next_fits_q ;
    (* hierconn *) wire                 \u_control.first_q ;
    (* hierconn *) wire                 \u_control.last_q ;
    (* hierconn *) wire                 \u_control.waiting_q ;
    (* hierconn *) wire [GAP_BITS-1:0]  \u_control.gap_q ;
    (* hierconn *) wire                 \u_control.changed_q ;
    (* hierconn *) wire                 \u_control.open_q ;
    (* hierconn *) wire                 \u_control.end_q ;
    (* hierconn *) wire [3:0]           \u_control.spare ;
    (* hierconn *) wire [ROW_BITS-1:0]  \u_control.rows_q ;
    (* hierconn *) wire [ROOM_BITS-1:0] \u_control.room_q ;
    (* hierconn *) wire [LATENCY-1:0]   \u_control.slots_q ;
    (* hierconn *) wire [3*LATENCY-1:0] \u_control.marks_q ;
    reg next_valid_q = 1'b0;
    wire [7:0] finishing = (slots_q[0] && marks_q[1]) + (slots_q[1] && marks_q[4]) + (slots_q[2] && marks_q[7]) +
        (slots_q[3] && marks_q[10]);
    wire [7:0] to_come = out_q ? out_rows_q : left_q;
    wire [7:0] size = at_q + left_q;
    wire [7:0] waited = \u_control.waiting_q ? \u_control.gap_q + 1 : 0;
    wire [3:0] idle = \u_control.spare ;
    wire [7:0] spare = idle[0] + idle[1] + idle[2] + idle[3];  // idle slots behind the tile, to come

    ws_control #(
        .DEPTH      (DEPTH),
        .SWAP_GAP   (SWAP_GAP),
        .CLASS_GAP  (CLASS_GAP),
        .CLASS_WIDTH(1),
        .LATENCY    (LATENCY)
    ) u_control (
        .clk_i              (clk_i),
        .srst_ni            (rst_n),
        .command_class_i    (class_i),
        .command_last_i     (last_i),
        .command_first_i    (!open_q),
        .command_rows_i     (rows[ROW_BITS-1:0]),
        .command_valid_i    (command_valid_i && rst_n),
        .command_ready_o    (command_ready),
        .weights_full_i     (full && rst_n),
        .start_o            (start),
        .swap_o             (swap),
        .activation_valid_i (activation_valid_i && rst_n),
        .activation_ready_o (ready),
        .slot_o             (slot),
        .row_valid_o        (valid),
        .first_o            (first),
        .last_o             (last),
        .end_o              (ends),
        .result_taken_i     (leave),
        .clock_request_o    (request),
        .clock_class_o      (asked),
        .clock_acknowledge_i(acknowledge_q)
    );

    always @(posedge clk_i) begin
        begun_q   <= 1'b1;
        request_q <= request && rst_n;
        swap_q    <= start && rst_n;
        marks_q   <= {marks_q, marks};
        if (!rst_n) begin
            open_q        <= 1'b0;
            next_valid_q  <= 1'b0;
            changed_q     <= 1'b0;
            out_q         <= 1'b0;
            full_q        <= 1'b0;
            left_q        <= 0;
            clocks_q      <= 0;
            age_q         <= 4;
            reserved_q    <= 0;
            finished_q    <= 0;
            slots_q       <= 0;
            clock_q       <= 1'b0;
            acknowledge_q <= 1'b0;
        end else begin
            if (command) begin
                open_q       <= !last_i;
                open_rows_q  <= rows;
                next_first_q <= !open_q;
                next_last_q  <= last_i;
                next_class_q <= class_i;
                next_rows_q  <= rows;
            end
            next_valid_q <= next_valid_q ? !start : command;
            full_q    <= full && !start;
            changed_q <= request || (changed_q && !start);
            clocks_q  <= start ? 0 : clocks_q + (clocks_q != 255);
            age_q     <= (slot && at_q == row) ? 1 : (age_q < 4) ? age_q + 1 : 4;
            slots_q   <= {slots_q, slot};
            if (start) begin
                fresh_q    <= changed_q;
                out_q      <= !next_last_q;
                out_rows_q <= next_rows_q;
                first_q    <= next_first_q;
                last_q     <= next_last_q;
                class_q    <= next_class_q;
                left_q     <= next_rows_q;
                at_q       <= 0;
            end else if (slot) begin
                left_q <= left_q - 1;
                at_q   <= at_q + 1;
            end
            reserved_q <= reserved_q + (start && next_first_q ? next_rows_q : 0) - leave;
            finished_q <= finished_q + (valid && last) - leave;
            if (request && !acknowledge_q) begin
                acknowledge_q <= acknowledge_i;
                if (acknowledge_i) clock_q <= asked;
            end else if (!request && acknowledge_q) begin
                acknowledge_q <= !acknowledge_i;
            end
        end
    end

    always @* begin
        assume (row < DEPTH);
        if (rst_n) begin
            assert (slot == (ready && activation_valid_i));
            assert (swap == swap_q);
            // A tile ends with its last activation, and starts with its weights.
            if (start) assert (full && (left_q == 0 || (left_q == 1 && slot)));
            if (slot) begin
                assert (left_q != 0);
                assert (clock_q == class_q && !request && !acknowledge_q);
                assert (clocks_q >= (fresh_q ? FRESH_GAP : SWAP_GAP));
                if (at_q == row) assert (age_q == 4);
            end
            if (start) assert (clock_q == next_class_q && !request && !acknowledge_q);
            // What the accumulator buffer is told.
            assert (valid == slots_q[LATENCY-1]);
            if (valid) assert ({ends, last, first} == marks_q[3*LATENCY-1-:3]);
            assert (reserved_q <= 2 * DEPTH);
            // A change of the clock finds nothing under way.
            if (request && !request_q) assert (slots_q == 0 && left_q == 0);
            // What induction needs: the tile that waits,
            assert (\u_control.next_valid_q == next_valid_q && !(swap_q && next_valid_q));
            if (next_valid_q) begin
                assert (\u_control.next_class_q == next_class_q && \u_control.next_last_q == next_last_q);
                assert (\u_control.next_first_q == next_first_q && \u_control.next_rows_q == next_rows_q);
                assert (next_rows_q <= DEPTH && open_q == !next_last_q);
                if (open_q) assert (open_rows_q == next_rows_q);
            end
            if (open_q) assert (open_rows_q <= DEPTH);
            if (\u_control.next_fits_q ) begin
                assert (next_valid_q && !swap_q && clock_q == next_class_q && !request && !acknowledge_q);
                if (next_first_q) assert (next_rows_q <= \u_control.room_q );
            end
            // the one that runs,
            assert (left_q <= DEPTH && (left_q == 0 || at_q + left_q <= DEPTH));
            if (left_q > 1 || swap_q) assert (\u_control.rows_q == left_q);
            if (left_q != 0 || swap_q) assert (\u_control.first_q == first_q);
            if (left_q != 0) begin
                assert (\u_control.end_q == (left_q == 1));
                assert (\u_control.first_q == first_q && \u_control.last_q == last_q);
                assert (\u_control.waiting_q || \u_control.open_q );
                assert (clocks_q + waited >= (fresh_q ? FRESH_GAP : SWAP_GAP));
                assert (clock_q == class_q && !request && !acknowledge_q);
            end else begin
                assert (!\u_control.open_q && (!\u_control.waiting_q || spare == 4));
            end
            assert (age_q >= 1 && age_q <= 4);
            assert (!(\u_control.waiting_q && \u_control.open_q ));
            // the distance of rows: a tile shorter than 4 is followed by idle slots,
            if (left_q != 0) begin
                assert (idle == {size < 1, size < 2, size < 3, size < 4});
                if (row >= at_q) assert (age_q + (row - at_q) >= 4);
                else assert (age_q + left_q + spare + row >= 4);
            end else begin
                assert (idle == (1 << spare) - 1);
                assert (age_q + (spare > 1 ? spare : 1) + row >= 4);
            end
            // the clock,
            if (CLASS_GAP > SWAP_GAP) assert (\u_control.changed_q == changed_q);
            if (!request || acknowledge_q) assert (clock_q == asked);
            if (request) assert (next_valid_q && next_class_q == asked && left_q == 0);
            // rows under way, and room.
            assert (\u_control.slots_q == slots_q);
            if (slots_q[0]) assert (\u_control.marks_q [2:0] == marks_q[2:0]);
            if (slots_q[1]) assert (\u_control.marks_q [5:3] == marks_q[5:3]);
            if (slots_q[2]) assert (\u_control.marks_q [8:6] == marks_q[8:6]);
            if (slots_q[3]) assert (\u_control.marks_q [11:9] == marks_q[11:9]);
            assert (finished_q <= 2 * DEPTH && reserved_q == finished_q + finishing + to_come);
            if (next_valid_q) assert (next_first_q == !out_q && (!out_q || next_rows_q == out_rows_q));
            else assert (open_q == out_q && (!out_q || open_rows_q == out_rows_q));
            if (left_q != 0) assert (out_q == !last_q && (!out_q || out_rows_q == size));
            if (out_q) assert (out_rows_q <= DEPTH);
            assert (\u_control.room_q == 2 * DEPTH - reserved_q + (swap_q && first_q ? left_q : 0));
        end
    end

endmodule

`default_nettype wire
