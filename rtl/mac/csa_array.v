// SPDX-License-Identifier: Apache-2.0
// csa_array: sum_o = weight_i * activation_i (+ addend_i) modulo 2^WIDTH, operands signed: the core of
// mul_csa_array and mac_csa_array.
//
// Combinational. A carry-save array with one row per weight bit, least significant first: a weight that ends in k
// zeros holds its first k rows constant, and the changing part of the array is that much shorter.
// Negative partial products by Baugh and Wooley (IEEE Trans. Computers C-22 (12), 1973), with m weight and n
// activation bits:  w * a = sum of rows, with every bit that has exactly one sign factor inverted,
//                           + 2^(m-1) + 2^(n-1) - 2^(m+n-1).
//
// With an addend, the three most significant rows and the addend are compressed beside the array and join it in a
// tree. Depth in rows of adders for m = 8, by the trailing zeros of the weight, before the final adder:
//                                             0..2   3   4   5   6   7
//   addend as last row of a plain array          7   6   5   4   3   2
//   this arrangement                             6   5   4   3   3   3
// Weights with m - 3 trailing zeros or more (3-bit weights moved to the left end) thus form one fast class. Static
// delay (OpenSTA, osu018, 24-bit addend, ns) over odd weights, multiples of 16, multiples of 32: plain array 3.35,
// 2.68, 2.36 (1.42 : 1.14 : 1); this arrangement 3.08, 2.37, 2.10 (1.46 : 1.13 : 1), so every class is faster, and the
// fastest gains most. A separate adder behind a finished product: 3.63, 3.07, 2.79 (1.30 : 1.10 : 1).
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   2 or more each
// WIDTH                            of the sum, at least WEIGHT_WIDTH + ACTIVATION_WIDTH
// ADDEND                           1 if addend_i takes part
`default_nettype none

module csa_array #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter WIDTH            = 24,
    parameter ADDEND           = 1
) (
    input  wire [WEIGHT_WIDTH-1:0]     weight_i,
    input  wire [ACTIVATION_WIDTH-1:0] activation_i,
    /* verilator lint_off UNUSEDSIGNAL */  // not read without ADDEND
    input  wire [WIDTH-1:0]            addend_i,
    /* verilator lint_on UNUSEDSIGNAL */
    output wire [WIDTH-1:0]            sum_o
);

    // Row 0 holds the constants, then come the weight's rows, with the addend in front of the last three.
    localparam integer FAST_ROWS = WEIGHT_WIDTH < 3 ? WEIGHT_WIDTH : 3;
    localparam integer ADDEND_ROW = WEIGHT_WIDTH + 1 - FAST_ROWS;
    localparam integer ROWS = WEIGHT_WIDTH + 1 + (ADDEND != 0 ? 1 : 0);
    localparam integer ARRAY_STEPS = ADDEND == 0 ? ROWS - 2 : ADDEND_ROW > 2 ? ADDEND_ROW - 2 : 0;

    localparam [WIDTH-1:0] ONE = {{(WIDTH - 1){1'b0}}, 1'b1};
    localparam [WIDTH-1:0] CONSTANTS =
        (ONE << (WEIGHT_WIDTH - 1)) + (ONE << (ACTIVATION_WIDTH - 1)) - (ONE << (WEIGHT_WIDTH + ACTIVATION_WIDTH - 1));

    // Row of a weight bit.
    function integer row_of;
        input integer bit_number;
        row_of = bit_number + 1 + ((ADDEND != 0 && bit_number + 1 >= ADDEND_ROW) ? 1 : 0);
    endfunction

    // Columns that carry a signal, for all rows.
    function [ROWS*WIDTH-1:0] signal_columns;
        input integer bits;
        integer n;
        begin
            signal_columns = {(ROWS * WIDTH) {1'b0}};
            // The condition: Yosys 0.70 writes past its memory where a part select leaves the vector, and it evaluates
            // this before it sees that the wrapper refuses so small a WIDTH.
            for (n = 0; n < bits; n = n + 1) begin
                if (n + ACTIVATION_WIDTH <= WIDTH)
                    signal_columns[row_of(n)*WIDTH+n+:ACTIVATION_WIDTH] = {ACTIVATION_WIDTH{1'b1}};
            end
            if (ADDEND != 0) signal_columns[ADDEND_ROW*WIDTH+:WIDTH] = {WIDTH{1'b1}};
        end
    endfunction

    wire [ROWS*WIDTH-1:0] rows;
    assign rows[0+:WIDTH] = {WIDTH{1'b0}};

    genvar i;
    genvar j;

    generate
        for (i = 0; i < WEIGHT_WIDTH; i = i + 1) begin : g_row
            localparam integer ROW = row_of(i);
            for (j = 0; j < WIDTH; j = j + 1) begin : g_bit
                if (j < i || j >= i + ACTIVATION_WIDTH) begin : g_absent
                    assign rows[ROW*WIDTH+j] = 1'b0;
                end else if ((i == WEIGHT_WIDTH - 1) != (j - i == ACTIVATION_WIDTH - 1)) begin : g_inverted
                    assign rows[ROW*WIDTH+j] = ~(weight_i[i] & activation_i[j-i]);
                end else begin : g_true
                    assign rows[ROW*WIDTH+j] = weight_i[i] & activation_i[j-i];
                end
            end
        end
        if (ADDEND != 0) begin : g_addend
            assign rows[ADDEND_ROW*WIDTH+:WIDTH] = addend_i;
        end
    endgenerate

    carry_save_sum #(
        .ROWS       (ROWS),
        .WIDTH      (WIDTH),
        .ARRAY_STEPS(ARRAY_STEPS),
        .SIGNAL     (signal_columns(WEIGHT_WIDTH)),
        .ONES       ({{((ROWS - 1) * WIDTH) {1'b0}}, CONSTANTS})
    ) u_sum (
        .rows_i(rows),
        .sum_o (sum_o)
    );

endmodule

`default_nettype wire
