// SPDX-License-Identifier: Apache-2.0
// clock_change: asks for the clock of a tile's frequency class with a four-phase handshake and holds the tile back
// until it has it.
//
//     request      __/^^^^^^^^\_______      raised once the array is idle and the last change's acknowledge is gone
//     class        --<  class >-------      stands still from the request on, until the next one
//     acknowledge  _______/^^^^^^^\___      the clock has the class's period; any wait, both times
//     granted      ^^______________/^^      (for the class of the tile)
//
// Latency: from idle_i to the request one clock, from the acknowledge to the end of the request one clock; granted_o
// follows the fall of the acknowledge in the same clock. So a change costs 2 clocks and both waits.
// The class after reset is 0. A reset that cuts a handshake short grants nothing until the acknowledge has fallen.
//
// CLASS_WIDTH            bits of a class, 1 or more
// clk_i, srst_ni         clock; synchronous reset, active low
// tile_valid_i           a tile waits or runs
// tile_class_i           its class
// idle_i                 nothing is under way in the array
// granted_o              the clock is that of tile_class_i: the tile may run
// clock_request_o, clock_class_o, clock_acknowledge_i   the handshake; the acknowledge is synchronous to clk_i (if the
//                        generator's is not, put a synchronizer in front of it)
`default_nettype none

module clock_change #(
    parameter CLASS_WIDTH = 2
) (
    input  wire                   clk_i,
    input  wire                   srst_ni,
    // tile controller
    input  wire                   tile_valid_i,
    input  wire [CLASS_WIDTH-1:0] tile_class_i,
    input  wire                   idle_i,
    output wire                   granted_o,
    // clock generator
    output wire                   clock_request_o,
    output wire [CLASS_WIDTH-1:0] clock_class_o,
    input  wire                   clock_acknowledge_i
);

    reg                    request_q;
    reg  [CLASS_WIDTH-1:0] class_q;
    wire                   at_rest;
    wire                   same;

    assign at_rest   = !request_q && !clock_acknowledge_i;
    assign same      = tile_class_i == class_q;
    assign granted_o = at_rest && same;

    assign clock_request_o = request_q;
    assign clock_class_o   = class_q;

    always @(posedge clk_i) begin
        if (!srst_ni) begin
            request_q <= 1'b0;
            class_q   <= {CLASS_WIDTH{1'b0}};
        end else if (at_rest && tile_valid_i && !same && idle_i) begin
            request_q <= 1'b1;
            class_q   <= tile_class_i;
        end else if (clock_acknowledge_i) begin
            request_q <= 1'b0;
        end
    end

endmodule

`default_nettype wire
