// SPDX-License-Identifier: Apache-2.0
// weight_correction: what the products of a column lack with CORRECTION (see partial_products), added up over the
// weights of a tile while they enter the column. It is where the column's partial sums start, at the top.
//
// The correction of a weight is the sum of two words of single bits and a constant. They are added in carry-save form,
// with no carry that ripples, and the constant of all rows is where the sum starts:
//     booth_r4       bit 2k: digit k is negative; bit n + 2k: digit k is zero; - 2^n * (1 + 4 + 16 + ...)
//     baugh_wooley   bit m - 1: the weight is negative; bits n - 1 and up: the inverted weight; 2^(n-1) - 2^(m+n-1)
//
// Latency: a weight of clock t counts for a swap in clock t + 1 or later, and correction_o changes 1 + DELAY clocks
// after the swap: with the first psum_i of the column's top element that belongs to the new weight, if DELAY is the
// number of registers in its multiplier. Weights of the next tile may come from the clock of the swap on. valid_o
// follows valid_i by one clock. Nothing is reset: the first weight of a tile starts anew.
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   m and n, 2 to 16 bits each
// ACC_WIDTH          m + n to 64 bits
// RECODING           "booth_r4" or "baugh_wooley"
// CARRY_SAVE         1: correction_o is {carry, sum}, two numbers that add up to it
// ROWS               weights a tile
// DELAY              clocks by which weights and swaps are delayed
// clk_i              clock
// weight_i           weights on their way into the column
// valid_i, valid_o   weight_i is a weight of the next tile; the same to the right
// first_i            it is the first one
// swap_i             the next tile's weights come into use at the column's top
// correction_o       of the weights in use
`default_nettype none

module weight_correction #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 24,
    parameter RECODING         = "booth_r4",
    parameter CARRY_SAVE       = 1,
    parameter ROWS             = 4,
    parameter DELAY            = 0
) (
    input  wire                                clk_i,
    input  wire [WEIGHT_WIDTH-1:0]             weight_i,
    input  wire                                valid_i,
    output wire                                valid_o,
    input  wire                                first_i,
    input  wire                                swap_i,
    output wire [(1+CARRY_SAVE)*ACC_WIDTH-1:0] correction_o
);

    /* verilator lint_off WIDTHEXPAND */  // names of different lengths are compared
    localparam integer BOOTH = (RECODING == "booth_r4") ? 1 : 0;
    /* verilator lint_on WIDTHEXPAND */
    localparam integer DIGITS = (WEIGHT_WIDTH + 1) / 2;
    localparam integer LINE = WEIGHT_WIDTH + 3;
    localparam [ACC_WIDTH-1:0] ONE = {{(ACC_WIDTH - 1) {1'b0}}, 1'b1};
    localparam [ACC_WIDTH-1:0] ZERO = {ACC_WIDTH{1'b0}};

    // Columns of both words that carry a signal, the first word lowest.
    function [2*ACC_WIDTH-1:0] signals;
        input integer bits;  // of the weight
        integer k;
        begin
            signals = {2{ZERO}};
            if (BOOTH == 0) signals[bits-1] = 1'b1;
            for (k = 0; k < bits; k = k + 1) begin
                if (BOOTH == 0) begin
                    signals[ACC_WIDTH+ACTIVATION_WIDTH-1+k] = 1'b1;
                end else if (k % 2 == 0) begin
                    signals[k] = 1'b1;
                    signals[ACC_WIDTH+ACTIVATION_WIDTH+k] = 1'b1;
                end
            end
        end
    endfunction

    // The constants of all rows.
    function [ACC_WIDTH-1:0] start;
        input integer rows;
        integer r;
        integer k;
        begin
            start = ZERO;
            for (r = 0; r < rows; r = r + 1) begin
                if (BOOTH == 0) begin
                    start = start + (ONE << (ACTIVATION_WIDTH - 1)) - (ONE << (WEIGHT_WIDTH + ACTIVATION_WIDTH - 1));
                end else begin
                    for (k = 0; k < DIGITS; k = k + 1) start = start - (ONE << (ACTIVATION_WIDTH + 2 * k));
                end
            end
        end
    endfunction

    localparam [2*ACC_WIDTH-1:0] SIGNALS = signals(WEIGHT_WIDTH);
    localparam [ACC_WIDTH-1:0] START = start(ROWS);
    // In the units of compressor_tree: a Booth digit, a gate.
    localparam [7:0] WORD_ARRIVAL = (BOOTH != 0) ? 8'd8 : 8'd0;

    reg                                 valid_q;
    reg  [ACC_WIDTH-1:0]                sum_q;
    reg  [ACC_WIDTH-1:0]                carry_q;
    reg  [(1+CARRY_SAVE)*ACC_WIDTH-1:0] correction_q;
    wire [ACC_WIDTH-1:0]                sum_d;
    wire [ACC_WIDTH-1:0]                carry_d;
    wire [(1+CARRY_SAVE)*ACC_WIDTH-1:0] correction_d;
    wire [2*ACC_WIDTH-1:0]              words;  // of the weight
    // After DELAY:
    wire [WEIGHT_WIDTH-1:0]             weight;
    wire                                valid;
    wire                                first;
    wire                                swap;

    genvar k;

    assign valid_o      = valid_q;
    assign correction_o = correction_q;

    generate
        if (DELAY > 0) begin : g_delay
            reg  [    DELAY*LINE-1:0] line_q;
            wire [(DELAY+1)*LINE-1:0] line;  // the youngest lowest
            assign line                         = {line_q, swap_i, first_i, valid_i, weight_i};
            assign {swap, first, valid, weight} = line[DELAY*LINE+:LINE];
            always @(posedge clk_i) line_q <= line[0+:DELAY*LINE];
        end else begin : g_no_delay
            assign {swap, first, valid, weight} = {swap_i, first_i, valid_i, weight_i};
        end

        if (BOOTH != 0) begin : g_booth
            wire [3*DIGITS-1:0] digits;  // {negative, two, one} each
            booth_recode #(
                .WIDTH(WEIGHT_WIDTH)
            ) u_recode (
                .weight_i(weight),
                .digits_o(digits)
            );
            for (k = 0; k < ACC_WIDTH; k = k + 1) begin : g_column
                if (SIGNALS[k]) begin : g_negative
                    assign words[k] = digits[3*(k/2)+2];
                end else begin : g_no_negative
                    assign words[k] = 1'b0;
                end
                if (SIGNALS[ACC_WIDTH+k]) begin : g_zero
                    localparam integer DIGIT = (k - ACTIVATION_WIDTH) / 2;
                    assign words[ACC_WIDTH+k] = ~(digits[3*DIGIT] | digits[3*DIGIT+1]);
                end else begin : g_no_zero
                    assign words[ACC_WIDTH+k] = 1'b0;
                end
            end
        end else begin : g_baugh_wooley
            for (k = 0; k < ACC_WIDTH; k = k + 1) begin : g_column
                if (SIGNALS[k]) begin : g_negative
                    assign words[k] = weight[WEIGHT_WIDTH-1];
                end else begin : g_no_negative
                    assign words[k] = 1'b0;
                end
                if (SIGNALS[ACC_WIDTH+k]) begin : g_inverted
                    assign words[ACC_WIDTH+k] = ~weight[k-ACTIVATION_WIDTH+1];
                end else begin : g_no_weight
                    assign words[ACC_WIDTH+k] = 1'b0;
                end
            end
        end

        if (CARRY_SAVE != 0) begin : g_words
            assign correction_d = {carry_q, sum_q};
        end else begin : g_word
            kogge_stone_adder #(
                .WIDTH(ACC_WIDTH)
            ) u_adder (
                .a_i  (sum_q),
                .b_i  (carry_q),
                .sum_o(correction_d)
            );
        end
    endgenerate

    compressor_tree #(
        .ROWS   (4),
        .WIDTH  (ACC_WIDTH),
        .SIGNAL ({{(2 * ACC_WIDTH) {1'b1}}, SIGNALS}),
        .ARRIVAL({{2{8'd3}}, {2{WORD_ARRIVAL}}})
    ) u_tree (
        .rows_i ({first ? ZERO : carry_q, first ? START : sum_q, words}),
        .sum_o  (sum_d),
        .carry_o(carry_d)
    );

    always @(posedge clk_i) begin
        valid_q <= valid_i;
        if (valid) begin
            sum_q   <= sum_d;
            carry_q <= carry_d;
        end
        if (swap) correction_q <= correction_d;
    end

endmodule

`default_nettype wire
