// SPDX-License-Identifier: Apache-2.0
// dp4a_unit: registered dp4a: d_o = c_i + dot product of a_i and b_i, four signed lanes.
//
// Latency 2 clocks (operands and result are registered), initiation interval 1 clock. Slots without valid_i change no
// operand register. The reset clears the valid bits; outputs are unknown before its
// first clock edge.
//
// WIDTH, ACC_WIDTH, MULTIPLIER   of dp4a
// clk_i, srst_ni                 clock; synchronous reset, active low
// valid_i, a_i, b_i, c_i         a calculation
// valid_o, d_o                   its result, two clocks later
`default_nettype none

module dp4a_unit #(
    parameter WIDTH      = 8,
    parameter ACC_WIDTH  = 32,
    parameter MULTIPLIER = "csa_array"
) (
    input  wire                        clk_i,
    input  wire                        srst_ni,
    input  wire                        valid_i,
    input  wire        [  4*WIDTH-1:0] a_i,
    input  wire        [  4*WIDTH-1:0] b_i,
    input  wire signed [ACC_WIDTH-1:0] c_i,
    output wire                        valid_o,
    output wire signed [ACC_WIDTH-1:0] d_o
);

    reg                         operands_valid_q;
    reg         [  4*WIDTH-1:0] a_q;
    reg         [  4*WIDTH-1:0] b_q;
    reg  signed [ACC_WIDTH-1:0] c_q;
    reg                         valid_q;
    reg  signed [ACC_WIDTH-1:0] d_q;
    wire signed [ACC_WIDTH-1:0] d_d;

    assign valid_o = valid_q;
    assign d_o     = d_q;

    always @(posedge clk_i) begin
        if (!srst_ni) begin
            operands_valid_q <= 1'b0;
            valid_q          <= 1'b0;
        end else begin
            operands_valid_q <= valid_i;
            valid_q          <= operands_valid_q;
        end
    end

    always @(posedge clk_i) begin
        if (valid_i) begin
            a_q <= a_i;
            b_q <= b_i;
            c_q <= c_i;
        end
        if (operands_valid_q) d_q <= d_d;
    end

    dp4a #(
        .WIDTH     (WIDTH),
        .ACC_WIDTH (ACC_WIDTH),
        .MULTIPLIER(MULTIPLIER)
    ) u_dp4a (
        .a_i(a_q),
        .b_i(b_q),
        .c_i(c_q),
        .d_o(d_d)
    );

endmodule

`default_nettype wire
