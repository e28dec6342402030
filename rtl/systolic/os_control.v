// SPDX-License-Identifier: Apache-2.0
// os_control: tile controller of systolic_os: joins the operands to slots of a tile and decides when.
//
// A slot is decided on in a clock in which a tile runs, both operands are there and, for the tile's last slot,
//  - the last slot of the tile before, of m rows, was 2 m - 1 clocks ago or more: results leave a column one row in two
//    clocks, and a result may not meet one of the tile before on its way up;
//  - the result store has room for the tile's rows. They are reserved at this moment, so no result ever waits inside
//    the array, which therefore never stands still; a slot that is not issued is a bubble.
// A tile of another frequency class waits for the change of the clock, and the change for an idle array.
// In the clock after a tile, unless one of the same class follows at once, a slot of zeros, neither first nor last, is
// issued: elements that still held operands of one class when the clock is that of another would make a transition for
// which that clock leaves no time, but zeros belong to every class. It has passed the array before the clock changes.
// Nothing here waits in a circle: the spacing runs down by itself, reserved rows always reach the store, and the store
// is emptied by its reader alone.
//
// Latency: two commands are taken ahead, the first slot of a tile follows its command after two clocks at the earliest,
// and the array is told of a slot in the clock after the decision. A decision rests on registered flags: what has to be
// compared is compared one clock before, so rows that leave the store make room three clocks later.
//
// ROWS, CLASS_WIDTH, STEP_WIDTH   of systolic_os
// COLLECT                clocks from a decision to the row of sums at the result store, for row 0 (row r: 2 r more)
// DEPTH                  rows the result store holds
// clk_i, srst_ni         clock; synchronous reset, active low
// command_*              one beat a tile
// operands_valid_i, operands_use_o   both operands are there; they are those of a slot
// slot_o, clear_o        in the clock after the decision: a slot; it is one of zeros. If not:
// first_o                it is the first of its tile
// last_o                 a bit a row: it is the last, and the row takes part in the tile
// end_o                  the sums at the result store in this clock, if any, are the last row of a tile
// result_taken_i         a row leaves the result store
// clock_*                see clock_change
`default_nettype none

module os_control #(
    parameter ROWS        = 4,
    parameter CLASS_WIDTH = 2,
    parameter STEP_WIDTH  = 16,
    parameter COLLECT     = 6,
    parameter DEPTH       = 15
) (
    input  wire                      clk_i,
    input  wire                      srst_ni,
    // tiles
    input  wire [   CLASS_WIDTH-1:0] command_class_i,
    input  wire [$clog2(ROWS+1)-1:0] command_rows_i,
    input  wire [    STEP_WIDTH-1:0] command_steps_i,
    input  wire                      command_valid_i,
    output wire                      command_ready_o,
    // operands
    input  wire                      operands_valid_i,
    output wire                      operands_use_o,
    // array
    output wire                      slot_o,
    output wire                      clear_o,
    output wire                      first_o,
    output wire [          ROWS-1:0] last_o,
    output wire                      end_o,
    input  wire                      result_taken_i,
    // clock generator
    output wire                      clock_request_o,
    output wire [   CLASS_WIDTH-1:0] clock_class_o,
    input  wire                      clock_acknowledge_i
);

    localparam integer COUNT_BITS = $clog2(DEPTH + 1);  // of rows
    // Clocks from a last slot until the row of sums of the bottom row is at the result store, and until it is offered.
    localparam integer LAST_ROW = COLLECT + 2 * (ROWS - 1);
    localparam integer FLUSH = LAST_ROW + 2;
    localparam integer FLUSH_BITS = $clog2(FLUSH + 1);

    // Constants at the widths of the counters.
    localparam [31:0] DEPTH_32 = DEPTH;
    localparam [31:0] FLUSH_32 = FLUSH;
    localparam [31:0] ONE_32 = 1;
    localparam [31:0] TWO_32 = 2;
    localparam [COUNT_BITS-1:0] ALL_ROOM = DEPTH_32[COUNT_BITS-1:0];
    localparam [COUNT_BITS-1:0] NO_ROW = {COUNT_BITS{1'b0}};
    localparam [COUNT_BITS-1:0] ONE_ROW = ONE_32[COUNT_BITS-1:0];
    localparam [FLUSH_BITS-1:0] NO_CLOCK = {FLUSH_BITS{1'b0}};
    localparam [FLUSH_BITS-1:0] ONE_CLOCK = ONE_32[FLUSH_BITS-1:0];
    localparam [FLUSH_BITS-1:0] ALL_FLUSH = FLUSH_32[FLUSH_BITS-1:0];
    localparam [COUNT_BITS:0] NO_SPACE = {(COUNT_BITS + 1) {1'b0}};
    localparam [COUNT_BITS:0] ONE_SPACE = ONE_32[COUNT_BITS:0];
    localparam [COUNT_BITS:0] TWO_SPACES = TWO_32[COUNT_BITS:0];
    localparam [LAST_ROW-1:0] END_OF_ONE_ROW = {{(LAST_ROW - 1) {1'b0}}, 1'b1} << (COLLECT - 2);

    // Two tiles: one of them runs, or none if it is not there; the other follows.
    reg                    load_q;  // the one that takes the next command
    reg                    run_q;  // the one that runs
    reg                    open_q;  // it is there and has its clock
    reg                    first_q;  // the next slot is its first
    // After the last slot of a tile.
    reg                    ended_q;  // it was in the clock before
    reg  [ COUNT_BITS-1:0] ended_rows_q;  // and the tile had that many rows
    reg                    spaced_q;  // another last slot may follow
    reg  [   COUNT_BITS:0] spacing_q;  // clocks until it may, from two clocks behind the last slot on
    reg  [ FLUSH_BITS-1:0] flush_q;  // clocks until the array is idle, likewise
    reg  [   LAST_ROW-1:0] end_q;  // bit n: the row of sums at the result store n clocks from now ends a tile
    // Of the result store.
    reg                    taken_q;  // a row left in the clock before
    reg                    fits_q;  // there is room for the tile that runs
    reg  [ COUNT_BITS-1:0] room_q;  // rows not reserved, but for those of a tile that ended in the clock before
    // For the array.
    reg                    slot_q;
    reg                    clear_q;
    reg                    slot_first_q;
    reg                    slot_last_q;
    reg  [       ROWS-1:0] slot_rows_q;

    // Of both tiles.
    wire [            1:0] load;
    wire [            1:0] valid;
    wire [            1:0] lasts;
    wire [            1:0] steps;
    wire [CLASS_WIDTH-1:0] class_0;
    wire [CLASS_WIDTH-1:0] class_1;
    wire [ COUNT_BITS-1:0] rows_0;
    wire [ COUNT_BITS-1:0] rows_1;
    // Of the tile that runs, and of the other one.
    wire                   last;
    wire [CLASS_WIDTH-1:0] run_class;
    wire [CLASS_WIDTH-1:0] next_class;
    wire [ COUNT_BITS-1:0] run_rows;
    wire [ COUNT_BITS-1:0] next_rows;

    wire [ COUNT_BITS-1:0] room;
    wire [   COUNT_BITS:0] spacing;
    wire [   LAST_ROW-1:0] end_mark;
    wire [       ROWS-1:0] rows;  // a bit a row of the tile
    wire                   granted;
    wire                   step;
    wire                   finish;
    wire                   clear;

    assign step   = open_q && operands_valid_i && (!last || (spaced_q && fits_q));
    assign finish = step && last;
    assign clear  = ended_q && !open_q;

    assign command_ready_o = srst_ni && (!(load_q ? valid[1] : valid[0]) || finish);
    assign operands_use_o  = step;
    assign slot_o          = slot_q;
    assign clear_o         = clear_q;
    assign first_o         = slot_first_q;
    assign last_o          = slot_last_q ? slot_rows_q : {ROWS{1'b0}};
    assign end_o           = end_q[0];

    assign load       = (command_valid_i && command_ready_o) ? {load_q, !load_q} : 2'b00;
    assign steps      = step ? {run_q, !run_q} : 2'b00;
    assign last       = run_q ? lasts[1] : lasts[0];
    assign run_class  = run_q ? class_1 : class_0;
    assign next_class = run_q ? class_0 : class_1;
    assign run_rows   = run_q ? rows_1 : rows_0;
    assign next_rows  = run_q ? rows_0 : rows_1;

    assign room     = room_q - (ended_q ? ended_rows_q : NO_ROW);
    assign spacing  = {ended_rows_q - ONE_ROW, 1'b0};
    assign end_mark = ended_q ? END_OF_ONE_ROW << spacing : {LAST_ROW{1'b0}};

    genvar r;

    generate
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            localparam [31:0] NUMBER_32 = r;
            assign rows[r] = run_rows > NUMBER_32[COUNT_BITS-1:0];
        end
    endgenerate

    always @(posedge clk_i) begin
        if (!srst_ni) begin
            load_q  <= 1'b0;
            run_q   <= 1'b0;
            open_q  <= 1'b0;
            first_q <= 1'b1;
        end else begin
            if (load != 2'b00) load_q <= !load_q;
            if (finish) run_q <= !run_q;
            open_q  <= finish ? valid == 2'b11 && next_class == clock_class_o :
                                granted && (run_q ? valid[1] : valid[0]);
            first_q <= finish || (first_q && !step);
        end
    end

    always @(posedge clk_i) begin
        if (!srst_ni) begin
            ended_q   <= 1'b0;
            spaced_q  <= 1'b1;
            spacing_q <= NO_SPACE;
            flush_q   <= NO_CLOCK;
            end_q     <= {LAST_ROW{1'b0}};
            taken_q   <= 1'b0;
            room_q    <= ALL_ROOM;
        end else begin
            ended_q  <= finish;
            spaced_q <= finish ? run_rows == ONE_ROW : ended_q ? ended_rows_q == ONE_ROW : spacing_q <= TWO_SPACES;
            if (ended_q) begin
                spacing_q <= spacing;
                flush_q   <= ALL_FLUSH - ONE_CLOCK;
            end else begin
                if (spacing_q != NO_SPACE) spacing_q <= spacing_q - ONE_SPACE;
                if (flush_q != NO_CLOCK) flush_q <= flush_q - ONE_CLOCK;
            end
            end_q   <= {1'b0, end_q[LAST_ROW-1:1]} | end_mark;
            taken_q <= result_taken_i;
            room_q  <= room + {{(COUNT_BITS - 1) {1'b0}}, taken_q};
        end

        ended_rows_q <= run_rows;
        fits_q       <= finish ? next_rows <= room - run_rows : run_rows <= room;
    end

    always @(posedge clk_i) begin
        if (!srst_ni) slot_q <= 1'b0;
        else slot_q <= step || clear;

        clear_q      <= clear;
        slot_first_q <= step && first_q;
        slot_last_q  <= finish;
        slot_rows_q  <= rows;
    end

    os_tile #(
        .ROWS       (ROWS),
        .CLASS_WIDTH(CLASS_WIDTH),
        .STEP_WIDTH (STEP_WIDTH),
        .ROW_BITS   (COUNT_BITS)
    ) u_tile_0 (
        .clk_i  (clk_i),
        .srst_ni(srst_ni),
        .load_i (load[0]),
        .class_i(command_class_i),
        .rows_i (command_rows_i),
        .steps_i(command_steps_i),
        .step_i (steps[0]),
        .valid_o(valid[0]),
        .last_o (lasts[0]),
        .class_o(class_0),
        .rows_o (rows_0)
    );

    os_tile #(
        .ROWS       (ROWS),
        .CLASS_WIDTH(CLASS_WIDTH),
        .STEP_WIDTH (STEP_WIDTH),
        .ROW_BITS   (COUNT_BITS)
    ) u_tile_1 (
        .clk_i  (clk_i),
        .srst_ni(srst_ni),
        .load_i (load[1]),
        .class_i(command_class_i),
        .rows_i (command_rows_i),
        .steps_i(command_steps_i),
        .step_i (steps[1]),
        .valid_o(valid[1]),
        .last_o (lasts[1]),
        .class_o(class_1),
        .rows_o (rows_1)
    );

    clock_change #(
        .CLASS_WIDTH(CLASS_WIDTH)
    ) u_clock_change (
        .clk_i              (clk_i),
        .srst_ni            (srst_ni),
        .tile_valid_i       (run_q ? valid[1] : valid[0]),
        .tile_class_i       (run_class),
        .idle_i             (!ended_q && flush_q == NO_CLOCK),
        .granted_o          (granted),
        .clock_request_o    (clock_request_o),
        .clock_class_o      (clock_class_o),
        .clock_acknowledge_i(clock_acknowledge_i)
    );

endmodule

`default_nettype wire
