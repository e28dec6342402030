// SPDX-License-Identifier: Apache-2.0
// ws_control: tile controller of systolic_ws: decides in which clock a tile starts, and marks its slots.
//
// A tile starts (its swap enters the mesh) in the first clock in which
//  - all activations of the tile before have been taken,
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
// DEPTH, SWAP_GAP, CLASS_GAP, CLASS_WIDTH   of systolic_ws
// LATENCY                clocks from a slot to its sums at the accumulator buffer
// clk_i, rst_ni          clock; synchronous reset, active low
// command_*              one beat a tile; one is held in advance
// weights_full_i         all weights of the next tile are loaded
// start_o                the next tile starts: its swap
// activation_valid_i, activation_ready_o   handshake of the activation stream
// slot_o                 an activation is taken
// first_o, last_o, end_o   of the row of sums that reaches the accumulator buffer in this clock
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
    input  wire                       rst_ni,
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
    // activations
    input  wire                       activation_valid_i,
    output wire                       activation_ready_o,
    output wire                       slot_o,
    // accumulator buffer
    output wire                       first_o,
    output wire                       last_o,
    output wire                       end_o,
    input  wire                       result_taken_i,
    // clock generator
    output wire                       clock_request_o,
    output wire [CLASS_WIDTH-1:0]     clock_class_o,
    input  wire                       clock_acknowledge_i
);

    // Clocks from a slot until its sums are in the accumulator buffer.
    localparam integer FLUSH = LATENCY + 2;
    localparam integer ROW_BITS = $clog2(DEPTH + 1);
    localparam integer ROOM_BITS = $clog2(2 * DEPTH + 1);
    localparam integer FLUSH_BITS = $clog2(FLUSH);
    localparam integer LONGEST_GAP = CLASS_GAP > SWAP_GAP ? CLASS_GAP : SWAP_GAP;
    localparam integer GAP_BITS = LONGEST_GAP > 1 ? $clog2(LONGEST_GAP + 1) : 1;

    // Constants at the widths of the counters.
    localparam [31:0] ONE_32 = 1;
    localparam [31:0] ROOM_32 = 2 * DEPTH;
    localparam [31:0] FLUSH_32 = FLUSH - 1;
    localparam [31:0] SWAPPED_32 = SWAP_GAP;
    localparam [31:0] CHANGED_32 = LONGEST_GAP;
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
    // The tile that runs.
    reg                    last_q;
    reg                    first_q;
    reg  [ROW_BITS-1:0]    rows_q;  // activations to come

    reg                    changed_q;  // the clock, since the last start
    reg  [GAP_BITS-1:0]    gap_q;  // idle slots to come
    reg  [FLUSH_BITS-1:0]  flush_q;  // clocks until all activations taken have been accumulated
    reg  [ROOM_BITS-1:0]   room_q;  // rows of the accumulator buffer that are not reserved
    reg  [3*LATENCY-1:0]   marks_q;  // {end, last, first} of the slots under way, the youngest lowest

    wire [GAP_BITS-1:0]    gap;  // of the tile that starts next
    wire                   waiting;  // in a gap
    wire                   done;
    wire                   granted;
    wire                   start;
    wire [ROW_BITS-1:0]    rows;
    wire                   first;
    wire                   last;
    wire                   open;
    wire [3*LATENCY+2:0]   marks;
    wire [ROOM_BITS-1:0]   next_rows;  // as wide as the room

    assign gap       = changed_q ? CHANGED : SWAPPED;
    assign waiting   = gap_q != {GAP_BITS{1'b0}};
    assign done      = rows_q == {ROW_BITS{1'b0}} && !waiting;
    assign next_rows = {{(ROOM_BITS - ROW_BITS) {1'b0}}, next_rows_q};
    assign start     = next_valid_q && weights_full_i && granted && done && (!next_first_q || next_rows <= room_q);

    // In the clock of the start, too, a slot is open if there is no gap.
    assign rows  = start ? next_rows_q : rows_q;
    assign first = start ? next_first_q : first_q;
    assign last  = start ? next_last_q : last_q;
    assign open  = rows != {ROW_BITS{1'b0}} && !waiting && (!start || gap == {GAP_BITS{1'b0}});

    assign activation_ready_o = open;
    assign slot_o             = open && activation_valid_i;
    assign start_o            = start;
    assign command_ready_o    = !next_valid_q || start;

    assign marks                    = {marks_q, rows == ONE_ROW, last, first};
    assign {end_o, last_o, first_o} = marks[3*LATENCY+:3];

    always @(posedge clk_i) begin
        marks_q <= marks[0+:3*LATENCY];
        first_q <= first;
        last_q  <= last;
        if (command_ready_o) begin
            next_class_q <= command_class_i;
            next_last_q  <= command_last_i;
            next_first_q <= command_first_i;
            next_rows_q  <= command_rows_i;
        end
    end

    always @(posedge clk_i) begin
        if (!rst_ni) begin
            next_valid_q <= 1'b0;
            rows_q       <= {ROW_BITS{1'b0}};
            changed_q    <= 1'b0;
            gap_q        <= {GAP_BITS{1'b0}};
            flush_q      <= {FLUSH_BITS{1'b0}};
            room_q       <= ALL_ROOM;
        end else begin
            if (command_ready_o) next_valid_q <= command_valid_i;
            rows_q <= slot_o ? rows - ONE_ROW : rows;
            if (clock_request_o) changed_q <= 1'b1;
            else if (start) changed_q <= 1'b0;
            if (start) gap_q <= gap;
            else if (waiting) gap_q <= gap_q - ONE_SLOT;
            if (slot_o) flush_q <= ALL_CLOCKS;
            else if (flush_q != {FLUSH_BITS{1'b0}}) flush_q <= flush_q - ONE_CLOCK;
            room_q <= room_q - ((start && next_first_q) ? next_rows : {ROOM_BITS{1'b0}})
                + {{(ROOM_BITS - 1) {1'b0}}, result_taken_i};
        end
    end

    clock_change #(
        .CLASS_WIDTH(CLASS_WIDTH)
    ) u_clock_change (
        .clk_i              (clk_i),
        .rst_ni             (rst_ni),
        .tile_valid_i       (next_valid_q),
        .tile_class_i       (next_class_q),
        .idle_i             (done && flush_q == {FLUSH_BITS{1'b0}}),
        .granted_o          (granted),
        .clock_request_o    (clock_request_o),
        .clock_class_o      (clock_class_o),
        .clock_acknowledge_i(clock_acknowledge_i)
    );

endmodule

`default_nettype wire
