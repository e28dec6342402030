// SPDX-License-Identifier: Apache-2.0
// leading_zeros: count_o = number of zeros above the highest one of value_i.
//
// Combinational. A tree of pairs: of two neighbouring groups, the upper one counts unless it is all zeros.
//
// WIDTH      2 or more
// BITS       of the count: enough for WIDTH - 1
// value_i    not zero: for zero, the count has no meaning
`default_nettype none

module leading_zeros #(
    parameter WIDTH = 28,
    parameter BITS  = $clog2(WIDTH)
) (
    input  wire [WIDTH-1:0] value_i,
    output wire [BITS-1:0]  count_o
);

    localparam integer LEAVES = 1 << BITS;

    genvar k;
    genvar i;

    generate
        // Level k holds groups of 2^k bits, group 0 at the top; places below the value's lowest bit are zeros.
        for (k = 0; k <= BITS; k = k + 1) begin : g_level
            for (i = 0; i < (LEAVES >> k); i = i + 1) begin : g_group
                /* verilator lint_off UNUSEDSIGNAL */  // lower groups and the whole are asked for their count only
                wire any;
                /* verilator lint_on UNUSEDSIGNAL */
                if (k == 0) begin : g_leaf
                    if (i < WIDTH) begin : g_bit
                        assign any = value_i[WIDTH-1-i];
                    end else begin : g_below
                        assign any = 1'b0;
                    end
                end else begin : g_pair
                    wire [k-1:0] count;
                    assign any        = g_level[k-1].g_group[2*i].any | g_level[k-1].g_group[2*i+1].any;
                    assign count[k-1] = ~g_level[k-1].g_group[2*i].any;
                    if (k > 1) begin : g_rest
                        assign count[k-2:0] = g_level[k-1].g_group[2*i].any
                            ? g_level[k-1].g_group[2*i].g_pair.count
                            : g_level[k-1].g_group[2*i+1].g_pair.count;
                    end
                end
            end
        end
    endgenerate

    assign count_o = g_level[BITS].g_group[0].g_pair.count;

endmodule

`default_nettype wire
