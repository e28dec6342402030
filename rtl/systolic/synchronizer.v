// SPDX-License-Identifier: Apache-2.0
// synchronizer: two flip-flops in a row for a bit of another clock, such as the acknowledge of a clock generator that
// is not synchronous to the array: put it in front of clock_acknowledge_i. Both waits of a change of the clock
// (clock_change) then take two clocks more, and no other property of the handshake changes.
//
// Latency 2 clocks. It has no reset, so that a handshake which a reset cuts short is still seen behind it; a reset has
// to last 3 clocks or more, until what was on its way has passed. In layout, keep the two flip-flops close together.
//
// clk_i            clock of data_o
// data_i, data_o   the bit, a register's output at the other side
`default_nettype none

module synchronizer (
    input  wire clk_i,
    input  wire data_i,
    output wire data_o
);

    reg [1:0] data_q;

    assign data_o = data_q[1];

    always @(posedge clk_i) data_q <= {data_q[0], data_i};

endmodule

`default_nettype wire
