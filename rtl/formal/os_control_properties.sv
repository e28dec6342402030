// SPDX-License-Identifier: Apache-2.0
// os_control_properties: every tile gets as many slots as its command says, in order, in the clock of its class only;
// its last slot leaves room in the columns for the results of the tile before and finds places in the result store for
// its own; the end mark meets its last row there; a change of the clock is asked for when no result is under way.
//
// Whoever is around keeps their word: a row leaves the store only if a place is taken, and the clock generator keeps
// the handshake (see clock_change_properties).
`default_nettype none

module os_control_properties #(
    parameter ROWS    = 2,
    parameter COLLECT = 3,
    parameter DEPTH   = 5
) (
    input wire       clk_i,
    input wire       reset_i,
    input wire       command_valid_i,
    input wire       class_i,
    input wire [1:0] rows_i,
    input wire [1:0] steps_i,
    input wire       operands_i,     // both are there
    input wire       leave_i,        // a row leaves the store, if there is one
    input wire       acknowledge_i   // the generator goes on with the handshake in this clock
);

    localparam ROW_BITS = $clog2(ROWS + 1);
    localparam COUNT_BITS = $clog2(DEPTH + 1);
    localparam LAST_ROW = COLLECT + 2 * (ROWS - 1);
    localparam FLUSH = LAST_ROW + 2;
    localparam FLUSH_BITS = $clog2(FLUSH + 1);

    reg        begun_q = 1'b0;  // the first clock is one of reset
    wire       rst_n = begun_q && !reset_i;

    // The tile that runs and the one behind it.
    wire       command_ready;
    wire       command = command_valid_i && command_ready && rst_n;
    wire [1:0] rows = (rows_i == 0) ? 1 : (rows_i > ROWS) ? ROWS : rows_i;
    wire [1:0] steps = (steps_i == 0) ? 1 : steps_i;
    reg        run_q = 1'b0;
    reg        run_class_q;
    reg  [1:0] run_rows_q;
    reg  [1:0] run_left_q;  // slots to come
    reg        run_first_q;
    reg        next_q = 1'b0;
    reg        next_class_q;
    reg  [1:0] next_rows_q;
    reg  [1:0] next_left_q;
    wire       step;
    wire       finish = step && run_left_q == 1;
    // After a last slot.
    reg  [4:0] clocks_q = 31;  // since it, 31: or more
    reg  [1:0] rows_q = 1;  // of its tile
    reg  [LAST_ROW:0] ends_q = 0;  // bit n: the last row of a tile is at the store n clocks from now
    reg  [7:0] reserved_q = 0;
    wire       leave = leave_i && reserved_q != 0 && rst_n;
    // What the array is told a clock later.
    reg        step_q = 1'b0;
    reg        first_q;
    reg        finish_q;
    reg  [1:0] told_rows_q;
    // The clock.
    reg        acknowledge_q = 1'b0;
    reg        clock_q = 1'b0;
    reg        request_q = 1'b0;
    wire       request;
    wire       asked;

    wire            slot;
    wire            clear;
    wire            first;
    wire [ROWS-1:0] last;
    wire            ends;

    // Registers of the controller.
    (* hierconn *) wire                  \u_control.load_q ;
    (* hierconn *) wire                  \u_control.run_q ;
    (* hierconn *) wire                  \u_control.open_q ;
    (* hierconn *) wire                  \u_control.first_q ;
    (* hierconn *) wire                  \u_control.ended_q ;
    (* hierconn *) wire [COUNT_BITS-1:0] \u_control.ended_rows_q ;
    (* hierconn *) wire                  \u_control.spaced_q ;
    (* hierconn *) wire [COUNT_BITS:0]   \u_control.spacing_q ;
    (* hierconn *) wire [FLUSH_BITS-1:0] \u_control.flush_q ;
    (* hierconn *) wire [LAST_ROW-1:0]   \u_control.end_q ;
    (* hierconn *) wire [LAST_ROW-1:0]   \u_control.end_mark ;
    (* hierconn *) wire                  \u_control.taken_q ;
    (* hierconn *) wire                  \u_control.fits_q ;
    (* hierconn *) wire [COUNT_BITS-1:0] \u_control.room_q ;
    (* hierconn *) wire                  \u_control.u_tile_0.valid_q ;
    (* hierconn *) wire                  \u_control.u_tile_0.last_q ;
    (* hierconn *) wire                  \u_control.u_tile_0.class_q ;
    (* hierconn *) wire [COUNT_BITS-1:0] \u_control.u_tile_0.rows_q ;
    (* hierconn *) wire [1:0]            \u_control.u_tile_0.left_q ;
    (* hierconn *) wire                  \u_control.u_tile_1.valid_q ;
    (* hierconn *) wire                  \u_control.u_tile_1.last_q ;
    (* hierconn *) wire                  \u_control.u_tile_1.class_q ;
    (* hierconn *) wire [COUNT_BITS-1:0] \u_control.u_tile_1.rows_q ;
    (* hierconn *) wire [1:0]            \u_control.u_tile_1.left_q ;
    // {valid, last, class, rows, left} of its two tiles, and of the one that runs and the other.
    wire [COUNT_BITS+4:0] tile_0 = {
        \u_control.u_tile_0.valid_q , \u_control.u_tile_0.last_q , \u_control.u_tile_0.class_q ,
        \u_control.u_tile_0.rows_q , \u_control.u_tile_0.left_q
    };
    wire [COUNT_BITS+4:0] tile_1 = {
        \u_control.u_tile_1.valid_q , \u_control.u_tile_1.last_q , \u_control.u_tile_1.class_q ,
        \u_control.u_tile_1.rows_q , \u_control.u_tile_1.left_q
    };
    wire [COUNT_BITS+4:0] runs = \u_control.run_q ? tile_1 : tile_0;
    wire [COUNT_BITS+4:0] follows = \u_control.run_q ? tile_0 : tile_1;
    wire [COUNT_BITS-1:0] run_rows = run_rows_q;
    wire [COUNT_BITS-1:0] next_rows = next_rows_q;
    wire [1:0]            run_behind = run_left_q - 1;
    wire [1:0]            next_behind = next_left_q - 1;

    os_control #(
        .ROWS       (ROWS),
        .CLASS_WIDTH(1),
        .STEP_WIDTH (2),
        .COLLECT    (COLLECT),
        .DEPTH      (DEPTH)
    ) u_control (
        .clk_i              (clk_i),
        .srst_ni            (rst_n),
        .command_class_i    (class_i),
        .command_rows_i     (rows_i[ROW_BITS-1:0]),
        .command_steps_i    (steps_i),
        .command_valid_i    (command_valid_i && rst_n),
        .command_ready_o    (command_ready),
        .operands_valid_i   (operands_i),
        .operands_use_o     (step),
        .slot_o             (slot),
        .clear_o            (clear),
        .first_o            (first),
        .last_o             (last),
        .end_o              (ends),
        .result_taken_i     (leave),
        .clock_request_o    (request),
        .clock_class_o      (asked),
        .clock_acknowledge_i(acknowledge_q)
    );

    always @(posedge clk_i) begin
        begun_q     <= 1'b1;
        request_q   <= request && rst_n;
        step_q      <= step && rst_n;
        first_q     <= run_first_q;
        finish_q    <= finish && rst_n;
        told_rows_q <= run_rows_q;
        if (!rst_n) begin
            run_q         <= 1'b0;
            next_q        <= 1'b0;
            clocks_q      <= 31;
            rows_q        <= 1;
            ends_q        <= 0;
            reserved_q    <= 0;
            clock_q       <= 1'b0;
            acknowledge_q <= 1'b0;
        end else begin
            if (finish ? next_q : run_q) begin  // the command waits
                if (command) begin
                    next_q       <= 1'b1;
                    next_class_q <= class_i;
                    next_rows_q  <= rows;
                    next_left_q  <= steps;
                end else if (finish) begin
                    next_q <= 1'b0;
                end
            end
            if (finish && next_q) begin
                run_class_q <= next_class_q;
                run_rows_q  <= next_rows_q;
                run_left_q  <= next_left_q;
                run_first_q <= 1'b1;
            end else if (finish || !run_q) begin
                run_q       <= command;
                run_class_q <= class_i;
                run_rows_q  <= rows;
                run_left_q  <= steps;
                run_first_q <= 1'b1;
            end else if (step) begin
                run_left_q  <= run_left_q - 1;
                run_first_q <= 1'b0;
            end
            clocks_q   <= finish ? 1 : clocks_q + (clocks_q != 31);
            if (finish) rows_q <= run_rows_q;
            ends_q     <= (ends_q >> 1) | (finish ? 1 << (COLLECT + 2 * (run_rows_q - 1) - 1) : 0);
            reserved_q <= reserved_q + (finish ? run_rows_q : 0) - leave;
            if (request && !acknowledge_q) begin
                acknowledge_q <= acknowledge_i;
                if (acknowledge_i) clock_q <= asked;
            end else if (!request && acknowledge_q) begin
                acknowledge_q <= !acknowledge_i;
            end
        end
    end

    always @* begin
        if (rst_n) begin
            if (step) assert (operands_i && run_q && clock_q == run_class_q && !request && !acknowledge_q);
            if (finish) assert (clocks_q >= 2 * rows_q - 1);
            assert (reserved_q <= DEPTH);
            assert (ends == ends_q[0]);
            if (request && !request_q) assert (clocks_q >= FLUSH);
            // What the array is told.
            assert ((slot && !clear) == step_q);
            if (step_q) assert (first == first_q && last == (finish_q ? (1 << told_rows_q) - 1 : 0));
            // What induction needs: the tiles,
            assert (runs[COUNT_BITS+4] == run_q && follows[COUNT_BITS+4] == next_q && (run_q || !next_q));
            assert (\u_control.load_q == (\u_control.run_q ^ (run_q && !next_q)));
            if (run_q) begin
                assert (runs[COUNT_BITS+4:2] == {1'b1, run_left_q == 1, run_class_q, run_rows});
                assert (run_left_q == 1 || runs[1:0] == run_behind);
                assert (run_rows_q >= 1 && run_rows_q <= ROWS && run_left_q >= 1 && \u_control.first_q == run_first_q);
            end else begin
                assert (\u_control.first_q && !\u_control.open_q );
            end
            if (next_q) begin
                assert (follows[COUNT_BITS+4:2] == {1'b1, next_left_q == 1, next_class_q, next_rows});
                assert (next_left_q == 1 || follows[1:0] == next_behind);
                assert (next_rows_q >= 1 && next_rows_q <= ROWS && next_left_q >= 1);
            end
            // the clock,
            if (\u_control.open_q ) assert (clock_q == run_class_q && !request && !acknowledge_q);
            if (!request || acknowledge_q) assert (clock_q == asked);
            if (request) assert (run_q && run_class_q == asked);
            // the distance of last slots,
            assert (rows_q >= 1 && rows_q <= ROWS && clocks_q >= 1 && (clocks_q == 1) == \u_control.ended_q );
            if (\u_control.ended_q ) assert (\u_control.ended_rows_q == rows_q);
            if (clocks_q >= 2) begin
                assert (\u_control.spacing_q == (clocks_q < 2 * rows_q ? 2 * rows_q - clocks_q : 0));
                assert (\u_control.flush_q == (clocks_q < FLUSH + 1 ? FLUSH + 1 - clocks_q : 0));
            end
            if (\u_control.spaced_q ) assert (clocks_q >= 2 * rows_q - 1);
            // end marks and room.
            assert ((\u_control.end_q | (\u_control.end_mark << 1)) == ends_q);
            assert (\u_control.room_q == DEPTH - reserved_q + (\u_control.ended_q ? rows_q : 0) - \u_control.taken_q );
            assert (reserved_q + \u_control.taken_q <= DEPTH);
            if (\u_control.open_q && \u_control.fits_q ) begin
                assert (run_rows_q + reserved_q + \u_control.taken_q <= DEPTH);
            end
        end
    end

endmodule

`default_nettype wire
