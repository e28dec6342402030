// SPDX-License-Identifier: Apache-2.0
// weight_correction_properties: from 1 + DELAY clocks after a swap until as long after the next one, correction_o is
// the sum of what the products with the tile's weights lack, as partial_products says it. Weights come in any clock.
`default_nettype none

module weight_correction_properties #(
    parameter WEIGHT_WIDTH     = 4,
    parameter ACTIVATION_WIDTH = 3,
    parameter ACC_WIDTH        = 8,
    parameter BOOTH            = 1,
    parameter CARRY_SAVE       = 1,
    parameter ROWS             = 3,
    parameter DELAY            = 1
) (
    input wire                    clk_i,
    input wire [WEIGHT_WIDTH-1:0] weight_i,
    input wire                    valid_i,
    input wire                    swap_i
);

    localparam [31:0] ALL = ROWS;

    function [ACC_WIDTH-1:0] lacking;
        input [WEIGHT_WIDTH-1:0] weight;
        reg [WEIGHT_WIDTH+2:0] bits;  // the weight with two signs above and a zero below
        integer k;
        integer digit;
        begin
            lacking = 0;
            bits = {{2{weight[WEIGHT_WIDTH-1]}}, weight, 1'b0};
            if (BOOTH != 0) begin
                for (k = 0; k < WEIGHT_WIDTH; k = k + 2) begin
                    digit = bits[k] + bits[k+1] - 2 * bits[k+2];
                    if (digit < 0) lacking = lacking + (1 << k);
                    if (digit != 0) lacking = lacking - (1 << (ACTIVATION_WIDTH + k));
                end
            end else begin
                if (weight[WEIGHT_WIDTH-1]) lacking = 1 << (WEIGHT_WIDTH - 1);
                lacking = lacking - (weight << (ACTIVATION_WIDTH - 1));
            end
        end
    endfunction

    // The sender: weights of a tile, then its swap.
    reg  [31:0] count_q = 0;  // weights of the next tile that have come
    wire        swap = swap_i && count_q == ALL;
    wire        valid = valid_i && (count_q < ALL || swap);
    wire        first = valid && (count_q == 0 || swap);

    always @(posedge clk_i) count_q <= (swap ? 0 : count_q) + (valid ? 1 : 0);

    // What has been sent, DELAY clocks later.
    localparam integer WIDTH = WEIGHT_WIDTH + 35;
    wire [WIDTH-1:0] now = {count_q, swap, first, valid, weight_i};
    reg  [WIDTH-1:0] before_q = 0;
    reg  [WIDTH-1:0] before_that_q = 0;
    wire [31:0]             count;
    wire                    then_swap;
    wire                    then_first;
    wire                    then_valid;
    wire [WEIGHT_WIDTH-1:0] weight;

    assign {count, then_swap, then_first, then_valid, weight} =
        (DELAY == 0) ? now : (DELAY == 1) ? before_q : before_that_q;

    // What is lacking of these weights, and of those in use.
    reg [ACC_WIDTH-1:0] next_q;
    reg [ACC_WIDTH-1:0] used_q;
    reg                 used_known_q = 1'b0;
    reg                 valid_q;
    reg                 begun_q = 1'b0;

    always @(posedge clk_i) begin
        before_q      <= now;
        before_that_q <= before_q;
        valid_q       <= valid;
        begun_q       <= 1'b1;
        if (then_valid) next_q <= (then_first ? 0 : next_q) + lacking(weight);
        if (then_swap) begin
            used_q       <= next_q;
            used_known_q <= 1'b1;
        end
    end

    wire [(1+CARRY_SAVE)*ACC_WIDTH-1:0] correction;
    wire                                valid_right;

    weight_correction #(
        .WEIGHT_WIDTH    (WEIGHT_WIDTH),
        .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
        .ACC_WIDTH       (ACC_WIDTH),
        .RECODING        (BOOTH != 0 ? "booth_r4" : "baugh_wooley"),
        .CARRY_SAVE      (CARRY_SAVE),
        .ROWS            (ROWS),
        .DELAY           (DELAY)
    ) u_correction (
        .clk_i       (clk_i),
        .weight_i    (weight_i),
        .valid_i     (valid),
        .valid_o     (valid_right),
        .first_i     (first),
        .swap_i      (swap),
        .correction_o(correction)
    );

    // The block's own registers, which induction needs: its sum starts at the constants of all rows.
    (* hierconn *) wire [ACC_WIDTH-1:0] \u_correction.sum_q ;
    (* hierconn *) wire [ACC_WIDTH-1:0] \u_correction.carry_q ;
    wire [ACC_WIDTH-1:0] held = \u_correction.sum_q + \u_correction.carry_q ;
    wire [ACC_WIDTH-1:0] total;

    generate
        if (CARRY_SAVE != 0) begin : g_words
            assign total = correction[0+:ACC_WIDTH] + correction[ACC_WIDTH+:ACC_WIDTH];
        end else begin : g_word
            assign total = correction;
        end
    endgenerate

    function [ACC_WIDTH-1:0] constant;
        input integer rows;
        integer k;
        begin
            constant = 0;
            if (BOOTH == 0) begin
                constant = (1 << (ACTIVATION_WIDTH - 1)) - (1 << (WEIGHT_WIDTH + ACTIVATION_WIDTH - 1));
            end else begin
                for (k = 0; k < WEIGHT_WIDTH; k = k + 2) constant = constant - (1 << (ACTIVATION_WIDTH + k));
            end
            constant = constant * rows;
        end
    endfunction

    wire [ACC_WIDTH-1:0] due = next_q + constant(ROWS) - constant(1) * count;

    always @* begin
        assert (count <= ALL);
        if (begun_q) assert (valid_right == valid_q);
        if (count > 0) assert (held == due);
        if (used_known_q) assert (total == used_q);
    end

endmodule

`default_nettype wire
