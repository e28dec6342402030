// SPDX-License-Identifier: Apache-2.0
// tb_pairs: pair_element against its contract; prints "FAILED" or "PASSED" and how many sums it compared.
//
// MODE    0: one weight, 1: pairs, 2: either at random; each sees all weights, 0 all pairs of operands in 2^16 clocks
// CLOCKS  to compare
// HOLD    clocks for which a partial sum stays: a new one costs a simulator more than a product
`default_nettype none

module tb_pairs;
    parameter PIPELINE   = 0;
    parameter CARRY_SAVE = 1;
    parameter RECODED    = 0;
    parameter CORRECTION = 0;
    parameter ARRAY      = 0;
    parameter MODE       = 2;
    parameter CLOCKS     = 2000;
    parameter HOLD       = 7;

    localparam LATENCY = 2 + PIPELINE % 2 + PIPELINE / 2;

    reg                           clk;
    reg                           pair;
    reg signed [7:0]              weight;
    reg [15:0]                    activation;
    reg [47:0]                    psum;
    wire [(1+CARRY_SAVE)*24-1:0]  found;
    reg [23:0]                    product [0:LATENCY];
    reg [23:0]                    wanted;
    reg [23:0]                    sum;
    reg [15:0]                    index;
    integer                       n;
    integer                       k;
    integer                       wrong;

    pair_element #(
        .PIPELINE  (PIPELINE),
        .CARRY_SAVE(CARRY_SAVE),
        .RECODED   (RECODED),
        .CORRECTION(CORRECTION),
        .ARRAY     (ARRAY)
    ) dut (
        .clk_i       (clk),
        .pair_i      (pair),
        .weight_i    (weight),
        .activation_i(activation),
        .psum_i      (psum[(1+CARRY_SAVE)*24-1:0]),
        .psum_o      (found)
    );

    // What CORRECTION leaves out, from the header of partial_products: digits 2 and 3 are of the lane of 12 bits.
    function [23:0] correction;
        input one_pair;
        input [7:0] of_weight;
        integer d;
        reg [2:0] bits;
        reg [23:0] term;
        begin
            correction = 24'd0;
            for (d = 0; d < 4; d = d + 1) begin
                bits = {of_weight[2*d+1], of_weight[2*d], (d == 0) ? 1'b0 : of_weight[2*d-1]};
                if (d == 2 && one_pair) bits[0] = 1'b0;
                term = 24'd0;
                if (bits[2] && bits != 3'b111) term = term + 24'd1;
                if (bits != 3'b000 && bits != 3'b111) term = term - ((d < 2) ? 24'd256 : 24'd4096);
                correction = correction + ((d % 2 != 0) ? term << 2 : term);
            end
        end
    endfunction

    function [23:0] value;
        input one_pair;
        input signed [7:0] of_weight;
        input [15:0] of_activation;
        reg signed [23:0] high;
        reg signed [23:0] low;
        begin
            high = $signed(of_activation[15:8]);
            low = $signed(of_activation[7:0]);
            if (one_pair) value = $signed(of_weight[7:4]) * high + $signed(of_weight[3:0]) * low;
            else value = of_weight * low;
            if (CORRECTION != 0) value = value - correction(one_pair, of_weight);
        end
    endfunction

    initial begin
        wrong = 0;
        clk = 1'b0;
        index = 16'd0;
        for (n = 0; n < CLOCKS + LATENCY; n = n + 1) begin
            pair = (MODE == 2) ? $random : (MODE == 1);
            weight = index[7:0];
            activation = $random;
            if (MODE == 0) activation[7:0] = index[15:8];
            if (n % HOLD == 0) psum = {$random, $random};
            index = (MODE == 0) ? index + 16'd1 : index + 16'd77;
            for (k = LATENCY; k > 0; k = k - 1) product[k] = product[k-1];
            product[0] = value(pair, weight, activation);
            #5 clk = 1'b1;
            #5 clk = 1'b0;
            if (CARRY_SAVE != 0) begin
                sum = found[23:0] + found[(1+CARRY_SAVE)*24-1-:24];
                wanted = product[LATENCY-1] + psum[23:0] + psum[47:24];
            end else begin
                sum = found[23:0];
                wanted = product[LATENCY-1] + psum[23:0];
            end
            if (n >= LATENCY && sum !== wanted) wrong = wrong + 1;
        end
        if (wrong != 0) $display("FAILED %0d", wrong);
        else $display("PASSED %0d", CLOCKS);
        $finish;
    end

endmodule

`default_nettype wire
