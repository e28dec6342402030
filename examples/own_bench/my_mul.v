// SPDX-License-Identifier: Apache-2.0
// my_mul: product_o = weight_i * activation_i, signed: shift and add, one row for each bit of the weight.
`default_nettype none

module my_mul #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8
) (
    input  wire signed [WEIGHT_WIDTH-1:0]                  weight_i,
    input  wire signed [ACTIVATION_WIDTH-1:0]              activation_i,
    output reg signed  [WEIGHT_WIDTH+ACTIVATION_WIDTH-1:0] product_o
);

    integer i;

    always @* begin
        product_o = 0;
        for (i = 0; i < WEIGHT_WIDTH - 1; i = i + 1) begin
            if (weight_i[i]) product_o = product_o + (activation_i <<< i);
        end
        if (weight_i[WEIGHT_WIDTH-1]) product_o = product_o - (activation_i <<< (WEIGHT_WIDTH - 1));
    end

endmodule

`default_nettype wire
