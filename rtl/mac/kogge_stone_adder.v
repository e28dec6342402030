// SPDX-License-Identifier: Apache-2.0
// kogge_stone_adder: sum_o = a_i + b_i modulo 2^WIDTH, with a Kogge-Stone carry-prefix tree.
//
// Combinational. Columns that hold no signal cost nothing: they are named by the masks and their inputs are ignored.
// Levels of the tree alternate between true and inverted signals, see prefix_black_n.
// Source: P. M. Kogge and H. S. Stone, IEEE Trans. Computers C-22 (8), 1973.
//
// *_SIGNAL   columns of a_i, b_i that carry a signal
// *_ONES     columns of a_i, b_i that are the constant one; all others are zero
// a_i, b_i   addends
// sum_o      sum
`default_nettype none

module kogge_stone_adder #(
    parameter WIDTH = 24,
    parameter [WIDTH-1:0] A_SIGNAL = {WIDTH{1'b1}},
    parameter [WIDTH-1:0] A_ONES   = {WIDTH{1'b0}},
    parameter [WIDTH-1:0] B_SIGNAL = {WIDTH{1'b1}},
    parameter [WIDTH-1:0] B_ONES   = {WIDTH{1'b0}}
) (
    /* verilator lint_off UNUSEDSIGNAL */  // columns outside the masks have no reader
    input  wire [WIDTH-1:0] a_i,
    input  wire [WIDTH-1:0] b_i,
    /* verilator lint_on UNUSEDSIGNAL */
    output wire [WIDTH-1:0] sum_o
);

    localparam integer LEVELS = $clog2(WIDTH);
    localparam [WIDTH-1:0] ALL = {WIDTH{1'b1}};

    // Columns that can generate a carry.
    localparam [WIDTH-1:0] GENERATES = (A_SIGNAL | A_ONES) & (B_SIGNAL | B_ONES);

    genvar k;
    genvar i;

    generate
        // Level k groups column i with the 2^k - 1 columns below it; its signals are inverted when k is odd.
        for (k = 0; k <= LEVELS; k = k + 1) begin : g_level
            localparam integer SPAN = (1 << k);  // of this level's groups
            localparam integer HALF = SPAN / 2;  // of the groups that are joined
            for (i = 0; i < WIDTH; i = i + 1) begin : g_column
                /* verilator lint_off UNUSEDSIGNAL */  // the top column's carry and the last groups' have no reader
                wire group_generate;
                wire group_propagate;
                /* verilator lint_on UNUSEDSIGNAL */
                if (k == 0) begin : g_input
                    wire a;
                    wire b;
                    assign a = A_SIGNAL[i] ? a_i[i] : A_ONES[i];
                    assign b = B_SIGNAL[i] ? b_i[i] : B_ONES[i];
                    if (A_SIGNAL[i] && B_SIGNAL[i]) begin : g_two
                        half_adder u_half_adder (
                            .a_i    (a),
                            .b_i    (b),
                            .sum_o  (group_propagate),
                            .carry_o(group_generate)
                        );
                    end else begin : g_one
                        assign group_propagate = a ^ b;
                        assign group_generate  = a & b;
                    end
                end else if (i < HALF) begin : g_done
                    assign group_generate  = ~g_level[k-1].g_column[i].group_generate;
                    assign group_propagate = ~g_level[k-1].g_column[i].group_propagate;
                end else begin : g_join
                    // Groups none of whose columns can generate a carry; the shift drops the columns above the group.
                    localparam HIGH_QUIET = ((GENERATES << (WIDTH - 1 - i)) & ~(ALL >> HALF)) == {WIDTH{1'b0}};
                    localparam LOW_QUIET = ((GENERATES << (WIDTH - 1 - i + HALF)) & ~(ALL >> HALF)) == {WIDTH{1'b0}};
                    wire high_generate;
                    wire high_propagate;
                    wire low_generate;
                    wire low_propagate;
                    assign high_generate  = g_level[k-1].g_column[i].group_generate;
                    assign high_propagate = g_level[k-1].g_column[i].group_propagate;
                    assign low_generate   = g_level[k-1].g_column[i-HALF].group_generate;
                    assign low_propagate  = g_level[k-1].g_column[i-HALF].group_propagate;
                    if (LOW_QUIET || HIGH_QUIET) begin : g_simple
                        if (k % 2 == 1) begin : g_invert
                            assign group_generate  = LOW_QUIET ? ~high_generate : ~(high_propagate & low_generate);
                            assign group_propagate = ~(high_propagate & low_propagate);
                        end else begin : g_restore
                            assign group_generate  = LOW_QUIET ? ~high_generate : ~(high_propagate | low_generate);
                            assign group_propagate = ~(high_propagate | low_propagate);
                        end
                    end else if (k % 2 == 1) begin : g_invert
                        prefix_black_n u_prefix (
                            .high_generate_i (high_generate),
                            .high_propagate_i(high_propagate),
                            .low_generate_i  (low_generate),
                            .low_propagate_i (low_propagate),
                            .generate_no     (group_generate),
                            .propagate_no    (group_propagate)
                        );
                    end else begin : g_restore
                        prefix_black_p u_prefix (
                            .high_generate_ni (high_generate),
                            .high_propagate_ni(high_propagate),
                            .low_generate_ni  (low_generate),
                            .low_propagate_ni (low_propagate),
                            .generate_o       (group_generate),
                            .propagate_o      (group_propagate)
                        );
                    end
                end
            end
        end

        for (i = 0; i < WIDTH; i = i + 1) begin : g_sum
            if ((GENERATES & ~(ALL << i)) == {WIDTH{1'b0}}) begin : g_no_carry
                assign sum_o[i] = g_level[0].g_column[i].group_propagate;
            end else if (LEVELS % 2 == 0) begin : g_true
                assign sum_o[i] =
                    g_level[0].g_column[i].group_propagate ^ g_level[LEVELS].g_column[i-1].group_generate;
            end else begin : g_inverted
                assign sum_o[i] =
                    ~(g_level[0].g_column[i].group_propagate ^ g_level[LEVELS].g_column[i-1].group_generate);
            end
        end
    endgenerate

endmodule

`default_nettype wire
