// SPDX-License-Identifier: Apache-2.0
// multiplier: y = w * x, signed; how it is built is left to the synthesiser.
`default_nettype none

module multiplier #(
    parameter WIDTH = 4
) (
    input  wire signed [WIDTH-1:0]   w,
    input  wire signed [WIDTH-1:0]   x,
    output wire signed [2*WIDTH-1:0] y
);

    assign y = w * x;

endmodule

`default_nettype wire
