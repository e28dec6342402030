// SPDX-License-Identifier: Apache-2.0
// carry_save_sum: sum_o = sum of ROWS rows modulo 2^WIDTH: 3:2 compression, then one Kogge-Stone adder.
//
// Combinational. Row r stands at rows_i[r*WIDTH +: WIDTH]. Each of ROWS - 2 steps turns three rows into two.
// The first ARRAY_STEPS steps form an array: rows 0 to 2, then the result with row 3, then with row 4, and so on. A row
// that is constant together with all rows before it takes its adders out of every path.
// The other steps form a balanced tree over the array's result and the remaining rows, first come first served.
// The masks say which columns hold a signal or a constant, so every column is a full adder, a half adder or a wire as
// needed, and two entries of a column are left to the final adder unless a carry comes in beside them.
//
// ROWS          3 or more
// ARRAY_STEPS   0 (tree only) to ROWS - 2 (array only)
// SIGNAL        columns that carry a signal, for each row
// ONES          columns that are the constant one, for each row; all others are zero and their inputs are ignored
// rows_i        the rows
// sum_o         their sum
`default_nettype none

module carry_save_sum #(
    parameter ROWS        = 3,
    parameter WIDTH       = 16,
    parameter ARRAY_STEPS = 1,
    parameter [ROWS*WIDTH-1:0] SIGNAL = {(ROWS*WIDTH){1'b1}},
    parameter [ROWS*WIDTH-1:0] ONES   = {(ROWS*WIDTH){1'b0}}
) (
    /* verilator lint_off UNUSEDSIGNAL */  // columns outside SIGNAL have no reader
    input  wire [ROWS*WIDTH-1:0] rows_i,
    /* verilator lint_on UNUSEDSIGNAL */
    output wire [WIDTH-1:0] sum_o
);

    localparam integer STEPS = ROWS - 2;
    // Numbers of the rows that exist: the ROWS inputs, then sum and carry of each step.
    localparam integer NODES = ROWS + 2 * STEPS;

    // Number of the row that a step takes at a place (0, 1 or 2); step STEPS is the final adder (0 or 1).
    function integer source;
        input integer step;
        input integer place;
        integer position;
        begin
            if (step < ARRAY_STEPS) begin
                source = (step == 0 || place == 2) ? step + place : ROWS + 2 * (step - 1) + place;
            end else begin
                // Position in the stream: what is left after the array, then the results of the tree's steps.
                position = 3 * (step - ARRAY_STEPS) + place;
                if (position >= ROWS - ARRAY_STEPS) source = 2 * ARRAY_STEPS + position + ARRAY_STEPS;
                else if (ARRAY_STEPS > 0 && position < 2) source = ROWS + 2 * (ARRAY_STEPS - 1) + position;
                else source = position + ARRAY_STEPS;
            end
        end
    endfunction

    // Masks of all rows: SIGNAL of the NODES rows, above them ONES, above them the columns that each step adds: those
    // with three entries, or two and a carry from the column below (which ripple like the carries of an addition).
    function [(2*NODES+STEPS)*WIDTH-1:0] masks;
        input integer steps;
        integer k;
        reg [WIDTH-1:0] a_signal;
        reg [WIDTH-1:0] b_signal;
        reg [WIDTH-1:0] c_signal;
        reg [WIDTH-1:0] a_ones;
        reg [WIDTH-1:0] b_ones;
        reg [WIDTH-1:0] c_ones;
        reg [WIDTH-1:0] a_used;
        reg [WIDTH-1:0] b_used;
        reg [WIDTH-1:0] c_used;
        reg [WIDTH-1:0] three;
        reg [WIDTH-1:0] more;
        reg [WIDTH-1:0] add;
        reg [WIDTH-1:0] any;
        reg [WIDTH-1:0] two;
        reg [WIDTH-1:0] odd;
        begin
            masks = {((2 * NODES + STEPS) * WIDTH) {1'b0}};
            masks[0+:ROWS*WIDTH] = SIGNAL;
            masks[NODES*WIDTH+:ROWS*WIDTH] = ONES;
            for (k = 0; k < steps; k = k + 1) begin
                c_signal = masks[source(k, 0)*WIDTH+:WIDTH];
                b_signal = masks[source(k, 1)*WIDTH+:WIDTH];
                a_signal = masks[source(k, 2)*WIDTH+:WIDTH];
                c_ones = masks[(NODES+source(k, 0))*WIDTH+:WIDTH];
                b_ones = masks[(NODES+source(k, 1))*WIDTH+:WIDTH];
                a_ones = masks[(NODES+source(k, 2))*WIDTH+:WIDTH];
                a_used = a_signal | a_ones;
                b_used = b_signal | b_ones;
                c_used = c_signal | c_ones;
                three = a_used & b_used & c_used;
                more = (a_used & b_used) | (a_used & c_used) | (b_used & c_used);
                add = three | (more & (three ^ more ^ (three + more)));
                masks[(2*NODES+k)*WIDTH+:WIDTH] = add;
                any = a_signal | b_signal | c_signal;
                two = (a_signal & b_signal) | (a_signal & c_signal) | (b_signal & c_signal);
                odd = a_ones ^ b_ones ^ c_ones;
                // Sum, then carry: of the added columns, and of those that keep their first and second entry.
                masks[(ROWS+2*k)*WIDTH+:WIDTH] =
                    (add & any) | (~add & (c_signal | (~c_used & (b_signal | (~b_used & a_signal)))));
                masks[(NODES+ROWS+2*k)*WIDTH+:WIDTH] =
                    (add & ~any & odd) | (~add & (c_ones | (~c_used & (b_ones | (~b_used & a_ones)))));
                masks[(ROWS+2*k+1)*WIDTH+:WIDTH] =
                    ((add & (two | (any & odd))) << 1)
                    | (~add & ((c_used & b_signal) | ((c_used ^ b_used) & a_signal)));
                masks[(NODES+ROWS+2*k+1)*WIDTH+:WIDTH] =
                    ((add & ((a_ones & b_ones) | (a_ones & c_ones) | (b_ones & c_ones))) << 1)
                    | (~add & ((c_used & b_ones) | ((c_used ^ b_used) & a_ones)));
            end
        end
    endfunction

    localparam [(2*NODES+STEPS)*WIDTH-1:0] MASKS = masks(STEPS);

    genvar n;
    genvar k;

    generate
        for (n = 0; n < NODES; n = n + 1) begin : g_node
            wire [WIDTH-1:0] row;
            if (n < ROWS) begin : g_input
                assign row = rows_i[n*WIDTH+:WIDTH];
            end
        end

        for (k = 0; k < STEPS; k = k + 1) begin : g_step
            // The latest of an array's rows is the sum of the rows before; it takes c, the fast input of a full adder.
            localparam integer A = source(k, 2);
            localparam integer B = source(k, 1);
            localparam integer C = source(k, 0);
            carry_save_row #(
                .WIDTH   (WIDTH),
                .A_SIGNAL(MASKS[A*WIDTH+:WIDTH]),
                .A_ONES  (MASKS[(NODES+A)*WIDTH+:WIDTH]),
                .B_SIGNAL(MASKS[B*WIDTH+:WIDTH]),
                .B_ONES  (MASKS[(NODES+B)*WIDTH+:WIDTH]),
                .C_SIGNAL(MASKS[C*WIDTH+:WIDTH]),
                .C_ONES  (MASKS[(NODES+C)*WIDTH+:WIDTH]),
                .ADDED   (MASKS[(2*NODES+k)*WIDTH+:WIDTH])
            ) u_row (
                .a_i    (g_node[A].row),
                .b_i    (g_node[B].row),
                .c_i    (g_node[C].row),
                .sum_o  (g_node[ROWS+2*k].row),
                .carry_o(g_node[ROWS+2*k+1].row)
            );
        end
    endgenerate

    localparam integer LAST_A = source(STEPS, 0);
    localparam integer LAST_B = source(STEPS, 1);
    kogge_stone_adder #(
        .WIDTH   (WIDTH),
        .A_SIGNAL(MASKS[LAST_A*WIDTH+:WIDTH]),
        .A_ONES  (MASKS[(NODES+LAST_A)*WIDTH+:WIDTH]),
        .B_SIGNAL(MASKS[LAST_B*WIDTH+:WIDTH]),
        .B_ONES  (MASKS[(NODES+LAST_B)*WIDTH+:WIDTH])
    ) u_adder (
        .a_i  (g_node[LAST_A].row),
        .b_i  (g_node[LAST_B].row),
        .sum_o(sum_o)
    );

endmodule

`default_nettype wire
