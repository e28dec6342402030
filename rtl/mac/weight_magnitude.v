// SPDX-License-Identifier: Apache-2.0
// weight_magnitude: the magnitude of a signed weight, as an unsigned number of the same width.
//
// Combinational. The most negative weight has the magnitude 2^(WIDTH - 1), which fits.
//
// weight_i      signed
// magnitude_o   unsigned
`default_nettype none

module weight_magnitude #(
    parameter WIDTH = 8
) (
    input  wire [WIDTH-1:0] weight_i,
    output wire [WIDTH-1:0] magnitude_o
);

    assign magnitude_o = weight_i[WIDTH-1] ? ~weight_i + {{(WIDTH - 1){1'b0}}, 1'b1} : weight_i;

endmodule

`default_nettype wire
