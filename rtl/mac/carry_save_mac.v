// SPDX-License-Identifier: Apache-2.0
// carry_save_mac: psum_o = psum_i + weight * activation (- correction), signed, modulo 2^ACC_WIDTH: partial products
// and partial sum are compressed to two words, which one carry-propagate adder adds up, or none.
//
// Latency: combinational; a clock for each register of PIPELINE.
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   m and n, 2 to 16 bits each
// ACC_WIDTH      m + n to 64 bits
// RECODING       "booth_r4" or "baugh_wooley", see partial_products
// LANES          2: two products are added, see partial_products (booth_r4); 1: one
// RECODED        1: weight_i holds the digits of booth_recode, or booth_recode_lanes
// CORRECTION     1: leave out what depends on the weight alone, see partial_products; a product that is not added to
//                anything is a number of m + n + 1 bits, not negative
// ADDEND         words of the partial sum: 0 (none), 1, or 2: {carry, sum}, two numbers that add up to it
// SUM            words of psum_o, 1 or 2
// PIPELINE       registers: 0 none; 1 of the product's two words (only for a SUM of 2); 2 of the rows; 3 of both
// ARRAY          0: rows are compressed in a tree; else one after the other, as if each arrived so many units of
//                compressor_tree after the one before: an array (8 is about an adder, 15 the most)
// CLASS_ZEROS    trailing zeros of the weights that should be fast
// CLASS_SHARE    0 to 100: how much they count against all weights, see compressor_tree
// SEED           see compressor_tree
// clk_i          for PIPELINE
// weight_i, activation_i   operands, see partial_products
`default_nettype none

module carry_save_mac #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 24,
    parameter RECODING         = "booth_r4",
    parameter LANES            = 1,
    parameter RECODED          = 0,
    parameter CORRECTION       = 0,
    parameter ADDEND           = 1,
    parameter SUM              = 1,
    parameter PIPELINE         = 0,
    parameter ARRAY            = 0,
    parameter CLASS_ZEROS      = 0,
    parameter CLASS_SHARE      = 0,
    parameter SEED             = 0
) (
    /* verilator lint_off UNUSEDSIGNAL */  // not read without PIPELINE, without ADDEND
    input  wire                                                                                clk_i,
    input  wire [(ADDEND > 1 ? 2 : 1)*ACC_WIDTH-1:0]                                           psum_i,
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire [(RECODED != 0 ? 3 * ((WEIGHT_WIDTH + 1) / 2) : WEIGHT_WIDTH + LANES - 1)-1:0] weight_i,
    input  wire [LANES*ACTIVATION_WIDTH+(LANES-1)*(WEIGHT_WIDTH/2)-1:0]                        activation_i,
    output wire [SUM*ACC_WIDTH-1:0]                                                            psum_o
);

    /* verilator lint_off WIDTHEXPAND */  // names of different lengths are compared
    localparam integer BOOTH = (RECODING == "booth_r4") ? 1 : 0;
    /* verilator lint_on WIDTHEXPAND */
    localparam integer DIGITS = (BOOTH != 0) ? (WEIGHT_WIDTH + 1) / 2 : WEIGHT_WIDTH;
    localparam integer LANE_DIGITS = DIGITS / LANES;
    localparam integer STEP = 1 + BOOTH;  // columns from one row of a lane to the next
    localparam integer HIGH_WIDTH = ACTIVATION_WIDTH + ((LANES > 1) ? WEIGHT_WIDTH / 2 : 0);  // of the last lane
    localparam integer ROWS = DIGITS + ((BOOTH != 0 && CORRECTION == 0) ? LANES : 0);
    localparam integer ALL_ROWS = ROWS + ADDEND;
    localparam integer ROW_REGISTER = (PIPELINE / 2) % 2;
    localparam integer PRODUCT_REGISTER = PIPELINE % 2;

    // In the units of compressor_tree: the selection of a multiple, an AND gate.
    localparam [7:0] ROW_ARRIVAL = (ROW_REGISTER != 0) ? 8'd0 : (BOOTH != 0) ? 8'd10 : 8'd3;

    localparam [ACC_WIDTH-1:0] ONE = {{(ACC_WIDTH - 1) {1'b0}}, 1'b1};

    function [ACC_WIDTH-1:0] constants;
        input integer digits;
        integer k;
        begin
            constants = {ACC_WIDTH{1'b0}};
            if (CORRECTION == 0 && BOOTH != 0) begin
                for (k = 0; k < digits; k = k + 1) begin
                    constants = constants
                        - (ONE << (2 * (k % LANE_DIGITS) + ((k < LANE_DIGITS) ? ACTIVATION_WIDTH : HIGH_WIDTH)));
                end
            end else if (CORRECTION == 0) begin
                constants = (ONE << (WEIGHT_WIDTH - 1)) + (ONE << (ACTIVATION_WIDTH - 1))
                    - (ONE << (WEIGHT_WIDTH + ACTIVATION_WIDTH - 1));
            end
        end
    endfunction

    // Columns that carry a signal: of the partial products, then of the partial sum's words.
    function [ALL_ROWS*ACC_WIDTH-1:0] signals;
        input integer digits;
        integer k;
        integer j;
        integer top;
        integer row;
        begin
            signals = {(ALL_ROWS * ACC_WIDTH) {1'b1}};
            signals[0+:ROWS*ACC_WIDTH] = {(ROWS * ACC_WIDTH) {1'b0}};
            for (k = 0; k < digits; k = k + 1) begin
                top = STEP * (k % LANE_DIGITS) + BOOTH + ((k < LANE_DIGITS) ? ACTIVATION_WIDTH : HIGH_WIDTH);
                for (j = STEP * (k % LANE_DIGITS); j < top; j = j + 1) begin
                    // The condition: Yosys writes past its memory where a select leaves the vector, and it evaluates
                    // this before it sees that so small an ACC_WIDTH is refused.
                    if (j < ACC_WIDTH) signals[k*ACC_WIDTH+j] = 1'b1;
                end
                // What a digit below zero lacks: in the next row of its lane, or in one behind all of them.
                row = (k % LANE_DIGITS == LANE_DIGITS - 1) ? digits + k / LANE_DIGITS : k + 1;
                if (ROWS > DIGITS) signals[row*ACC_WIDTH+2*(k%LANE_DIGITS)] = 1'b1;
            end
        end
    endfunction

    // Columns of two words that carry a signal, as compressor_tree leaves them of rows that fill these columns.
    function [2*ACC_WIDTH-1:0] words;
        input integer rows;
        input [(ALL_ROWS+2)*ACC_WIDTH-1:0] filled;
        input [ACC_WIDTH-1:0] ones;
        integer c;
        integer k;
        integer entries;
        integer carries;
        begin
            words = {(2 * ACC_WIDTH) {1'b0}};
            carries = 0;
            for (c = 0; c < ACC_WIDTH; c = c + 1) begin
                entries = carries + (ones[c] ? 1 : 0);
                for (k = 0; k < rows; k = k + 1) if (filled[k*ACC_WIDTH+c]) entries = entries + 1;
                for (carries = 0; entries > 2; carries = carries + 1) begin
                    entries = entries - ((entries == 3) ? 1 : 2);
                end
                words[c] = (entries > 0);
                words[ACC_WIDTH+c] = (entries > 1);
            end
        end
    endfunction

    function [8*ALL_ROWS-1:0] arrivals;
        input integer of_class;
        integer k;
        begin
            arrivals = {(8 * ALL_ROWS) {1'b0}};
            for (k = 0; k < ROWS; k = k + 1) begin
                if (of_class != 0 && STEP * (k + 1) <= CLASS_ZEROS) arrivals[8*k+:8] = 8'd255;
                else arrivals[8*k+:8] = ROW_ARRIVAL + ARRAY[7:0] * k[7:0];
            end
        end
    endfunction

    localparam [ACC_WIDTH-1:0] CONSTANTS = constants(DIGITS);
    localparam [ALL_ROWS*ACC_WIDTH-1:0] SIGNALS = signals(DIGITS);
    localparam [8*ALL_ROWS-1:0] ARRIVALS = arrivals(0);
    localparam [8*ALL_ROWS-1:0] CLASS_ARRIVALS = arrivals(1);

    // An array is finished before the partial sum is added; so is a product that has a register.
    localparam integer TWO_TREES = (PRODUCT_REGISTER != 0 || (ARRAY != 0 && ADDEND != 0)) ? 1 : 0;
    localparam [2*ACC_WIDTH-1:0] PRODUCT =
        words(ROWS, {{(2 * ACC_WIDTH) {1'b0}}, SIGNALS}, {ACC_WIDTH{1'b0}});
    localparam [(ALL_ROWS+2)*ACC_WIDTH-1:0] LAST_SIGNALS =
        (TWO_TREES != 0) ? {{(ALL_ROWS * ACC_WIDTH) {1'b1}}, PRODUCT} : {{(2 * ACC_WIDTH) {1'b0}}, SIGNALS};
    localparam integer LAST_ROWS = (TWO_TREES != 0) ? 2 + ADDEND : ALL_ROWS;

    wire [ROWS*ACC_WIDTH-1:0] rows;
    wire [ACC_WIDTH-1:0]      sum;
    wire [ACC_WIDTH-1:0]      carry;

    genvar j;

    partial_products #(
        .WEIGHT_WIDTH    (WEIGHT_WIDTH),
        .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
        .RECODING        (RECODING),
        .LANES           (LANES),
        .RECODED         (RECODED),
        .CORRECTION      (CORRECTION),
        .ROWS            (ROWS),
        .WIDTH           (ACC_WIDTH),
        .REGISTER        (ROW_REGISTER)
    ) u_products (
        .clk_i       (clk_i),
        .weight_i    (weight_i),
        .activation_i(activation_i),
        .rows_o      (rows)
    );

    generate
        if (TWO_TREES == 0) begin : g_one_tree
            wire [ALL_ROWS*ACC_WIDTH-1:0] all_rows;
            assign all_rows[0+:ROWS*ACC_WIDTH] = rows;
            if (ADDEND != 0) begin : g_addend
                assign all_rows[ROWS*ACC_WIDTH+:ADDEND*ACC_WIDTH] = psum_i;
            end
            compressor_tree #(
                .ROWS         (ALL_ROWS),
                .WIDTH        (ACC_WIDTH),
                .SIGNAL       (SIGNALS),
                .ONES         (CONSTANTS),
                .ARRIVAL      (ARRIVALS),
                .CLASS_ARRIVAL(CLASS_ARRIVALS),
                .CLASS_SHARE  (CLASS_SHARE),
                .SEED         (SEED)
            ) u_tree (
                .rows_i (all_rows),
                .sum_o  (sum),
                .carry_o(carry)
            );
        end else begin : g_two_trees
            // The rows without the constants are a number of m + n + 1 bits, so its words end there.
            /* verilator lint_off UNUSEDSIGNAL */  // columns outside PRODUCT
            wire [2*ACC_WIDTH-1:0]          product_d;
            /* verilator lint_on UNUSEDSIGNAL */
            localparam [7:0] PRODUCT_ARRIVAL = (PRODUCT_REGISTER != 0) ? 8'd0 : 8'd254;
            wire [(2+ADDEND)*ACC_WIDTH-1:0] addends;
            compressor_tree #(
                .ROWS         (ROWS),
                .WIDTH        (ACC_WIDTH),
                .SIGNAL       (SIGNALS[0+:ROWS*ACC_WIDTH]),
                .ARRIVAL      (ARRIVALS[0+:8*ROWS]),
                .CLASS_ARRIVAL(CLASS_ARRIVALS[0+:8*ROWS]),
                .CLASS_SHARE  (CLASS_SHARE),
                .SEED         (SEED)
            ) u_tree (
                .rows_i (rows),
                .sum_o  (product_d[0+:ACC_WIDTH]),
                .carry_o(product_d[ACC_WIDTH+:ACC_WIDTH])
            );
            for (j = 0; j < 2 * ACC_WIDTH; j = j + 1) begin : g_bit
                if (PRODUCT[j] && PRODUCT_REGISTER == 0) begin : g_direct
                    assign addends[j] = product_d[j];
                end else if (PRODUCT[j]) begin : g_register
                    reg bit_q;
                    always @(posedge clk_i) bit_q <= product_d[j];
                    assign addends[j] = bit_q;
                end else begin : g_absent
                    assign addends[j] = 1'b0;
                end
            end
            assign addends[2*ACC_WIDTH+:ADDEND*ACC_WIDTH] = psum_i;
            compressor_tree #(
                .ROWS  (2 + ADDEND),
                .WIDTH (ACC_WIDTH),
                .SIGNAL (LAST_SIGNALS[0+:(2+ADDEND)*ACC_WIDTH]),
                .ONES   (CONSTANTS),
                .ARRIVAL({{(8 * ADDEND) {1'b0}}, {2{PRODUCT_ARRIVAL}}})
            ) u_sum (
                .rows_i (addends),
                .sum_o  (sum),
                .carry_o(carry)
            );
        end

        if (SUM > 1) begin : g_words
            assign psum_o = {carry, sum};
        end else begin : g_word
            localparam [2*ACC_WIDTH-1:0] LEFT = words(LAST_ROWS, LAST_SIGNALS, CONSTANTS);
            kogge_stone_adder #(
                .WIDTH   (ACC_WIDTH),
                .A_SIGNAL(LEFT[0+:ACC_WIDTH]),
                .B_SIGNAL(LEFT[ACC_WIDTH+:ACC_WIDTH])
            ) u_adder (
                .a_i  (sum),
                .b_i  (carry),
                .sum_o(psum_o)
            );
        end
    endgenerate

endmodule

`default_nettype wire
