// SPDX-License-Identifier: Apache-2.0
// stream_rules: ends a simulation with an error where a stream breaks a rule of AXI-Stream: a beat that is offered
// stays, with valid and all of its payload, until it is taken.
//
// Rules hold from the first reset on and not during one. What is X may stay X. Synthesis sees nothing of this module.
//
// WIDTH              bits of the payload
// clk_i, srst_ni     clock; synchronous reset, active low
// tvalid_i, tready_i, payload_i   the stream; the payload is tdata, and tlast where there is one
`default_nettype none

module stream_rules #(
    parameter WIDTH = 8
) (
    input wire             clk_i,
    input wire             srst_ni,
    input wire             tvalid_i,
    input wire             tready_i,
    input wire [WIDTH-1:0] payload_i
);

`ifndef SYNTHESIS
`ifndef FORMAL
    reg             armed_q;  // there was a reset
    reg             waits_q;
    reg [WIDTH-1:0] payload_q;
    reg             fell_q;
    reg             changed_q;

    initial armed_q = 1'b0;

    always @(posedge clk_i) begin
        armed_q   <= armed_q || !srst_ni;
        waits_q   <= srst_ni && tvalid_i && !tready_i;
        payload_q <= payload_i;
        fell_q    <= armed_q && srst_ni && waits_q && !tvalid_i;
        changed_q <= armed_q && srst_ni && waits_q && payload_i !== payload_q;
        // A clock later, so that a bench that sees it by itself can end its test first: it knows more.
        if (srst_ni && fell_q) $fatal(1, "%m: tvalid fell before the beat was taken");
        else if (srst_ni && changed_q) $fatal(1, "%m: tdata or tlast changed before the beat was taken");
    end
`endif
`endif

endmodule

`default_nettype wire
