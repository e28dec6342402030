// ws_mesh: ROWS x COLUMNS weight-stationary processing elements, wired to their nearest neighbours only.
//
// Activations enter each row at the left, weights each column at the top, sums leave each column at the bottom.
// Latency: a slot that enters row r in clock s + r adds up to the sum that column c shows in clock
// s + ROWS + 1 + c (+ 1 with PIPELINE), and valid_o marks in the clock of the last column.
//
// ROWS, COLUMNS      1 or more each
// other parameters   of pe_ws
// clk_i, rst_ni      clock; synchronous reset, active low
// valid_i, swap_i, weight_load_i   of each row, row 0 lowest
// activation_i       one a row
// weight_i           one a column, column 0 lowest
// psum_o             one a column
// valid_o            the last column's sum belongs to a valid slot
`default_nettype none

module ws_mesh #(
    parameter ROWS             = 4,
    parameter COLUMNS          = 4,
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 24,
    parameter MULTIPLIER       = "csa_array",
    parameter PIPELINE         = 0,
    parameter CARRY_SAVE       = 0
) (
    input  wire                                        clk_i,
    input  wire                                        rst_ni,
    input  wire [ROWS-1:0]                             valid_i,
    input  wire [ROWS-1:0]                             swap_i,
    input  wire [ROWS-1:0]                             weight_load_i,
    input  wire [ROWS*ACTIVATION_WIDTH-1:0]            activation_i,
    input  wire [COLUMNS*WEIGHT_WIDTH-1:0]             weight_i,
    output wire [COLUMNS*(1+CARRY_SAVE)*ACC_WIDTH-1:0] psum_o,
    output wire                                        valid_o
);

    localparam integer PSUM_WIDTH = (1 + CARRY_SAVE) * ACC_WIDTH;

    // Horizontal wires of a row: the one at column c enters element c. Vertical ones: at row r, above element r.
    /* verilator lint_off UNUSEDSIGNAL */  // what leaves at the right and weights at the bottom end here
    wire [ROWS*(COLUMNS+1)-1:0]                  valid;
    wire [ROWS*(COLUMNS+1)-1:0]                  swap;
    wire [ROWS*(COLUMNS+1)-1:0]                  weight_load;
    wire [ROWS*(COLUMNS+1)*ACTIVATION_WIDTH-1:0] activation;
    wire [(ROWS+1)*COLUMNS*WEIGHT_WIDTH-1:0]     weight;
    wire [ROWS*COLUMNS-1:0]                      psum_valid;  // only the last element's is needed
    /* verilator lint_on UNUSEDSIGNAL */
    wire [(ROWS+1)*COLUMNS*PSUM_WIDTH-1:0]       psum;

    assign weight[0+:COLUMNS*WEIGHT_WIDTH] = weight_i;
    assign psum[0+:COLUMNS*PSUM_WIDTH]     = {(COLUMNS * PSUM_WIDTH) {1'b0}};
    assign psum_o                          = psum[ROWS*COLUMNS*PSUM_WIDTH+:COLUMNS*PSUM_WIDTH];
    assign valid_o                         = psum_valid[ROWS*COLUMNS-1];

    genvar r;
    genvar c;

    generate
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            localparam integer LEFT = r * (COLUMNS + 1);
            assign valid[LEFT]       = valid_i[r];
            assign swap[LEFT]        = swap_i[r];
            assign weight_load[LEFT] = weight_load_i[r];
            assign activation[LEFT*ACTIVATION_WIDTH+:ACTIVATION_WIDTH] =
                activation_i[r*ACTIVATION_WIDTH+:ACTIVATION_WIDTH];
            for (c = 0; c < COLUMNS; c = c + 1) begin : g_column
                localparam integer ABOVE = r * COLUMNS + c;
                localparam integer BELOW = ABOVE + COLUMNS;
                pe_ws #(
                    .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                    .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                    .ACC_WIDTH       (ACC_WIDTH),
                    .MULTIPLIER      (MULTIPLIER),
                    .PIPELINE        (PIPELINE),
                    .CARRY_SAVE      (CARRY_SAVE)
                ) u_pe (
                    .clk_i        (clk_i),
                    .rst_ni       (rst_ni),
                    .weight_i     (weight[ABOVE*WEIGHT_WIDTH+:WEIGHT_WIDTH]),
                    .weight_o     (weight[BELOW*WEIGHT_WIDTH+:WEIGHT_WIDTH]),
                    .weight_load_i(weight_load[LEFT+c]),
                    .weight_load_o(weight_load[LEFT+c+1]),
                    .activation_i (activation[(LEFT+c)*ACTIVATION_WIDTH+:ACTIVATION_WIDTH]),
                    .activation_o (activation[(LEFT+c+1)*ACTIVATION_WIDTH+:ACTIVATION_WIDTH]),
                    .valid_i      (valid[LEFT+c]),
                    .valid_o      (valid[LEFT+c+1]),
                    .swap_i       (swap[LEFT+c]),
                    .swap_o       (swap[LEFT+c+1]),
                    .psum_i       (psum[ABOVE*PSUM_WIDTH+:PSUM_WIDTH]),
                    .psum_o       (psum[BELOW*PSUM_WIDTH+:PSUM_WIDTH]),
                    .psum_valid_o (psum_valid[ABOVE])
                );
            end
        end
    endgenerate

endmodule

`default_nettype wire
