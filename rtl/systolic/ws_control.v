// SPDX-License-Identifier: Apache-2.0
// ws_control: tile controller of systolic_ws: decides in which clock a tile starts, and marks its slots.
//
// A tile starts (its swap enters the mesh) in the first clock before which
//  - all activations of the tile before have been taken, and 4 slots have passed since its start and since each of its
//    rows, so that the accumulator buffer has a row's sum back in its memory before the next tile reads it,
//  - its command is here and all its weights are loaded,
//  - the clock is that of its class; a change waits until every activation under way has been accumulated, and
//  - if it is the first k-tile of an output tile, the accumulator buffer has room for its rows. They are reserved now,
//    so that no sum ever waits inside the array, which therefore never stands still.
// From then on, after the swap slot and the idle slots of a gap if there is one, every clock is a slot that takes an
// activation if one is offered; otherwise it is a bubble.
//
// The gap is SWAP_GAP slots, and at least CLASS_GAP after a change of the clock: the elements still hold weights of the
// class before, and the new clock leaves time for swaps within its class only, so this one must not go with the first
// activation. (After reset the elements hold zeros, and no change is counted.)
//
// Everything that does not depend on this clock's beats is decided a clock in advance, in registers, and the tile that
// starts next is checked (class, room) in the clock after its command came: its earliest start is 3 clocks after that.
//
// DEPTH, SWAP_GAP, CLASS_GAP, CLASS_WIDTH   of systolic_ws
// LATENCY                clocks from an activation to the flags of its row of sums at the accumulator buffer
// clk_i, srst_ni         clock; synchronous reset, active low
// command_*              one beat a tile; one is held in advance
// weights_full_i         all weights of the next tile are loaded with this clock
// start_o                the next tile starts with the next clock
// swap_o                 a tile has started with this clock: its swap
// activation_valid_i, activation_ready_o   handshake of the activation stream
// slot_o                 an activation is taken
// row_valid_o, first_o, last_o, end_o   flags of a row of sums, at the accumulator buffer a clock before it
// result_taken_i         a row leaves the accumulator buffer
// clock_*                see clock_change
`default_nettype none

module ws_control #(
    parameter DEPTH       = 16,
    parameter SWAP_GAP    = 0,
    parameter CLASS_GAP   = 1,
    parameter CLASS_WIDTH = 2,
    parameter LATENCY     = 8
) (
    input  wire                       clk_i,
    input  wire                       srst_ni,
    // tiles
    input  wire [CLASS_WIDTH-1:0]     command_class_i,
    input  wire                       command_last_i,
    input  wire                       command_first_i,
    input  wire [$clog2(DEPTH+1)-1:0] command_rows_i,
    input  wire                       command_valid_i,
    output wire                       command_ready_o,
    // weights
    input  wire                       weights_full_i,
    output wire                       start_o,
    output wire                       swap_o,
    // activations
    input  wire                       activation_valid_i,
    output wire                       activation_ready_o,
    output wire                       slot_o,
    // accumulator buffer
    output wire                       row_valid_o,
    output wire                       first_o,
    output wire                       last_o,
    output wire                       end_o,
    input  wire                       result_taken_i,
    // clock generator
    output wire                       clock_request_o,
    output wire [CLASS_WIDTH-1:0]     clock_class_o,
    input  wire                       clock_acknowledge_i
);

    // Clocks after an activation in which the array is not idle, without the three that it takes to say so.
    localparam integer FLUSH = LATENCY + 3;
    localparam integer ROW_BITS = $clog2(DEPTH + 1);
    localparam integer ROOM_BITS = $clog2(2 * DEPTH + 1);
    localparam integer FLUSH_BITS = $clog2(FLUSH + 1);
    localparam integer LONGEST_GAP = CLASS_GAP > SWAP_GAP ? CLASS_GAP : SWAP_GAP;
    localparam integer GAP_BITS = LONGEST_GAP > 1 ? $clog2(LONGEST_GAP + 1) : 1;

    // Constants at the widths of the counters.
    localparam [31:0] ONE_32 = 1;
    localparam [31:0] ROOM_32 = 2 * DEPTH;
    localparam [31:0] FLUSH_32 = FLUSH;
    localparam [31:0] SWAPPED_32 = SWAP_GAP;
    localparam [31:0] CHANGED_32 = LONGEST_GAP;
    localparam [31:0] TWO_32 = 2;
    localparam [ROW_BITS:0] TWO_ROWS = TWO_32[ROW_BITS:0];
    localparam [ROW_BITS-1:0] ONE_ROW = ONE_32[ROW_BITS-1:0];
    localparam [ROOM_BITS-1:0] ALL_ROOM = ROOM_32[ROOM_BITS-1:0];
    localparam [FLUSH_BITS-1:0] ONE_CLOCK = ONE_32[FLUSH_BITS-1:0];
    localparam [FLUSH_BITS-1:0] ALL_CLOCKS = FLUSH_32[FLUSH_BITS-1:0];
    localparam [GAP_BITS-1:0] SWAPPED = SWAPPED_32[GAP_BITS-1:0];
    localparam [GAP_BITS-1:0] CHANGED = CHANGED_32[GAP_BITS-1:0];
    localparam [GAP_BITS-1:0] ONE_SLOT = ONE_32[GAP_BITS-1:0];

    // The tile that starts next.
    reg                    next_valid_q;
    reg  [CLASS_WIDTH-1:0] next_class_q;
    reg                    next_last_q;
    reg                    next_first_q;
    reg  [ROW_BITS-1:0]    next_rows_q;
    reg                    next_fits_q;  // it has its clock and its room
    // The tile that runs.
    reg                    first_q;
    reg                    last_q;
    reg                    started_q;  // with this clock
    reg                    waiting_q;  // in its gap
    reg  [GAP_BITS-1:0]    gap_q;  // idle slots of the gap to come
    reg                    open_q;  // an activation can be taken
    reg  [ROW_BITS-1:0]    rows_q;  // activations to come
    reg                    end_q;  // one activation to come
    reg  [ROOM_BITS-1:0]   reserve_q;  // minus the rows that it reserves, in the clock after its start
    reg  [3:0]             short_q;  // a one for each idle slot behind its last activation, likewise
    reg  [3:0]             spare_q;  // the same later

    reg                    changed_q;  // the clock, since the last start
    reg  [FLUSH_BITS-1:0]  flush_q;
    reg                    flushed_q;  // nothing is under way
    reg  [ROOM_BITS-1:0]   room_q;  // rows of the accumulator buffer that are not reserved
    reg  [LATENCY-1:0]     slots_q;  // slots under way, the youngest lowest
    reg  [3*LATENCY-1:0]   marks_q;  // their {end, last, first}

    wire [31:0]            next_rows;
    wire [ROOM_BITS-1:0]   next_room;  // rows, as wide as the room
    /* verilator lint_off UNUSEDSIGNAL */  // bit 0
    wire [ROOM_BITS:0]     room_d;  // above a bit whose carry counts the row that leaves
    /* verilator lint_on UNUSEDSIGNAL */
    wire [ROW_BITS-1:0]    rows_less;
    wire [GAP_BITS-1:0]    gap;  // of the tile that starts next
    wire [3:0]             short;  // of the tile that starts next
    wire [3:0]             spare;  // of the tile that runs
    wire                   granted;
    wire                   none;  // no tile runs
    wire                   ends;  // the tile that runs takes its last activation next, if there is one
    wire                   free;  // the tile that runs is over with this clock
    wire                   start;
    wire                   slot;
    wire [LATENCY:0]       slots;
    wire [3*LATENCY+2:0]   marks;

    assign next_rows = {{(32 - ROW_BITS) {1'b0}}, next_rows_q};
    assign next_room = next_rows[ROOM_BITS-1:0];
    assign gap       = changed_q ? CHANGED : SWAPPED;
    assign short     = {next_rows < 32'd1, next_rows < 32'd2, next_rows < 32'd3, next_rows < 32'd4};
    assign spare     = started_q ? short_q : spare_q;

    assign none  = !waiting_q && !open_q;
    assign ends  = open_q && end_q;
    assign slot  = open_q && activation_valid_i;
    assign free  = open_q ? slot && end_q && !spare[0] : !waiting_q && !spare[1];
    assign start = next_fits_q && weights_full_i && free;

    assign command_ready_o    = !next_valid_q && srst_ni;
    assign activation_ready_o = open_q && srst_ni;
    assign start_o            = start;
    assign swap_o             = started_q;
    assign slot_o             = slot;

    assign slots                    = {slots_q, slot};
    assign marks                    = {marks_q, end_q, last_q, first_q};
    assign row_valid_o              = slots[LATENCY];
    assign {end_o, last_o, first_o} = marks[3*LATENCY+:3];

    // The tile that starts next.
    always @(posedge clk_i) begin
        if (!next_valid_q) begin
            next_class_q <= command_class_i;
            next_last_q  <= command_last_i;
            next_first_q <= command_first_i;
            next_rows_q  <= command_rows_i;
        end
        if (!srst_ni) begin
            next_valid_q <= 1'b0;
            next_fits_q  <= 1'b0;
        end else begin
            next_valid_q <= next_valid_q ? !start : command_valid_i;
            next_fits_q  <= next_valid_q && !start && granted && (!next_first_q || next_room <= room_q);
        end
    end

    // The tile that runs. What describes it is taken from the next one as soon as it has no use any more: a start,
    // which is known late in its clock, decides on a few flags only.
    always @(posedge clk_i) begin
        short_q   <= short;
        reserve_q <= next_first_q ? -next_room : {ROOM_BITS{1'b0}};
        if (none || ends) begin
            gap_q  <= gap;
            rows_q <= next_rows_q;
        end else begin
            if (waiting_q) gap_q <= gap_q - ONE_SLOT;
            if (slot) rows_q <= rows_less;
        end
        if (none || slot) end_q <= (none || ends) ? next_rows_q == ONE_ROW : {1'b0, rows_q} == TWO_ROWS;
        if (none || (slot && end_q)) begin
            first_q <= next_first_q;
            last_q  <= next_last_q;
        end
        if (!srst_ni) begin
            started_q <= 1'b0;
            waiting_q <= 1'b0;
            open_q    <= 1'b0;
            spare_q   <= 4'b0000;
        end else begin
            started_q <= start;
            if (start) begin
                waiting_q <= gap != {GAP_BITS{1'b0}};
                open_q    <= gap == {GAP_BITS{1'b0}} && !short[3];
            end else if (waiting_q) begin
                waiting_q <= gap_q != {GAP_BITS{1'b0}};
                open_q    <= gap_q == {GAP_BITS{1'b0}} && !spare[3];
            end else if (open_q) begin
                open_q <= !(slot && end_q);
            end
            spare_q <= none ? spare >> 1 : spare;
        end
    end

    // What is under way.
    kogge_stone_adder #(
        .WIDTH(ROOM_BITS + 1)
    ) u_room (
        .a_i  ({room_q, 1'b1}),
        .b_i  ({started_q ? reserve_q : {ROOM_BITS{1'b0}}, result_taken_i}),
        .sum_o(room_d)
    );

    next_count #(
        .WIDTH(ROW_BITS),
        .DOWN (1)
    ) u_rows_less (
        .count_i(rows_q),
        .next_o (rows_less)
    );

    always @(posedge clk_i) begin
        marks_q <= marks[0+:3*LATENCY];
        if (!srst_ni) begin
            changed_q <= 1'b0;
            flush_q   <= {FLUSH_BITS{1'b0}};
            flushed_q <= 1'b1;
            room_q    <= ALL_ROOM;
            slots_q   <= {LATENCY{1'b0}};
        end else begin
            if (clock_request_o) changed_q <= 1'b1;
            else if (start) changed_q <= 1'b0;
            if (started_q || slots_q[0]) flush_q <= ALL_CLOCKS;
            else if (flush_q != {FLUSH_BITS{1'b0}}) flush_q <= flush_q - ONE_CLOCK;
            flushed_q <= flush_q == {FLUSH_BITS{1'b0}} && !started_q && !waiting_q && !open_q && !slots_q[0];
            room_q    <= room_d[ROOM_BITS:1];
            slots_q   <= slots[LATENCY-1:0];
        end
    end

    clock_change #(
        .CLASS_WIDTH(CLASS_WIDTH)
    ) u_clock_change (
        .clk_i              (clk_i),
        .srst_ni            (srst_ni),
        .tile_valid_i       (next_valid_q),
        .tile_class_i       (next_class_q),
        .idle_i             (flushed_q),
        .granted_o          (granted),
        .clock_request_o    (clock_request_o),
        .clock_class_o      (clock_class_o),
        .clock_acknowledge_i(clock_acknowledge_i)
    );

endmodule

`default_nettype wire
