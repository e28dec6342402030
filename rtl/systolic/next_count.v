// SPDX-License-Identifier: Apache-2.0
// next_count: next_o = count_i + 1, or 0 after END; or with DOWN count_i - 1.
//
// Combinational. A module of its own for the sake of its users' clock: synthesis that keeps modules apart cannot move
// what decides late whether to count, such as the handshake of a stream, in front of the chain of carries.
//
// WIDTH      bits of the count
// DOWN       1: downwards
// END        the highest count; -1: all ones
// count_i    count
// next_o     the next one
`default_nettype none

module next_count #(
    parameter WIDTH = 4,
    parameter DOWN  = 0,
    parameter END   = -1
) (
    input  wire [WIDTH-1:0] count_i,
    output wire [WIDTH-1:0] next_o
);

    localparam [31:0] ONE_32 = 1;
    localparam [31:0] END_32 = END;
    localparam [WIDTH-1:0] ONE = ONE_32[WIDTH-1:0];
    localparam [WIDTH-1:0] LAST = END_32[WIDTH-1:0];

    generate
        if (DOWN != 0) begin : g_down
            assign next_o = count_i - ONE;
        end else if (END == -1) begin : g_overflow
            assign next_o = count_i + ONE;
        end else begin : g_up
            assign next_o = (count_i == LAST) ? {WIDTH{1'b0}} : count_i + ONE;
        end
    endgenerate

endmodule

`default_nettype wire
