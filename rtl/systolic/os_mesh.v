// os_mesh: ROWS x COLUMNS output-stationary processing elements, wired to their nearest neighbours only.
//
// Slots and activations enter each row at the left, weights each column at the top, results leave each column at the
// top. Latency: a slot that enters row r in clock s + r, and its weights column c in clock s + c, is added in element
// (r, c) at the end of clock s + r + c + 1 (+ 1 with PIPELINE); if it was the last of its tile in row r, the sum shows
// at the top of column c in clock s + 2 r + c + 2 (+ 1 with PIPELINE).
//
// ROWS, COLUMNS           1 or more each
// other parameters        of pe_os
// clk_i, rst_ni           clock; synchronous reset, active low
// valid_i, first_i, last_i   of each row, row 0 lowest
// activation_i            one a row
// weight_i                one a column, column 0 lowest
// drain_valid_o, drain_o  one a column
`default_nettype none

module os_mesh #(
    parameter ROWS             = 4,
    parameter COLUMNS          = 4,
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 32,
    parameter MULTIPLIER       = "csa_array",
    parameter PIPELINE         = 0,
    parameter CARRY_SAVE       = 0
) (
    input  wire                                              clk_i,
    input  wire                                              rst_ni,
    input  wire [                                  ROWS-1:0] valid_i,
    input  wire [                                  ROWS-1:0] first_i,
    input  wire [                                  ROWS-1:0] last_i,
    input  wire [                 ROWS*ACTIVATION_WIDTH-1:0] activation_i,
    input  wire [                  COLUMNS*WEIGHT_WIDTH-1:0] weight_i,
    output wire [                               COLUMNS-1:0] drain_valid_o,
    output wire [COLUMNS*(CARRY_SAVE+1)*ACC_WIDTH-1:0]       drain_o
);

    localparam integer SUM_WIDTH = (CARRY_SAVE + 1) * ACC_WIDTH;

    // Horizontal wires of a row: the one at column c enters element c. Vertical ones: at row r, above element r.
    /* verilator lint_off UNUSEDSIGNAL */  // what leaves at the right and at the bottom ends here
    wire [                 ROWS*(COLUMNS+1)-1:0] valid;
    wire [                 ROWS*(COLUMNS+1)-1:0] first;
    wire [                 ROWS*(COLUMNS+1)-1:0] last;
    wire [ROWS*(COLUMNS+1)*ACTIVATION_WIDTH-1:0] activation;
    wire [    (ROWS+1)*COLUMNS*WEIGHT_WIDTH-1:0] weight;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [                 (ROWS+1)*COLUMNS-1:0] drain_valid;
    wire [       (ROWS+1)*COLUMNS*SUM_WIDTH-1:0] drain;

    assign weight[0+:COLUMNS*WEIGHT_WIDTH]            = weight_i;
    assign drain_valid[ROWS*COLUMNS+:COLUMNS]         = {COLUMNS{1'b0}};
    assign drain[ROWS*COLUMNS*SUM_WIDTH+:COLUMNS*SUM_WIDTH] = {(COLUMNS * SUM_WIDTH) {1'b0}};
    assign drain_valid_o                              = drain_valid[0+:COLUMNS];
    assign drain_o                                    = drain[0+:COLUMNS*SUM_WIDTH];

    genvar r;
    genvar c;

    generate
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            localparam integer LEFT = r * (COLUMNS + 1);
            assign valid[LEFT]                                          = valid_i[r];
            assign first[LEFT]                                          = first_i[r];
            assign last[LEFT]                                           = last_i[r];
            assign activation[LEFT*ACTIVATION_WIDTH+:ACTIVATION_WIDTH] = activation_i[r*ACTIVATION_WIDTH+:ACTIVATION_WIDTH];
            for (c = 0; c < COLUMNS; c = c + 1) begin : g_column
                localparam integer ABOVE = r * COLUMNS + c;
                localparam integer BELOW = ABOVE + COLUMNS;
                pe_os #(
                    .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                    .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                    .ACC_WIDTH       (ACC_WIDTH),
                    .MULTIPLIER      (MULTIPLIER),
                    .PIPELINE        (PIPELINE),
                    .CARRY_SAVE      (CARRY_SAVE)
                ) u_pe (
                    .clk_i        (clk_i),
                    .rst_ni       (rst_ni),
                    .valid_i      (valid[LEFT+c]),
                    .first_i      (first[LEFT+c]),
                    .last_i       (last[LEFT+c]),
                    .activation_i (activation[(LEFT+c)*ACTIVATION_WIDTH+:ACTIVATION_WIDTH]),
                    .weight_i     (weight[ABOVE*WEIGHT_WIDTH+:WEIGHT_WIDTH]),
                    .valid_o      (valid[LEFT+c+1]),
                    .first_o      (first[LEFT+c+1]),
                    .last_o       (last[LEFT+c+1]),
                    .activation_o (activation[(LEFT+c+1)*ACTIVATION_WIDTH+:ACTIVATION_WIDTH]),
                    .weight_o     (weight[BELOW*WEIGHT_WIDTH+:WEIGHT_WIDTH]),
                    .drain_valid_i(drain_valid[BELOW]),
                    .drain_i      (drain[BELOW*SUM_WIDTH+:SUM_WIDTH]),
                    .drain_valid_o(drain_valid[ABOVE]),
                    .drain_o      (drain[ABOVE*SUM_WIDTH+:SUM_WIDTH])
                );
            end
        end
    endgenerate

endmodule

`default_nettype wire
