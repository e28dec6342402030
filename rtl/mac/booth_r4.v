// SPDX-License-Identifier: Apache-2.0
// booth_r4: sum_o = weight_i * activation_i (+ addend_i) modulo 2^WIDTH, operands signed: the core of mul_booth_r4 and
// mac_booth_r4.
//
// Combinational. The weight is recoded to radix 4, so there is one row of n + 1 bits for every two weight bits; a tree
// of full adders compresses the rows and the addend, and a Kogge-Stone adder finishes. A zero digit of the weight
// leaves its row constant, wherever in the weight it stands.
// The sign bit of row k stands at column 2k + n with negative weight; it enters inverted, and the constant
// - sum over k of 2^(2k + n) completes it.
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   2 or more each
// WIDTH                            of the sum, at least WEIGHT_WIDTH + ACTIVATION_WIDTH
// ADDEND                           1 if addend_i takes part
`default_nettype none

module booth_r4 #(
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

    localparam integer DIGITS = (WEIGHT_WIDTH + 1) / 2;
    localparam [WIDTH-1:0] ONE = {{(WIDTH - 1){1'b0}}, 1'b1};

    // Row 0: constants. Row 1: the + 1 of the last digit. Row 2 + k: digit k, and the + 1 of the digit before, two
    // columns below, where the row is free. Last row: the addend.
    localparam integer ROWS = DIGITS + 2 + (ADDEND != 0 ? 1 : 0);

    function [WIDTH-1:0] constants;
        input integer digits;
        integer k;
        begin
            constants = {WIDTH{1'b0}};
            for (k = 0; k < digits; k = k + 1) constants = constants - (ONE << (2 * k + ACTIVATION_WIDTH));
        end
    endfunction

    // Columns that carry a signal, for all rows.
    function [ROWS*WIDTH-1:0] signal_columns;
        input integer digits;
        integer k;
        begin
            signal_columns = {(ROWS * WIDTH) {1'b0}};
            signal_columns[WIDTH+2*digits-2] = 1'b1;
            for (k = 0; k < digits; k = k + 1) begin
                signal_columns[(k+2)*WIDTH+2*k+:ACTIVATION_WIDTH+1] = {(ACTIVATION_WIDTH + 1) {1'b1}};
                if (k > 0) signal_columns[(k+2)*WIDTH+2*k-2] = 1'b1;
            end
            if (ADDEND != 0) signal_columns[(digits+2)*WIDTH+:WIDTH] = {WIDTH{1'b1}};
        end
    endfunction

    wire [2*DIGITS:0]          recoded;  // the weight, sign-extended to an even width, with a zero below
    wire [ACTIVATION_WIDTH+1:0] extended;  // the activation, sign-extended by one bit, with a zero below
    wire [DIGITS-1:0]          one;
    wire [DIGITS-1:0]          two;
    wire [DIGITS-1:0]          negative;
    wire [ROWS*WIDTH-1:0]      rows;

    assign recoded[0]              = 1'b0;
    assign recoded[WEIGHT_WIDTH:1] = weight_i;
    assign extended = {activation_i[ACTIVATION_WIDTH-1], activation_i, 1'b0};

    genvar k;
    genvar j;

    generate
        if (WEIGHT_WIDTH % 2 != 0) begin : g_odd
            assign recoded[2*DIGITS] = weight_i[WEIGHT_WIDTH-1];
        end

        assign rows[0+:WIDTH] = {WIDTH{1'b0}};
        for (j = 0; j < WIDTH; j = j + 1) begin : g_last_one
            assign rows[WIDTH+j] = (j == 2 * DIGITS - 2) ? negative[DIGITS-1] : 1'b0;
        end

        for (k = 0; k < DIGITS; k = k + 1) begin : g_digit
            booth_digit u_digit (
                .weight_i  (recoded[2*k+:3]),
                .one_o     (one[k]),
                .two_o     (two[k]),
                .negative_o(negative[k])
            );
            for (j = 0; j < WIDTH; j = j + 1) begin : g_bit
                if (k > 0 && j == 2 * k - 2) begin : g_one
                    assign rows[(k+2)*WIDTH+j] = negative[(k+DIGITS-1)%DIGITS];
                end else if (j < 2 * k || j > 2 * k + ACTIVATION_WIDTH) begin : g_absent
                    assign rows[(k+2)*WIDTH+j] = 1'b0;
                end else begin : g_partial
                    wire partial;
                    booth_bit u_bit (
                        .one_i           (one[k]),
                        .two_i           (two[k]),
                        .negative_i      (negative[k]),
                        .activation_i    (extended[j-2*k+1]),
                        .activation_low_i(extended[j-2*k]),
                        .partial_o       (partial)
                    );
                    assign rows[(k+2)*WIDTH+j] = (j == 2 * k + ACTIVATION_WIDTH) ? ~partial : partial;
                end
            end
        end

        if (ADDEND != 0) begin : g_addend
            assign rows[(DIGITS+2)*WIDTH+:WIDTH] = addend_i;
        end
    endgenerate

    carry_save_sum #(
        .ROWS       (ROWS),
        .WIDTH      (WIDTH),
        .ARRAY_STEPS(0),
        .SIGNAL     (signal_columns(DIGITS)),
        .ONES       ({{((ROWS - 1) * WIDTH) {1'b0}}, constants(DIGITS)})
    ) u_sum (
        .rows_i(rows),
        .sum_o (sum_o)
    );

endmodule

`default_nettype wire
