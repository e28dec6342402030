// SPDX-License-Identifier: Apache-2.0
// accumulator_column: adds a column's sum of a row to what the k-tiles before have added up to.
//
// Latency: 2 clocks: a register in front of the adder, so that the memory behind held_i has a clock of its own, and one
// behind it. Each column has registers of its own for both, so that no flag drives more than one column.
//
// WIDTH              bits of a sum; it wraps around
// clk_i              clock
// sum_i, held_i      sum of one k-tile; sum of the k-tiles before
// first_i            there are none before: held_i does not count
// sum_o              both added up
`default_nettype none

module accumulator_column #(
    parameter WIDTH = 24
) (
    input  wire             clk_i,
    input  wire [WIDTH-1:0] sum_i,
    input  wire [WIDTH-1:0] held_i,
    input  wire             first_i,
    output wire [WIDTH-1:0] sum_o
);

    reg              first_q;
    reg  [WIDTH-1:0] held_q;
    reg  [WIDTH-1:0] added_q;
    reg  [WIDTH-1:0] sum_q;
    wire [WIDTH-1:0] sum_d;

    kogge_stone_adder #(
        .WIDTH(WIDTH)
    ) u_adder (
        .a_i  (first_q ? {WIDTH{1'b0}} : held_q),
        .b_i  (added_q),
        .sum_o(sum_d)
    );

    always @(posedge clk_i) begin
        first_q <= first_i;
        held_q  <= held_i;
        added_q <= sum_i;
        sum_q   <= sum_d;
    end

    assign sum_o = sum_q;

endmodule

`default_nettype wire
