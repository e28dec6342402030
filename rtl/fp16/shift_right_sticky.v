// SPDX-License-Identifier: Apache-2.0
// shift_right_sticky: result_o = value_i >> amount_i, and sticky_o tells whether a one was shifted out.
//
// Combinational: a level of multiplexers for each bit of the amount, the smallest first, so that the bits that leave
// are collected beside the shift. Amounts of WIDTH and more leave nothing but the sticky bit.
//
// WIDTH      of value and result
// BITS       of the amount, at most as many as are needed for WIDTH: larger amounts are the caller's
`default_nettype none

module shift_right_sticky #(
    parameter WIDTH = 26,
    parameter BITS  = 5
) (
    input  wire [WIDTH-1:0] value_i,
    input  wire [BITS-1:0]  amount_i,
    output wire [WIDTH-1:0] result_o,
    output wire             sticky_o
);

    wire [BITS-1:0] lost;  // a one left at this level

    genvar k;

    generate
        for (k = 0; k <= BITS; k = k + 1) begin : g_level
            wire [WIDTH-1:0] value;
            if (k == 0) begin : g_input
                assign value = value_i;
            end else begin : g_shift
                localparam integer STEP = (1 << (k - 1));
                localparam integer LEAVING = STEP < WIDTH ? STEP : WIDTH;
                assign value     = amount_i[k-1] ? g_level[k-1].value >> STEP : g_level[k-1].value;
                assign lost[k-1] = amount_i[k-1] & (|g_level[k-1].value[LEAVING-1:0]);
            end
        end
    endgenerate

    assign result_o = g_level[BITS].value;
    assign sticky_o = |lost;

endmodule

`default_nettype wire
