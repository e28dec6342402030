// SPDX-License-Identifier: Apache-2.0
// clock_rules: ends a simulation with an error where a change of the clock breaks a rule of its handshake, at either
// end (see clock_change): the class stands from one request, or a reset, to the next one; a request comes when the last
// acknowledge is gone, and goes after its own; an acknowledge goes after its request.
//
// Rules hold from the first reset on and not during one. Synthesis sees nothing of this module.
//
// CLASS_WIDTH        bits of a class
// clk_i, srst_ni     clock; synchronous reset, active low
// request_i, class_i, acknowledge_i   the handshake
`default_nettype none

module clock_rules #(
    parameter CLASS_WIDTH = 2
) (
    input wire                   clk_i,
    input wire                   srst_ni,
    input wire                   request_i,
    input wire [CLASS_WIDTH-1:0] class_i,
    input wire                   acknowledge_i
);

`ifndef SYNTHESIS
`ifndef FORMAL
    reg                   armed_q;  // there was a reset
    reg                   running_q;
    reg                   request_q;
    reg [CLASS_WIDTH-1:0] class_q;
    reg                   acknowledge_q;
    reg             [3:0] broken_q;

    initial armed_q = 1'b0;

    always @(posedge clk_i) begin
        armed_q       <= armed_q || !srst_ni;
        running_q     <= srst_ni;
        request_q     <= request_i;
        class_q       <= class_i;
        acknowledge_q <= acknowledge_i;
        broken_q      <= {4{armed_q && running_q && srst_ni}} & {
            class_i !== class_q && !(request_i && !request_q),
            request_i && !request_q && acknowledge_q,
            !request_i && request_q && !acknowledge_q,
            !acknowledge_i && acknowledge_q && request_q
        };
        // A clock later, so that a bench that sees it by itself can end its test first: it knows more.
        if (srst_ni) begin
            if (broken_q[3]) $fatal(1, "%m: the class changed without a request");
            if (broken_q[2]) $fatal(1, "%m: a request came before the last acknowledge went");
            if (broken_q[1]) $fatal(1, "%m: a request went before its acknowledge came");
            if (broken_q[0]) $fatal(1, "%m: an acknowledge went before its request");
        end
    end
`endif
`endif

endmodule

`default_nettype wire
