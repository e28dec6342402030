// SPDX-License-Identifier: Apache-2.0
// bypass_rows: psum_o = psum_i + weight * activation + K(weight) between registers, a row for each bit of the weight.
// Past the row of a bit that is 0 the sum goes through a multiplexer, so that the number of ones sets the speed, not
// their places. K is what the inverted sign bits of the rows add. A candidate for halo explore.
//
// clk_i                    clock
// weight_i, activation_i   signed operands, registered
// psum_i, psum_o           partial sums of two words, {carry, sum}; psum_o is registered
`default_nettype none

module bypass_rows (
    input  wire               clk_i,
    input  wire signed [ 7:0] weight_i,
    input  wire signed [ 7:0] activation_i,
    input  wire        [47:0] psum_i,
    output wire        [47:0] psum_o
);

    reg [ 7:0] weight_q;
    reg [ 7:0] activation_q;
    reg [47:0] psum_q;

    genvar i;

    generate
        for (i = 0; i < 8; i = i + 1) begin : g_row
            localparam [23:0] HERE = 24'hffffff << i;
            wire [23:0] row;
            wire [23:0] sum_in;
            wire [23:0] carry_in;
            wire [23:0] majority;
            wire [23:0] sum;
            wire [23:0] carry;
            // The last row is subtracted.
            assign row = {16'd0, activation_q ^ ((i == 7) ? 8'h7f : 8'h80)} << i;
            if (i == 0) begin : g_first
                assign sum_in   = psum_i[23:0];
                assign carry_in = psum_i[47:24];
            end else begin : g_next
                assign sum_in   = g_row[i-1].sum;
                assign carry_in = g_row[i-1].carry;
            end
            assign majority = (sum_in & carry_in) | (sum_in & row) | (carry_in & row);
            // Columns below the row's hand their two entries on.
            assign sum   = weight_q[i] ? ((sum_in ^ carry_in ^ row) & HERE) | (sum_in & ~HERE) : sum_in;
            assign carry = weight_q[i] ? ((majority & HERE) << 1) | (carry_in & ~HERE) : carry_in;
        end
    endgenerate

    always @(posedge clk_i) begin
        weight_q     <= weight_i;
        activation_q <= activation_i;
        psum_q       <= {g_row[7].carry, g_row[7].sum};
    end

    assign psum_o = psum_q;

endmodule

`default_nettype wire
