// SPDX-License-Identifier: Apache-2.0
// dp4a: d_o = c_i + a_i[0] * b_i[0] + ... + a_i[3] * b_i[3], signed: 4-lane dot product and accumulate.
//
// Combinational: four multipliers, each product compressed into a carry-save sum by a row of full adders, one
// Kogge-Stone adder at the end.
//
// WIDTH         of the operands, 2 to 8 bits
// ACC_WIDTH     2 * WIDTH + 2, which hold any dot product, to 64 bits; sums wrap around
// MULTIPLIER    family, see pe_datapath; b_i is its weight
// a_i, b_i      4 operands each, lane 0 lowest
// c_i, d_o      accumulator before and after
`default_nettype none

module dp4a #(
    parameter WIDTH      = 8,
    parameter ACC_WIDTH  = 32,
    parameter MULTIPLIER = "csa_array"
) (
    input  wire        [  4*WIDTH-1:0] a_i,
    input  wire        [  4*WIDTH-1:0] b_i,
    input  wire signed [ACC_WIDTH-1:0] c_i,
    output wire signed [ACC_WIDTH-1:0] d_o
);

    genvar i;

    generate
        // A module that does not exist stops every tool, and its name says why.
        if (WIDTH < 2 || WIDTH > 8) begin : g_bad_width
            parameter_WIDTH_must_be_2_to_8 u_stop ();
        end
        if (ACC_WIDTH < 2 * WIDTH + 2 || ACC_WIDTH > 64) begin : g_bad_accumulator
            parameter_ACC_WIDTH_must_hold_four_products_and_be_at_most_64 u_stop ();
        end

        for (i = 0; i < 4; i = i + 1) begin : g_lane
            wire [2*ACC_WIDTH-1:0] addend;  // {carry, sum}
            wire [2*ACC_WIDTH-1:0] sum;
            if (i == 0) begin : g_first
                assign addend = {{ACC_WIDTH{1'b0}}, c_i};
            end else begin : g_next
                assign addend = g_lane[i-1].sum;
            end
            pe_datapath #(
                .WEIGHT_WIDTH    (WIDTH),
                .ACTIVATION_WIDTH(WIDTH),
                .ACC_WIDTH       (ACC_WIDTH),
                .MULTIPLIER      (MULTIPLIER),
                .PIPELINE        (0),
                .CARRY_SAVE      (1)
            ) u_datapath (
                .clk_i       (1'b0),
                .weight_i    (b_i[i*WIDTH+:WIDTH]),
                .activation_i(a_i[i*WIDTH+:WIDTH]),
                .psum_i      (addend),
                .psum_o      (sum)
            );
        end
    endgenerate

    kogge_stone_adder #(
        .WIDTH(ACC_WIDTH)
    ) u_adder (
        .a_i  (g_lane[3].sum[0+:ACC_WIDTH]),
        .b_i  (g_lane[3].sum[ACC_WIDTH+:ACC_WIDTH]),
        .sum_o(d_o)
    );

endmodule

`default_nettype wire
