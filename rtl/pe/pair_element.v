// SPDX-License-Identifier: Apache-2.0
// pair_element: a MAC between registers, as mac_element, that takes one weight of m bits or two of m/2 bits a clock:
//     pair_i = 0    psum_o = psum_i + weight_i * activation_i[n-1:0]
//     pair_i = 1    psum_o = psum_i + weight_i[m-1:m/2] * activation_i[2n-1:n]
//                                   + weight_i[m/2-1:0] * activation_i[n-1:0]
// everything signed, so that a pair stands for two rows of a column. Both products of a pair are whole numbers, in the
// scale of psum_i like those of a weight of m bits.
//
// Latency: as mac_element; pair_i belongs to the weight and the activations of the same clock, and is held with the
// weight. The selection of what the lanes multiply by (activation_lanes) stands in front of the activations' register,
// so that it takes no time from the product; an array needs it once a row, and elements hand on what it selects.
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   m: 4, 8, 12 or 16 bits; n: 2 to 16 bits
// other parameters         see pe_datapath
// RECODED                  1: the weight is held as Booth digits, recoded in front of its register
// clk_i                    clock
// pair_i                   1: weight_i is two weights
// weight_i, activation_i   operands, registered
// psum_i, psum_o           partial sums, {carry, sum} with CARRY_SAVE; psum_o is registered
`default_nettype none

module pair_element #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 24,
    parameter PIPELINE         = 0,
    parameter CARRY_SAVE       = 1,
    parameter RECODED          = 0,
    parameter CORRECTION       = 0,
    parameter ARRAY            = 0,
    parameter SEED             = 0
) (
    input  wire                                       clk_i,
    input  wire                                       pair_i,
    input  wire signed [WEIGHT_WIDTH-1:0]             weight_i,
    input  wire signed [2*ACTIVATION_WIDTH-1:0]       activation_i,
    input  wire signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_i,
    output wire signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_o
);

    localparam integer HELD_WIDTH = (RECODED != 0) ? 3 * (WEIGHT_WIDTH / 2) : WEIGHT_WIDTH + 1;
    localparam integer LANES_WIDTH = 2 * ACTIVATION_WIDTH + WEIGHT_WIDTH / 2;

    wire [HELD_WIDTH-1:0]                      weight_d;
    reg  [HELD_WIDTH-1:0]                      weight_q;
    wire [LANES_WIDTH-1:0]                     activation_d;
    reg  [LANES_WIDTH-1:0]                     activation_q;
    reg  signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_q;
    wire signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_d;

    generate
        if (RECODED != 0) begin : g_recode
            booth_recode_lanes #(
                .WIDTH(WEIGHT_WIDTH)
            ) u_recode (
                .weight_i(weight_i),
                .pair_i  (pair_i),
                .digits_o(weight_d)
            );
        end else begin : g_held
            assign weight_d = {pair_i, weight_i};
        end
    endgenerate

    activation_lanes #(
        .WEIGHT_WIDTH    (WEIGHT_WIDTH),
        .ACTIVATION_WIDTH(ACTIVATION_WIDTH)
    ) u_lanes (
        .pair_i      (pair_i),
        .activation_i(activation_i),
        .lanes_o     (activation_d)
    );

    always @(posedge clk_i) begin
        weight_q     <= weight_d;
        activation_q <= activation_d;
        psum_q       <= psum_d;
    end

    pe_datapath #(
        .WEIGHT_WIDTH    (WEIGHT_WIDTH),
        .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
        .ACC_WIDTH       (ACC_WIDTH),
        .MULTIPLIER      ("booth_r4"),
        .PIPELINE        (PIPELINE),
        .CARRY_SAVE      (CARRY_SAVE),
        .LANES           (2),
        .RECODED         (RECODED),
        .CORRECTION      (CORRECTION),
        .ARRAY           (ARRAY),
        .SEED            (SEED)
    ) u_datapath (
        .clk_i       (clk_i),
        .weight_i    (weight_q),
        .activation_i(activation_q),
        .psum_i      (psum_i),
        .psum_o      (psum_d)
    );

    assign psum_o = psum_q;

endmodule

`default_nettype wire
