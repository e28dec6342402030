// SPDX-License-Identifier: Apache-2.0
// activation_lanes: what the two lanes of partial_products multiply by: the activations of a pair of weights, or one
// activation for both halves of one weight.
//
// Combinational. Elements hand its output on, so an array needs it once a row, where activations enter.
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   m and n
// pair_i         1: the weights are pairs
// activation_i   {high, low}, signed; high is not read unless pair_i
// lanes_o        {n + m/2 bits, n bits}, signed: {high, low} with pair_i, else {low * 2^(m/2), low}
`default_nettype none

module activation_lanes #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8
) (
    input  wire                                         pair_i,
    input  wire [2*ACTIVATION_WIDTH-1:0]                activation_i,
    output wire [2*ACTIVATION_WIDTH+WEIGHT_WIDTH/2-1:0] lanes_o
);

    localparam integer HALF = WEIGHT_WIDTH / 2;

    wire [ACTIVATION_WIDTH-1:0] low;
    wire [ACTIVATION_WIDTH-1:0] high;

    assign low     = activation_i[ACTIVATION_WIDTH-1:0];
    assign high    = activation_i[2*ACTIVATION_WIDTH-1:ACTIVATION_WIDTH];
    assign lanes_o = {pair_i ? {{HALF{high[ACTIVATION_WIDTH-1]}}, high} : {low, {HALF{1'b0}}}, low};

endmodule

`default_nettype wire
