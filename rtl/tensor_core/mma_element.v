// SPDX-License-Identifier: Apache-2.0
// mma_element: one sum of mma_unit: a dp4a with operand registers of its own that adds up, and a register for the
// result.
//
// Latency: operands loaded in clock t are added in clock t + 1 or later, when step_i says so; d_o shows the sum in the
// clock after the step with end_i. A step of a first load begins with c_i, which stands still until then. The operands
// stand still without load_i, so that a wait switches nothing in the multipliers. Nothing needs a reset.
//
// WIDTH, ACC_WIDTH, MULTIPLIER   of dp4a; b_i holds the weights
// clk_i                   clock
// load_i, first_i, a_i, b_i   operands of a step; it is the first of a sum
// step_i, c_i             the operands held are added, c_i before them if they are the first
// end_i                   the step is the last of its sum
// d_o                     the sum that ended last
`default_nettype none

module mma_element #(
    parameter WIDTH      = 8,
    parameter ACC_WIDTH  = 32,
    parameter MULTIPLIER = "csa_array"
) (
    input  wire                 clk_i,
    input  wire                 load_i,
    input  wire                 first_i,
    input  wire [  4*WIDTH-1:0] a_i,
    input  wire [  4*WIDTH-1:0] b_i,
    input  wire                 step_i,
    input  wire                 end_i,
    input  wire [ACC_WIDTH-1:0] c_i,
    output wire [ACC_WIDTH-1:0] d_o
);

    reg                  first_q;
    reg  [  4*WIDTH-1:0] a_q;
    reg  [  4*WIDTH-1:0] b_q;
    reg  [ACC_WIDTH-1:0] sum_q;
    reg  [ACC_WIDTH-1:0] d_q;
    wire [ACC_WIDTH-1:0] sum_d;

    assign d_o = d_q;

    always @(posedge clk_i) begin
        if (load_i) begin
            first_q <= first_i;
            a_q     <= a_i;
            b_q     <= b_i;
        end
        if (step_i) sum_q <= sum_d;
        if (end_i) d_q <= sum_d;
    end

    dp4a #(
        .WIDTH     (WIDTH),
        .ACC_WIDTH (ACC_WIDTH),
        .MULTIPLIER(MULTIPLIER)
    ) u_dp4a (
        .a_i(a_q),
        .b_i(b_q),
        .c_i(first_q ? c_i : sum_q),
        .d_o(sum_d)
    );

endmodule

`default_nettype wire
