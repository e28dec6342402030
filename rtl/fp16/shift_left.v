// SPDX-License-Identifier: Apache-2.0
// shift_left: result_o = value_i << amount_i, zeros from below.
//
// Combinational: a level of multiplexers for each bit of the amount, the largest first.
//
// WIDTH      of value and result
// BITS       of the amount
`default_nettype none

module shift_left #(
    parameter WIDTH = 28,
    parameter BITS  = 5
) (
    input  wire [WIDTH-1:0] value_i,
    input  wire [BITS-1:0]  amount_i,
    output wire [WIDTH-1:0] result_o
);

    genvar k;

    generate
        for (k = BITS; k >= 0; k = k - 1) begin : g_level
            wire [WIDTH-1:0] value;
            if (k == BITS) begin : g_input
                assign value = value_i;
            end else begin : g_shift
                assign value = amount_i[k] ? g_level[k+1].value << (1 << k) : g_level[k+1].value;
            end
        end
    endgenerate

    assign result_o = g_level[0].value;

endmodule

`default_nettype wire
