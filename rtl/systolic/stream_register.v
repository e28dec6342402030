// SPDX-License-Identifier: Apache-2.0
// stream_register: register behind an AXI-Stream slave port, so that what uses the beats sees registers only, and ready
// depends on no valid.
//
// Latency: a beat taken in clock t is held from clock t + 1 on until it is used, and the next one is taken in the clock
// in which it is. One beat a clock. The reset empties it; while it lasts no beat is taken.
//
// WIDTH            bits of a beat
// clk_i, srst_ni   clock; synchronous reset, active low
// tdata_i, tvalid_i, tready_o   the stream
// full_o, data_o   a beat is held, and which
// use_i            takes the beat, if one is held
`default_nettype none

module stream_register #(
    parameter WIDTH = 8
) (
    input  wire             clk_i,
    input  wire             srst_ni,
    input  wire [WIDTH-1:0] tdata_i,
    input  wire             tvalid_i,
    output wire             tready_o,
    output wire             full_o,
    output wire [WIDTH-1:0] data_o,
    input  wire             use_i
);

    reg              full_q;
    reg  [WIDTH-1:0] data_q;
    wire             open;

    assign open     = !full_q || use_i;
    assign tready_o = srst_ni && open;
    assign full_o   = full_q;
    assign data_o   = data_q;

    always @(posedge clk_i) begin
        if (!srst_ni) full_q <= 1'b0;
        else full_q <= tvalid_i || !open;

        if (open) data_q <= tdata_i;
    end

endmodule

`default_nettype wire
