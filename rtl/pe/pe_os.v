// SPDX-License-Identifier: Apache-2.0
// pe_os: output-stationary processing element: accumulates weight * activation, signed, one product a valid slot, and
// hands the sum of a finished tile up the column.
//
// Latency: operands sampled in clock t are multiplied in clock t + 1; drain_o shows the tile's sum in clock t + 2,
// later by a clock for each register of PIPELINE, if the slot was the tile's last. Operands and their flags reach the
// neighbours in clock t + 1, results of the element below pass in one clock. A slot without valid_i changes no operand
// register, so a bubble switches nothing in the multiplier. An element whose own result is ready takes it and would
// drop one from below: last slots of two tiles of an array must be 2 * rows - 1 clocks apart (see os_control).
// The reset clears the valid bits and the weight, so that the first slot finds a product of zero; the sum needs no
// reset, first_i restarts it. Outputs are unknown before the first clock edge in reset.
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   2 to 16 bits each
// ACC_WIDTH                        WEIGHT_WIDTH + ACTIVATION_WIDTH to 64 bits; sums wrap around
// MULTIPLIER                       family, see pe_datapath
// PIPELINE                         registers in the multiplier, see pe_datapath: one with 1 and 2, two with 3
// CARRY_SAVE                       1: the sum is kept as two vectors, {carry, sum}, whose sum it is
// ARRAY, CLASS_ZEROS, CLASS_SHARE, SEED   order in which rows are added, see pe_datapath
// clk_i, srst_ni                   clock; synchronous reset, active low
// valid_i, valid_o                 a slot of a tile, to the right; first and last of its tile:
// first_i, first_o                   the accumulation restarts
// last_i, last_o                     the sum is handed on with this product
// activation_i, activation_o       to the right
// weight_i, weight_o               downwards, belongs to the same slot
// drain_i, drain_valid_i           results of the element below
// drain_o, drain_valid_o           results to the element above
`default_nettype none

module pe_os #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 32,
    parameter MULTIPLIER       = "csa_array",
    parameter PIPELINE         = 0,
    parameter CARRY_SAVE       = 0,
    parameter ARRAY            = 0,
    parameter CLASS_ZEROS      = 0,
    parameter CLASS_SHARE      = 0,
    parameter SEED             = 0
) (
    input  wire                                      clk_i,
    input  wire                                      srst_ni,
    // operands
    input  wire                                      valid_i,
    input  wire                                      first_i,
    input  wire                                      last_i,
    input  wire signed [       ACTIVATION_WIDTH-1:0] activation_i,
    input  wire signed [           WEIGHT_WIDTH-1:0] weight_i,
    output wire                                      valid_o,
    output wire                                      first_o,
    output wire                                      last_o,
    output wire signed [       ACTIVATION_WIDTH-1:0] activation_o,
    output wire signed [           WEIGHT_WIDTH-1:0] weight_o,
    // results
    input  wire                                      drain_valid_i,
    input  wire        [(CARRY_SAVE+1)*ACC_WIDTH-1:0] drain_i,
    output wire                                      drain_valid_o,
    output wire        [(CARRY_SAVE+1)*ACC_WIDTH-1:0] drain_o
);

    localparam integer LATENCY = PIPELINE % 2 + PIPELINE / 2;  // registers in the multiplier
    localparam integer SUM_WIDTH = (CARRY_SAVE + 1) * ACC_WIDTH;

    reg                               valid_q;
    reg                               first_q;
    reg                               last_q;
    reg signed [ACTIVATION_WIDTH-1:0] activation_q;
    reg signed [    WEIGHT_WIDTH-1:0] weight_q;
    reg        [       SUM_WIDTH-1:0] sum_q;
    reg                               drain_valid_q;
    reg        [       SUM_WIDTH-1:0] drain_q;

    // The slot whose product is being added.
    wire                 adding;
    wire                 adding_first;
    wire                 adding_last;
    wire [SUM_WIDTH-1:0] addend;
    wire [SUM_WIDTH-1:0] sum_d;

    assign valid_o       = valid_q;
    assign first_o       = first_q;
    assign last_o        = last_q;
    assign activation_o  = activation_q;
    assign weight_o      = weight_q;
    assign drain_valid_o = drain_valid_q;
    assign drain_o       = drain_q;

    assign addend = adding_first ? {SUM_WIDTH{1'b0}} : sum_q;

    always @(posedge clk_i) begin
        if (!srst_ni) begin
            valid_q       <= 1'b0;
            drain_valid_q <= 1'b0;
        end else begin
            valid_q       <= valid_i;
            drain_valid_q <= drain_valid_i || (adding && adding_last);
        end
    end

    always @(posedge clk_i) begin
        if (valid_i) begin
            first_q      <= first_i;
            last_q       <= last_i;
            activation_q <= activation_i;
        end
        if (!srst_ni) weight_q <= {WEIGHT_WIDTH{1'b0}};
        else if (valid_i) weight_q <= weight_i;
        if (adding) sum_q <= sum_d;
        if (adding && adding_last) drain_q <= sum_d;
        else if (drain_valid_i) drain_q <= drain_i;
    end

    pe_datapath #(
        .WEIGHT_WIDTH    (WEIGHT_WIDTH),
        .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
        .ACC_WIDTH       (ACC_WIDTH),
        .MULTIPLIER      (MULTIPLIER),
        .PIPELINE        (PIPELINE),
        .CARRY_SAVE      (CARRY_SAVE),
        .ARRAY           (ARRAY),
        .CLASS_ZEROS     (CLASS_ZEROS),
        .CLASS_SHARE     (CLASS_SHARE),
        .SEED            (SEED)
    ) u_datapath (
        .clk_i       (clk_i),
        .weight_i    (weight_q),
        .activation_i(activation_q),
        .psum_i      (addend),
        .psum_o      (sum_d)
    );

    generate
        if (LATENCY > 0) begin : g_pipeline
            // What goes with a product through the registers of the multiplier, the youngest lowest.
            reg  [LATENCY-1:0] valids_q;
            reg  [LATENCY-1:0] firsts_q;
            reg  [LATENCY-1:0] lasts_q;
            wire [LATENCY:0]   valids;
            wire [LATENCY:0]   firsts;
            wire [LATENCY:0]   lasts;
            assign valids = {valids_q, valid_q};
            assign firsts = {firsts_q, first_q};
            assign lasts  = {lasts_q, last_q};
            always @(posedge clk_i) begin
                if (!srst_ni) valids_q <= {LATENCY{1'b0}};
                else valids_q <= valids[LATENCY-1:0];
                firsts_q <= firsts[LATENCY-1:0];
                lasts_q  <= lasts[LATENCY-1:0];
            end
            assign adding       = valids[LATENCY];
            assign adding_first = firsts[LATENCY];
            assign adding_last  = lasts[LATENCY];
        end else begin : g_direct
            assign adding       = valid_q;
            assign adding_first = first_q;
            assign adding_last  = last_q;
        end
    endgenerate

endmodule

`default_nettype wire
