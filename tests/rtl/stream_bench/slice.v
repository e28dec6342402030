// SPDX-License-Identifier: Apache-2.0
// slice: a two-beat buffer between two streams, right unless a fault is planted.
//
// FAULT  0 none, 1 drops a beat in 16, 2 sends one in 16 twice, 3 flips a bit in 16 beats, 4 withdraws tvalid,
//        5 changes tdata while it waits, 6 never answers, 7 has an X in a beat in 16, 8 is ready during resets,
//        9 has tready only with tvalid
`default_nettype none

module slice #(
    parameter WIDTH = 16,
    parameter FAULT = 0
) (
    input  wire             clk_i,
    input  wire             srst_ni,
    input  wire [WIDTH-1:0] s_axis_in_tdata,
    input  wire             s_axis_in_tvalid,
    input  wire             s_axis_in_tlast,
    output wire             s_axis_in_tready,
    output wire [WIDTH-1:0] m_axis_out_tdata,
    output wire             m_axis_out_tvalid,
    output wire             m_axis_out_tlast,
    input  wire             m_axis_out_tready
);

    reg  [WIDTH:0] head_q;
    reg  [WIDTH:0] tail_q;
    reg  [    1:0] count_q;
    reg  [    3:0] number_q;
    reg            waited_q;
    wire [WIDTH:0] beat = {s_axis_in_tlast, s_axis_in_tdata} ^ {{WIDTH{1'b0}}, FAULT == 3 && number_q == 4'd9};
    wire           push = s_axis_in_tvalid && s_axis_in_tready && !(FAULT == 1 && number_q == 4'd9);
    wire           pop = m_axis_out_tvalid && m_axis_out_tready && !(FAULT == 2 && number_q == 4'd9);

    assign s_axis_in_tready  = (srst_ni || FAULT == 8) && count_q != 2'd2 && (s_axis_in_tvalid || FAULT != 9);
    assign m_axis_out_tvalid = count_q != 2'd0 && !(FAULT == 4 && waited_q) && FAULT != 6;
    assign m_axis_out_tlast  = head_q[WIDTH];
    assign m_axis_out_tdata  = head_q[WIDTH-1:0] ^ {{WIDTH - 2{1'b0}}, (FAULT == 7 && number_q == 4'd9) ? 1'bx : 1'b0, FAULT == 5 && waited_q};

    always @(posedge clk_i) begin
        if (!srst_ni) begin
            count_q  <= 2'd0;
            number_q <= 4'd0;
            waited_q <= 1'b0;
        end else begin
            count_q  <= count_q + {1'b0, push} - {1'b0, pop};
            waited_q <= m_axis_out_tvalid && !m_axis_out_tready;
            if (s_axis_in_tvalid && s_axis_in_tready) number_q <= number_q + 4'd1;
        end
    end

    always @(posedge clk_i) begin
        if (pop) head_q <= tail_q;
        if (push) begin
            if (count_q == {1'b0, pop}) head_q <= beat;
            else tail_q <= beat;
        end
    end

endmodule

`default_nettype wire
