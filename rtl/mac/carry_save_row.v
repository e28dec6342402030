// SPDX-License-Identifier: Apache-2.0
// carry_save_row: a_i + b_i + c_i = sum_o + carry_o modulo 2^WIDTH, column by column: one row of a carry-save array.
//
// Combinational. carry_o is aligned with sum_o: the carry of column i stands at carry_o[i + 1].
// A column that is not added holds at most two entries and hands them on, the first in sum_o, the second in carry_o.
//
// *_SIGNAL             columns in which the row carries a signal
// *_ONES               columns in which it is the constant one; it is zero in all others, and its input ignored
// ADDED                columns that are added
// a_i, b_i, c_i        the rows; c_i is the fast input of a full adder
// sum_o, carry_o       two rows of the same sum
`default_nettype none

module carry_save_row #(
    parameter WIDTH = 16,
    parameter [WIDTH-1:0] A_SIGNAL = {WIDTH{1'b1}},
    parameter [WIDTH-1:0] A_ONES   = {WIDTH{1'b0}},
    parameter [WIDTH-1:0] B_SIGNAL = {WIDTH{1'b1}},
    parameter [WIDTH-1:0] B_ONES   = {WIDTH{1'b0}},
    parameter [WIDTH-1:0] C_SIGNAL = {WIDTH{1'b1}},
    parameter [WIDTH-1:0] C_ONES   = {WIDTH{1'b0}},
    parameter [WIDTH-1:0] ADDED    = {WIDTH{1'b1}}
) (
    /* verilator lint_off UNUSEDSIGNAL */  // columns outside the masks have no reader
    input  wire [WIDTH-1:0] a_i,
    input  wire [WIDTH-1:0] b_i,
    input  wire [WIDTH-1:0] c_i,
    /* verilator lint_on UNUSEDSIGNAL */
    output wire [WIDTH-1:0] sum_o,
    output wire [WIDTH-1:0] carry_o
);

    localparam [WIDTH-1:0] B_USED = B_SIGNAL | B_ONES;
    localparam [WIDTH-1:0] C_USED = C_SIGNAL | C_ONES;
    localparam [WIDTH-1:0] SIGNALS_3 = A_SIGNAL & B_SIGNAL & C_SIGNAL;
    localparam [WIDTH-1:0] SIGNALS_2 =
        ((A_SIGNAL & B_SIGNAL) | (A_SIGNAL & C_SIGNAL) | (B_SIGNAL & C_SIGNAL)) & ~SIGNALS_3;
    localparam [WIDTH-1:0] ONES_ODD = A_ONES ^ B_ONES ^ C_ONES;
    localparam [WIDTH:0] ADDED_BELOW = {ADDED, 1'b0};  // bit i: column i - 1 is added

    genvar i;

    generate
        for (i = 0; i < WIDTH; i = i + 1) begin : g_column
            /* verilator lint_off UNUSEDSIGNAL */  // the top column's carry is dropped
            wire carry;
            /* verilator lint_on UNUSEDSIGNAL */
            if (!ADDED[i]) begin : g_keep
                assign sum_o[i] = C_USED[i] ? c_i[i] : B_USED[i] ? b_i[i] : a_i[i];
                assign carry    = 1'b0;
            end else if (SIGNALS_3[i]) begin : g_full
                full_adder u_full_adder (
                    .a_i    (a_i[i]),
                    .b_i    (b_i[i]),
                    .c_i    (c_i[i]),
                    .sum_o  (sum_o[i]),
                    .carry_o(carry)
                );
            end else begin : g_half
                // First signal of the column, and the second if it has two; the rest of it is constant.
                wire first;
                assign first = C_SIGNAL[i] ? c_i[i] : B_SIGNAL[i] ? b_i[i] : a_i[i];
                if (SIGNALS_2[i] && ONES_ODD[i]) begin : g_two_and_one
                    half_adder_one u_half_adder (
                        .a_i    (first),
                        .b_i    ((C_SIGNAL[i] && B_SIGNAL[i]) ? b_i[i] : a_i[i]),
                        .sum_o  (sum_o[i]),
                        .carry_o(carry)
                    );
                end else if (SIGNALS_2[i]) begin : g_two
                    half_adder u_half_adder (
                        .a_i    (first),
                        .b_i    ((C_SIGNAL[i] && B_SIGNAL[i]) ? b_i[i] : a_i[i]),
                        .sum_o  (sum_o[i]),
                        .carry_o(carry)
                    );
                end else begin : g_one
                    assign sum_o[i] = first ^ ONES_ODD[i];
                    assign carry    = first & ONES_ODD[i];
                end
            end

            if (i == 0) begin : g_first
                assign carry_o[0] = (C_USED[0] && B_USED[0]) ? b_i[0] : a_i[0];
            end else if (ADDED_BELOW[i]) begin : g_carry
                assign carry_o[i] = g_column[i-1].carry;
            end else begin : g_second
                assign carry_o[i] = (C_USED[i] && B_USED[i]) ? b_i[i] : a_i[i];
            end
        end
    endgenerate

endmodule

`default_nettype wire
