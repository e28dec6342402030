// SPDX-License-Identifier: Apache-2.0
// partial_products: the rows of a signed product: weight * activation = sum of the rows + constants + correction.
//
// Combinational, or one clock with REGISTER. Row k stands at rows_o[k*WIDTH +: WIDTH]; carry_save_mac says
// which of its columns carry a signal.
//  - RECODING "booth_r4": a row of n + 1 bits for every two weight bits (O. L. MacSorley, Proc. IRE 49 (1), 1961).
//    A digit below zero inverts its row and lacks + 1, which stands in the next row, where two columns are free. The
//    top bit of row k stands at column 2k + n with negative weight; it enters inverted, and the constants
//    - sum of 2^(2k + n) complete it.
//  - RECODING "baugh_wooley": a row of n bits a weight bit (C. R. Baugh, B. A. Wooley, IEEE Trans. Computers C-22 (12),
//    1973). Bits with exactly one sign factor are inverted; the constants are 2^(m-1) + 2^(n-1) - 2^(m+n-1).
// A zero digit or bit of the weight leaves its row constant.
//
// With CORRECTION, the rows of zero digits are zero, there are no constants, and what depends on the weight alone is
// left out, for whoever holds the weights to add once for a whole column (weight_correction):
//     booth_r4       correction = sum over the digits k of 4^k * (negative(k) - 2^n * nonzero(k))
//     baugh_wooley   correction = 2^(m-1) * (weight < 0) - 2^(n-1) * (weight modulo 2^m)
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   m and n, 2 to 16 bits each
// RECODING                         "booth_r4" or "baugh_wooley"
// RECODED                          1: weight_i holds the digits of booth_recode
// CORRECTION                       1: leave out what depends on the weight alone
// ROWS, WIDTH                      rows, and bits of each
// REGISTER                         1: the rows are registered
// clk_i                            for REGISTER
// weight_i, activation_i           operands
// rows_o                           the rows
`default_nettype none

module partial_products #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter RECODING         = "booth_r4",
    parameter RECODED          = 0,
    parameter CORRECTION       = 0,
    parameter ROWS             = 5,
    parameter WIDTH            = 16,
    parameter REGISTER         = 0
) (
    /* verilator lint_off UNUSEDSIGNAL */  // not read without REGISTER
    input  wire                                                                    clk_i,
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire [(RECODED != 0 ? 3 * ((WEIGHT_WIDTH + 1) / 2) : WEIGHT_WIDTH)-1:0] weight_i,
    input  wire [ACTIVATION_WIDTH-1:0]                                             activation_i,
    output wire [ROWS*WIDTH-1:0]                                                   rows_o
);

    localparam integer DIGITS = (WEIGHT_WIDTH + 1) / 2;

    /* verilator lint_off UNUSEDSIGNAL */  // for Booth's rows only
    wire [3*DIGITS-1:0]         digits;  // {negative, two, one} each
    wire [ACTIVATION_WIDTH+1:0] extended;  // the activation, sign-extended by one bit, with a zero below
    /* verilator lint_on UNUSEDSIGNAL */

    genvar k;
    genvar j;

    assign extended = {activation_i[ACTIVATION_WIDTH-1], activation_i, 1'b0};

    generate
        /* verilator lint_off WIDTHEXPAND */  // names of different lengths are compared
        if (RECODING != "booth_r4") begin : g_bits
            /* verilator lint_on WIDTHEXPAND */
            assign digits = {(3 * DIGITS) {1'b0}};
        end else if (RECODED != 0) begin : g_digits
            assign digits = weight_i[3*DIGITS-1:0];
        end else begin : g_recode
            booth_recode #(
                .WIDTH(WEIGHT_WIDTH)
            ) u_recode (
                .weight_i(weight_i[WEIGHT_WIDTH-1:0]),
                .digits_o(digits)
            );
        end

        for (k = 0; k < ROWS; k = k + 1) begin : g_row
            for (j = 0; j < WIDTH; j = j + 1) begin : g_column
                wire bit_d;
                // 0: nothing stands here.
                localparam integer THERE =
                    (RECODING == "booth_r4") ? ((k < DIGITS && j >= 2 * k && j <= 2 * k + ACTIVATION_WIDTH) ||
                                                (CORRECTION == 0 && k > 0 && j == 2 * k - 2)) ? 1 : 0
                    : (j >= k && j < k + ACTIVATION_WIDTH) ? 1 : 0;
                if (THERE == 0) begin : g_absent
                    assign bit_d = 1'b0;
                end else if (RECODING != "booth_r4") begin : g_and
                    // Exactly one of both bits is a sign bit.
                    localparam integer INVERTED =
                        ((k == WEIGHT_WIDTH - 1) != (j - k == ACTIVATION_WIDTH - 1)) ? 1 : 0;
                    if (INVERTED == 0) begin : g_true
                        assign bit_d = weight_i[k] & activation_i[j-k];
                    end else if (CORRECTION == 0) begin : g_inverted
                        assign bit_d = ~(weight_i[k] & activation_i[j-k]);
                    end else begin : g_inverted_activation
                        assign bit_d = weight_i[k] & ~activation_i[j-k];
                    end
                end else if (j < 2 * k) begin : g_one
                    assign bit_d = digits[3*k-1];
                end else begin : g_digit
                    wire partial;
                    booth_bit u_bit (
                        .one_i           (digits[3*k]),
                        .two_i           (digits[3*k+1]),
                        .negative_i      (digits[3*k+2]),
                        .activation_i    (extended[j-2*k+1]),
                        .activation_low_i(extended[j-2*k]),
                        .partial_o       (partial)
                    );
                    if (j < 2 * k + ACTIVATION_WIDTH) begin : g_low
                        assign bit_d = partial;
                    end else if (CORRECTION == 0) begin : g_top
                        assign bit_d = ~partial;
                    end else begin : g_top_of_digit
                        assign bit_d = (digits[3*k] | digits[3*k+1]) & ~partial;
                    end
                end
                if (THERE != 0 && REGISTER != 0) begin : g_register
                    reg bit_q;
                    always @(posedge clk_i) bit_q <= bit_d;
                    assign rows_o[k*WIDTH+j] = bit_q;
                end else begin : g_direct
                    assign rows_o[k*WIDTH+j] = bit_d;
                end
            end
        end
    endgenerate

endmodule

`default_nettype wire
