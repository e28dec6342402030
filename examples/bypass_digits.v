// SPDX-License-Identifier: Apache-2.0
// bypass_digits: psum_o = psum_i + weight * activation + K(weight) between registers, a row for each Booth digit of the
// weight. Past the row of a digit that is 0 the sum goes through a multiplexer, so that the number of other digits sets
// the speed, not their places. K is what the inverted sign bits of the rows add, and what negative rows lack of their
// complement. A candidate for halo explore.
//
// clk_i                    clock
// weight_i, activation_i   signed operands, registered
// psum_i, psum_o           partial sums of two words, {carry, sum}; psum_o is registered
`default_nettype none

module bypass_digits (
    input  wire               clk_i,
    input  wire signed [ 7:0] weight_i,
    input  wire signed [ 7:0] activation_i,
    input  wire        [47:0] psum_i,
    output wire        [47:0] psum_o
);

    reg [ 7:0] weight_q;
    reg [ 7:0] activation_q;
    reg [47:0] psum_q;
    wire [8:0] padded;
    wire [8:0] wide;

    assign padded = {weight_q, 1'b0};
    assign wide   = {activation_q[7], activation_q};

    genvar i;

    generate
        for (i = 0; i < 4; i = i + 1) begin : g_row
            localparam [23:0] HERE = 24'hffffff << (2 * i);
            wire        one;
            wire        two;
            wire [ 8:0] value;
            wire [23:0] row;
            wire [23:0] sum_in;
            wire [23:0] carry_in;
            wire [23:0] majority;
            wire [23:0] sum;
            wire [23:0] carry;
            assign one   = padded[2*i+1] ^ padded[2*i];
            assign two   = (padded[2*i+2] ^ padded[2*i+1]) & ~one;
            assign value = (one ? wide : {activation_q, 1'b0}) ^ {9{padded[2*i+2]}};
            assign row   = {15'd0, value ^ 9'h100} << (2 * i);
            if (i == 0) begin : g_first
                assign sum_in   = psum_i[23:0];
                assign carry_in = psum_i[47:24];
            end else begin : g_next
                assign sum_in   = g_row[i-1].sum;
                assign carry_in = g_row[i-1].carry;
            end
            assign majority = (sum_in & carry_in) | (sum_in & row) | (carry_in & row);
            // Columns below the row's hand their two entries on.
            assign sum   = (one | two) ? ((sum_in ^ carry_in ^ row) & HERE) | (sum_in & ~HERE) : sum_in;
            assign carry = (one | two) ? ((majority & HERE) << 1) | (carry_in & ~HERE) : carry_in;
        end
    endgenerate

    always @(posedge clk_i) begin
        weight_q     <= weight_i;
        activation_q <= activation_i;
        psum_q       <= {g_row[3].carry, g_row[3].sum};
    end

    assign psum_o = psum_q;

endmodule

`default_nettype wire
