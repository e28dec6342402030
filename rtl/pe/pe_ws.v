// SPDX-License-Identifier: Apache-2.0
// pe_ws: weight-stationary processing element: psum_o = psum_i + weight * activation, signed; the next tile's weight
// is loaded while this tile computes.
//
// Latency: activation_i of clock t is multiplied in clock t + 1, psum_i of that clock (later by a clock for each
// register of PIPELINE) is added, and psum_o shows the sum one clock later, in t + 2 or later. psum_i has no register:
// the result register of the element above is it, so a row takes one clock and row r needs its activation r clocks
// after row 0.
// activation_o, valid_o, swap_o, weight_o and weight_load_o follow their inputs by one clock.
// The reset clears the weight in use and the control bits; data leaves with the next clocks. Outputs are unknown before
// the first clock edge in reset.
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   2 to 16 bits each
// ACC_WIDTH                        WEIGHT_WIDTH + ACTIVATION_WIDTH to 64 bits
// MULTIPLIER                       family, see pe_datapath
// PIPELINE                         registers in the multiplier, see pe_datapath: one with 1 and 2, two with 3
// CARRY_SAVE                       1: partial sums are {carry, sum}, two numbers of ACC_WIDTH bits that add up to it
// RECODED                          1: the weight in use is held as Booth digits (booth_r4), recoded on its way there
// CORRECTION                       1: psum_o lacks what depends on the weight alone, see weight_correction
// ARRAY, CLASS_ZEROS, CLASS_SHARE, SEED   order in which rows are added, see pe_datapath
// clk_i, srst_ni                   clock; synchronous reset, active low
// weight_i, weight_o               weights on their way down the column
// weight_load_i, weight_load_o     weight_i of this clock is the weight of the next tile
// activation_i, activation_o       activation; taken with valid_i only, so that empty slots switch nothing
// valid_i, valid_o                 the activation counts
// swap_i, swap_o                   the next tile's weight comes into use, first with activation_i of this clock
// psum_i, psum_o                   partial sums, wrap around
// psum_valid_o                     psum_o belongs to an activation that counts
`default_nettype none

module pe_ws #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 24,
    parameter MULTIPLIER       = "csa_array",
    parameter PIPELINE         = 0,
    parameter CARRY_SAVE       = 0,
    parameter RECODED          = 0,
    parameter CORRECTION       = 0,
    parameter ARRAY            = 0,
    parameter CLASS_ZEROS      = 0,
    parameter CLASS_SHARE      = 0,
    parameter SEED             = 0
) (
    input  wire                                       clk_i,
    input  wire                                       srst_ni,
    // weights, downwards; their load enable, to the right
    input  wire signed [WEIGHT_WIDTH-1:0]             weight_i,
    output wire signed [WEIGHT_WIDTH-1:0]             weight_o,
    input  wire                                       weight_load_i,
    output wire                                       weight_load_o,
    // activations, to the right
    input  wire signed [ACTIVATION_WIDTH-1:0]         activation_i,
    output wire signed [ACTIVATION_WIDTH-1:0]         activation_o,
    input  wire                                       valid_i,
    output wire                                       valid_o,
    input  wire                                       swap_i,
    output wire                                       swap_o,
    // partial sums, downwards
    input  wire signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_i,
    output wire signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_o,
    output wire                                       psum_valid_o
);

    localparam integer LATENCY = PIPELINE % 2 + PIPELINE / 2;  // registers in the multiplier
    localparam integer HELD_WIDTH = (RECODED != 0) ? 3 * ((WEIGHT_WIDTH + 1) / 2) : WEIGHT_WIDTH;

    reg  signed [WEIGHT_WIDTH-1:0]             transport_q;  // weight that passes by
    reg  signed [WEIGHT_WIDTH-1:0]             next_q;       // weight of the next tile
    reg  [HELD_WIDTH-1:0]                      weight_q;     // weight in use
    wire [HELD_WIDTH-1:0]                      weight_d;
    reg  signed [ACTIVATION_WIDTH-1:0]         activation_q;
    reg  signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_q;
    wire signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_d;
    reg                                        load_q;
    reg                                        valid_q;
    reg                                        swap_q;
    reg  [LATENCY:0]                           psum_valid_q;
    wire [LATENCY+1:0]                         valid_path;

    // Bit n: the activation that was valid n clocks ago, counted from the activation register.
    assign valid_path = {psum_valid_q, valid_q};

    always @(posedge clk_i) begin
        if (!srst_ni) begin
            load_q       <= 1'b0;
            valid_q      <= 1'b0;
            swap_q       <= 1'b0;
            psum_valid_q <= {(LATENCY + 1) {1'b0}};
            weight_q     <= {HELD_WIDTH{1'b0}};
        end else begin
            load_q       <= weight_load_i;
            valid_q      <= valid_i;
            swap_q       <= swap_i;
            psum_valid_q <= valid_path[LATENCY:0];
            if (swap_i) weight_q <= weight_d;
        end
    end

    always @(posedge clk_i) begin
        transport_q <= weight_i;
        psum_q      <= psum_d;
        if (weight_load_i) next_q <= weight_i;
        if (valid_i) activation_q <= activation_i;
    end

    generate
        if (RECODED != 0) begin : g_recode
            booth_recode #(
                .WIDTH(WEIGHT_WIDTH)
            ) u_recode (
                .weight_i(next_q),
                .digits_o(weight_d)
            );
        end else begin : g_plain
            assign weight_d = next_q;
        end
    endgenerate

    pe_datapath #(
        .WEIGHT_WIDTH    (WEIGHT_WIDTH),
        .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
        .ACC_WIDTH       (ACC_WIDTH),
        .MULTIPLIER      (MULTIPLIER),
        .PIPELINE        (PIPELINE),
        .CARRY_SAVE      (CARRY_SAVE),
        .RECODED         (RECODED),
        .CORRECTION      (CORRECTION),
        .ARRAY           (ARRAY),
        .CLASS_ZEROS     (CLASS_ZEROS),
        .CLASS_SHARE     (CLASS_SHARE),
        .SEED            (SEED)
    ) u_datapath (
        .clk_i       (clk_i),
        .weight_i    (weight_q),
        .activation_i(activation_q),
        .psum_i      (psum_i),
        .psum_o      (psum_d)
    );

    assign weight_o      = transport_q;
    assign weight_load_o = load_q;
    assign activation_o  = activation_q;
    assign valid_o       = valid_q;
    assign swap_o        = swap_q;
    assign psum_o        = psum_q;
    assign psum_valid_o  = valid_path[LATENCY+1];

endmodule

`default_nettype wire
