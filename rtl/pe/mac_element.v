// SPDX-License-Identifier: Apache-2.0
// mac_element: a MAC between the registers that hold its operands and its sum: what sets the clock, the area and the
// energy of a processing element, without what passes weights and valid bits on. psum_o = psum_i + weight * activation.
//
// Latency: operands of clock t are multiplied in clock t + 1, psum_i of that clock (later by a clock for each register
// of PIPELINE) is added, and psum_o shows the sum one clock after that. Nothing is reset.
//
// parameters               see pe_datapath
// RECODED                  1: the weight is held as Booth digits, recoded in front of its register
// clk_i                    clock
// weight_i, activation_i   signed operands, registered
// psum_i, psum_o           partial sums, {carry, sum} with CARRY_SAVE; psum_o is registered
`default_nettype none

module mac_element #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 24,
    parameter MULTIPLIER       = "booth_r4",
    parameter PIPELINE         = 1,
    parameter CARRY_SAVE       = 1,
    parameter RECODED          = 1,
    parameter CORRECTION       = 1,
    parameter ARRAY            = 0,
    parameter CLASS_ZEROS      = 4,
    parameter CLASS_SHARE      = 20,
    parameter SEED             = 0
) (
    input  wire                                       clk_i,
    input  wire signed [WEIGHT_WIDTH-1:0]             weight_i,
    input  wire signed [ACTIVATION_WIDTH-1:0]         activation_i,
    input  wire signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_i,
    output wire signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_o
);

    localparam integer HELD_WIDTH = (RECODED != 0) ? 3 * ((WEIGHT_WIDTH + 1) / 2) : WEIGHT_WIDTH;

    wire [HELD_WIDTH-1:0]                      weight_d;
    reg  [HELD_WIDTH-1:0]                      weight_q;
    reg  signed [ACTIVATION_WIDTH-1:0]         activation_q;
    reg  signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_q;
    wire signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_d;

    generate
        if (RECODED != 0) begin : g_recode
            booth_recode #(
                .WIDTH(WEIGHT_WIDTH)
            ) u_recode (
                .weight_i(weight_i),
                .digits_o(weight_d)
            );
        end else begin : g_held
            assign weight_d = weight_i;
        end
    endgenerate

    always @(posedge clk_i) begin
        weight_q     <= weight_d;
        activation_q <= activation_i;
        psum_q       <= psum_d;
    end

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

    assign psum_o = psum_q;

endmodule

`default_nettype wire
