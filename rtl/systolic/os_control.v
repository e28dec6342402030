// SPDX-License-Identifier: Apache-2.0
// os_control: tile controller of systolic_os: joins the two operand streams to slots of a tile and decides when.
//
// A slot is issued in a clock in which a tile runs, both operands are offered and, for the tile's last slot,
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
// ROWS, CLASS_WIDTH, STEP_WIDTH   of systolic_os
// COLLECT                clocks from a slot to the row of sums at the result store, for row 0 (row r: 2 r more)
// DEPTH                  rows the result store holds
// clk_i, rst_ni          clock; synchronous reset, active low
// command_*              one beat a tile, taken while no tile runs or with the last slot of the one that does
// activation_*, weight_* handshakes of the operand streams; ready waits for valid of the other one
// slot_o, clear_o        a slot is issued; it is one of zeros, flags included. If not:
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
    parameter COLLECT     = 5,
    parameter DEPTH       = 11
) (
    input  wire                      clk_i,
    input  wire                      rst_ni,
    // tiles
    input  wire [   CLASS_WIDTH-1:0] command_class_i,
    input  wire [$clog2(ROWS+1)-1:0] command_rows_i,
    input  wire [    STEP_WIDTH-1:0] command_steps_i,
    input  wire                      command_valid_i,
    output wire                      command_ready_o,
    // operands
    input  wire                      activation_valid_i,
    output wire                      activation_ready_o,
    input  wire                      weight_valid_i,
    output wire                      weight_ready_o,
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
    localparam [31:0] ROWS_32 = ROWS;
    localparam [31:0] DEPTH_32 = DEPTH;
    localparam [31:0] FLUSH_32 = FLUSH;
    localparam [31:0] ONE_32 = 1;
    localparam [COUNT_BITS-1:0] ALL_ROWS = ROWS_32[COUNT_BITS-1:0];
    localparam [COUNT_BITS-1:0] ALL_ROOM = DEPTH_32[COUNT_BITS-1:0];
    localparam [COUNT_BITS-1:0] ONE_ROW = ONE_32[COUNT_BITS-1:0];
    localparam [STEP_WIDTH-1:0] ONE_STEP = ONE_32[STEP_WIDTH-1:0];
    localparam [FLUSH_BITS-1:0] ALL_FLUSH = FLUSH_32[FLUSH_BITS-1:0];
    localparam [FLUSH_BITS-1:0] ONE_CLOCK = ONE_32[FLUSH_BITS-1:0];
    localparam [COUNT_BITS:0] ONE_SPACE = ONE_32[COUNT_BITS:0];
    localparam [LAST_ROW-1:0] END_OF_ONE_ROW = {{(LAST_ROW - 1) {1'b0}}, 1'b1} << (COLLECT - 1);

    // The tile that runs.
    reg                   running_q;
    reg                   first_q;
    reg [CLASS_WIDTH-1:0] class_q;
    reg [ COUNT_BITS-1:0] rows_q;  // 1 to ROWS
    reg [ STEP_WIDTH-1:0] steps_q;  // slots to come, 1 or more
    // After the last slot of a tile.
    reg [   COUNT_BITS:0] spacing_q;  // clocks until another last slot may follow
    reg [ FLUSH_BITS-1:0] flush_q;  // clocks until the array is idle
    reg [   LAST_ROW-1:0] end_q;  // bit n: the row of sums at the result store n clocks from now ends a tile
    reg [ COUNT_BITS-1:0] room_q;  // rows of the result store that are not reserved

    wire [COUNT_BITS-1:0] command_rows;
    wire [COUNT_BITS-1:0] reserved;
    wire [  COUNT_BITS:0] spacing;
    wire [  LAST_ROW-1:0] end_mark;
    wire                  granted;
    wire                  last;
    wire                  may_end;
    wire                  open;
    wire                  step;
    wire                  finish;
    wire                  accept;

    assign last    = steps_q == ONE_STEP;
    assign may_end = spacing_q == {(COUNT_BITS + 1) {1'b0}} && rows_q <= room_q;
    assign open    = running_q && granted && (!last || may_end);
    assign step    = open && activation_valid_i && weight_valid_i;
    assign finish  = step && last;
    assign accept  = command_valid_i && command_ready_o;

    assign activation_ready_o = open && weight_valid_i;
    assign weight_ready_o     = open && activation_valid_i;
    assign command_ready_o    = !running_q || finish;
    assign slot_o             = step || clear_o;
    assign clear_o            = flush_q == ALL_FLUSH && !(running_q && granted);
    assign first_o            = first_q;
    assign end_o              = end_q[0];

    assign command_rows = {{(COUNT_BITS - $clog2(ROWS + 1)) {1'b0}}, command_rows_i};
    assign reserved     = finish ? rows_q : {COUNT_BITS{1'b0}};
    assign spacing      = {rows_q - ONE_ROW, 1'b0};
    assign end_mark     = finish ? END_OF_ONE_ROW << spacing : {LAST_ROW{1'b0}};

    genvar r;

    generate
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            localparam [31:0] NUMBER_32 = r;
            assign last_o[r] = last && rows_q > NUMBER_32[COUNT_BITS-1:0];
        end
    endgenerate

    always @(posedge clk_i) begin
        if (!rst_ni) running_q <= 1'b0;
        else if (accept) running_q <= 1'b1;
        else if (finish) running_q <= 1'b0;

        // Zero rows or steps count as one, more rows than there are as all.
        if (accept) begin
            first_q <= 1'b1;
            class_q <= command_class_i;
            if (command_rows == {COUNT_BITS{1'b0}}) rows_q <= ONE_ROW;
            else rows_q <= (command_rows > ALL_ROWS) ? ALL_ROWS : command_rows;
            steps_q <= (command_steps_i == {STEP_WIDTH{1'b0}}) ? ONE_STEP : command_steps_i;
        end else if (step) begin
            first_q <= 1'b0;
            steps_q <= steps_q - ONE_STEP;
        end
    end

    always @(posedge clk_i) begin
        if (!rst_ni) begin
            spacing_q <= {(COUNT_BITS + 1) {1'b0}};
            flush_q   <= {FLUSH_BITS{1'b0}};
            end_q     <= {LAST_ROW{1'b0}};
            room_q    <= ALL_ROOM;
        end else begin
            if (finish) spacing_q <= spacing;
            else if (spacing_q != {(COUNT_BITS + 1) {1'b0}}) spacing_q <= spacing_q - ONE_SPACE;
            if (finish) flush_q <= ALL_FLUSH;
            else if (flush_q != {FLUSH_BITS{1'b0}}) flush_q <= flush_q - ONE_CLOCK;
            end_q  <= {1'b0, end_q[LAST_ROW-1:1]} | end_mark;
            room_q <= room_q - reserved + {{(COUNT_BITS - 1) {1'b0}}, result_taken_i};
        end
    end

    clock_change #(
        .CLASS_WIDTH(CLASS_WIDTH)
    ) u_clock_change (
        .clk_i              (clk_i),
        .rst_ni             (rst_ni),
        .tile_valid_i       (running_q),
        .tile_class_i       (class_q),
        .idle_i             (flush_q == {FLUSH_BITS{1'b0}}),
        .granted_o          (granted),
        .clock_request_o    (clock_request_o),
        .clock_class_o      (clock_class_o),
        .clock_acknowledge_i(clock_acknowledge_i)
    );

endmodule

`default_nettype wire
