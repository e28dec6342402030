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
// With two LANES (booth_r4), the upper half of the digits multiplies an activation of its own, of n + m/2 bits, and the
// rows of both lanes start at column 0: low digits * activation_i[n-1:0] + high digits * activation_i[n+:n+m/2]. Where
// the second activation is 2^(m/2) times the first, that is the product with the whole weight: see activation_lanes.
// For k and n above read the digit's number in its lane, and the bits of the lane's activation.
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   m and n, 2 to 16 bits each
// RECODING                         "booth_r4" or "baugh_wooley"
// LANES                            1, or 2: m divides by four
// RECODED                          1: weight_i holds the digits of booth_recode; two LANES: of booth_recode_lanes
// CORRECTION                       1: leave out what depends on the weight alone
// ROWS, WIDTH                      rows, and bits of each
// REGISTER                         1: the rows are registered
// clk_i                            for REGISTER
// weight_i, activation_i           operands; with two LANES without RECODED, the weight is {pair, weight}, see
//                                  booth_recode_lanes
// rows_o                           the rows
`default_nettype none

module partial_products #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter RECODING         = "booth_r4",
    parameter LANES            = 1,
    parameter RECODED          = 0,
    parameter CORRECTION       = 0,
    parameter ROWS             = 5,
    parameter WIDTH            = 16,
    parameter REGISTER         = 0
) (
    /* verilator lint_off UNUSEDSIGNAL */  // not read without REGISTER
    input  wire                                                                                clk_i,
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire [(RECODED != 0 ? 3 * ((WEIGHT_WIDTH + 1) / 2) : WEIGHT_WIDTH + LANES - 1)-1:0] weight_i,
    input  wire [LANES*ACTIVATION_WIDTH+(LANES-1)*(WEIGHT_WIDTH/2)-1:0]                        activation_i,
    output wire [ROWS*WIDTH-1:0]                                                               rows_o
);

    localparam integer DIGITS = (WEIGHT_WIDTH + 1) / 2;
    localparam integer LANE_DIGITS = DIGITS / LANES;
    localparam integer HIGH_WIDTH = (LANES > 1) ? ACTIVATION_WIDTH + WEIGHT_WIDTH / 2 : ACTIVATION_WIDTH;
    localparam integer START = (LANES > 1) ? ACTIVATION_WIDTH + 2 : 0;  // of the last lane in extended

    /* verilator lint_off UNUSEDSIGNAL */  // for Booth's rows only
    wire [3*DIGITS-1:0]         digits;  // {negative, two, one} each
    wire [START+HIGH_WIDTH+1:0] extended;  // of each lane: the activation, sign-extended by one bit, a zero below
    /* verilator lint_on UNUSEDSIGNAL */

    genvar k;
    genvar j;

    assign extended[0+:ACTIVATION_WIDTH+2] = {
        activation_i[ACTIVATION_WIDTH-1], activation_i[ACTIVATION_WIDTH-1:0], 1'b0
    };

    generate
        if (LANES > 1) begin : g_high
            assign extended[START+:HIGH_WIDTH+2] = {
                activation_i[ACTIVATION_WIDTH+HIGH_WIDTH-1], activation_i[ACTIVATION_WIDTH+:HIGH_WIDTH], 1'b0
            };
        end

        /* verilator lint_off WIDTHEXPAND */  // names of different lengths are compared
        if (RECODING != "booth_r4") begin : g_bits
            /* verilator lint_on WIDTHEXPAND */
            assign digits = {(3 * DIGITS) {1'b0}};
        end else if (RECODED != 0) begin : g_digits
            assign digits = weight_i[3*DIGITS-1:0];
        end else if (LANES > 1) begin : g_recode_lanes
            booth_recode_lanes #(
                .WIDTH(WEIGHT_WIDTH)
            ) u_recode (
                .weight_i(weight_i[WEIGHT_WIDTH-1:0]),
                .pair_i  (weight_i[WEIGHT_WIDTH+LANES-2]),
                .digits_o(digits)
            );
        end else begin : g_recode
            booth_recode #(
                .WIDTH(WEIGHT_WIDTH)
            ) u_recode (
                .weight_i(weight_i[WEIGHT_WIDTH-1:0]),
                .digits_o(digits)
            );
        end

        for (k = 0; k < ROWS; k = k + 1) begin : g_row
            // Of Booth's rows: its first column, its width less one, and the digit whose + 1 it holds.
            localparam integer FIRST = (k < DIGITS) ? 2 * (k % LANE_DIGITS) : WIDTH;
            localparam integer BITS = (k < LANE_DIGITS) ? ACTIVATION_WIDTH : HIGH_WIDTH;
            localparam integer BELOW = ((k < LANE_DIGITS) ? 0 : START) - FIRST;  // of column j: at j + BELOW
            localparam integer ENDED = (k < DIGITS) ? k - 1 : (k - DIGITS + 1) * LANE_DIGITS - 1;
            localparam integer ONE_COLUMN =
                (CORRECTION != 0 || (k < DIGITS && k % LANE_DIGITS == 0)) ? WIDTH : 2 * (ENDED % LANE_DIGITS);
            for (j = 0; j < WIDTH; j = j + 1) begin : g_column
                wire bit_d;
                // 0: nothing stands here.
                localparam integer THERE =
                    (RECODING == "booth_r4") ? ((j >= FIRST && j <= FIRST + BITS) || j == ONE_COLUMN) ? 1 : 0
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
                end else if (j < FIRST) begin : g_one
                    assign bit_d = digits[3*ENDED+2];
                end else begin : g_digit
                    wire partial;
                    booth_bit u_bit (
                        .one_i           (digits[3*k]),
                        .two_i           (digits[3*k+1]),
                        .negative_i      (digits[3*k+2]),
                        .activation_i    (extended[j+BELOW+1]),
                        .activation_low_i(extended[j+BELOW]),
                        .partial_o       (partial)
                    );
                    if (j < FIRST + BITS) begin : g_low
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
