// SPDX-License-Identifier: Apache-2.0
// sign_magnitude: sum_o = weight_i * activation_i (+ addend_i) modulo 2^WIDTH, operands signed: the core of
// mul_sign_magnitude and mac_sign_magnitude.
//
// Combinational. The weight is split into sign s and magnitude. The sign inverts the activation, the magnitude selects
// the rows of a carry-save array, least significant first, and a row that holds still with the weight completes the
// two's complement:  w * a = |w| * (a xor s) + s * |w|, because the inverted a is - a - 1.
// w and -w switch the same rows. The speed of a weight is set by its trailing zeros as in csa_array, whose arrangement
// of the last rows and the addend this module shares, and its energy by the ones of its magnitude.
// The sign bits of the m rows have negative weight; they enter inverted with the constant 2^(n-1) - 2^(m+n-1).
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   2 or more each
// WIDTH                            of the sum, at least WEIGHT_WIDTH + ACTIVATION_WIDTH
// ADDEND                           1 if addend_i takes part
`default_nettype none

module sign_magnitude #(
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

    // Row 0: constants. Row 1: s * |w|. Then the magnitude's rows, with the addend in front of the last three.
    localparam integer FAST_ROWS = WEIGHT_WIDTH < 3 ? WEIGHT_WIDTH : 3;
    localparam integer ADDEND_ROW = WEIGHT_WIDTH + 2 - FAST_ROWS;
    localparam integer ROWS = WEIGHT_WIDTH + 2 + (ADDEND != 0 ? 1 : 0);
    localparam integer ARRAY_STEPS = ADDEND == 0 ? ROWS - 2 : ADDEND_ROW - 2;

    localparam [WIDTH-1:0] ONE = {{(WIDTH - 1){1'b0}}, 1'b1};
    localparam [WIDTH-1:0] CONSTANTS =
        (ONE << (ACTIVATION_WIDTH - 1)) - (ONE << (WEIGHT_WIDTH + ACTIVATION_WIDTH - 1));

    // Row of a bit of the magnitude.
    function integer row_of;
        input integer bit_number;
        row_of = bit_number + 2 + ((ADDEND != 0 && bit_number + 2 >= ADDEND_ROW) ? 1 : 0);
    endfunction

    // Columns that carry a signal, for all rows.
    function [ROWS*WIDTH-1:0] signal_columns;
        input integer bits;
        integer n;
        begin
            signal_columns = {(ROWS * WIDTH) {1'b0}};
            signal_columns[WIDTH+:WEIGHT_WIDTH] = {WEIGHT_WIDTH{1'b1}};
            // The condition: Yosys 0.70 writes past its memory where a part select leaves the vector, and it evaluates
            // this before it sees that the wrapper refuses so small a WIDTH.
            for (n = 0; n < bits; n = n + 1) begin
                if (n + ACTIVATION_WIDTH <= WIDTH)
                    signal_columns[row_of(n)*WIDTH+n+:ACTIVATION_WIDTH] = {ACTIVATION_WIDTH{1'b1}};
            end
            if (ADDEND != 0) signal_columns[ADDEND_ROW*WIDTH+:WIDTH] = {WIDTH{1'b1}};
        end
    endfunction

    wire                        negative;
    wire [WEIGHT_WIDTH-1:0]     magnitude;
    wire [ACTIVATION_WIDTH-1:0] signed_activation;
    wire [ROWS*WIDTH-1:0]       rows;

    assign negative          = weight_i[WEIGHT_WIDTH-1];
    assign signed_activation = activation_i ^ {ACTIVATION_WIDTH{negative}};
    assign rows[0+:WIDTH]    = {WIDTH{1'b0}};
    assign rows[WIDTH+:WIDTH] = {{(WIDTH - WEIGHT_WIDTH) {1'b0}}, magnitude & {WEIGHT_WIDTH{negative}}};

    weight_magnitude #(
        .WIDTH(WEIGHT_WIDTH)
    ) u_magnitude (
        .weight_i   (weight_i),
        .magnitude_o(magnitude)
    );

    genvar i;
    genvar j;

    generate
        for (i = 0; i < WEIGHT_WIDTH; i = i + 1) begin : g_row
            localparam integer ROW = row_of(i);
            for (j = 0; j < WIDTH; j = j + 1) begin : g_bit
                if (j < i || j >= i + ACTIVATION_WIDTH) begin : g_absent
                    assign rows[ROW*WIDTH+j] = 1'b0;
                end else if (j - i == ACTIVATION_WIDTH - 1) begin : g_sign
                    assign rows[ROW*WIDTH+j] = ~(magnitude[i] & signed_activation[j-i]);
                end else begin : g_true
                    assign rows[ROW*WIDTH+j] = magnitude[i] & signed_activation[j-i];
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
