// SPDX-License-Identifier: Apache-2.0
// skew: triangular delay: lane i of data_o is lane i of data_i, i clocks later; or, to undo it, LANES - 1 - i clocks.
//
// Latency: LEAST to LEAST + LANES - 1 clocks by lane. A lane without delay is a wire.
//
// LANES, WIDTH    1 or more lanes of WIDTH bits; lane i stands at [i*WIDTH +: WIDTH]
// REVERSE         0: lane i waits i clocks (skew); 1: lane i waits LANES - 1 - i clocks (de-skew)
// LEAST           clocks that are added to the delay of every lane
// RESET           1: the reset clears what is under way (valid bits); 0: it does not (data)
// clk_i, srst_ni  clock; synchronous reset, active low
// data_i, data_o  all lanes
`default_nettype none

module skew #(
    parameter LANES   = 4,
    parameter WIDTH   = 8,
    parameter REVERSE = 0,
    parameter LEAST   = 0,
    parameter RESET   = 0
) (
    /* verilator lint_off UNUSEDSIGNAL */  // a single lane is a wire, data is not reset
    input  wire                   clk_i,
    input  wire                   srst_ni,
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire [LANES*WIDTH-1:0] data_i,
    output wire [LANES*WIDTH-1:0] data_o
);

    genvar i;

    generate
        for (i = 0; i < LANES; i = i + 1) begin : g_lane
            localparam integer DELAY = LEAST + ((REVERSE != 0) ? LANES - 1 - i : i);
            if (DELAY == 0) begin : g_wire
                assign data_o[i*WIDTH+:WIDTH] = data_i[i*WIDTH+:WIDTH];
            end else begin : g_delay
                reg  [    DELAY*WIDTH-1:0] line_q;
                wire [(DELAY+1)*WIDTH-1:0] line;  // the youngest word lowest
                assign line                   = {line_q, data_i[i*WIDTH+:WIDTH]};
                assign data_o[i*WIDTH+:WIDTH] = line[DELAY*WIDTH+:WIDTH];
                always @(posedge clk_i) begin
                    if (RESET != 0 && !srst_ni) line_q <= {(DELAY * WIDTH) {1'b0}};
                    else line_q <= line[0+:DELAY*WIDTH];
                end
            end
        end
    endgenerate

endmodule

`default_nettype wire
