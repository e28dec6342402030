// SPDX-License-Identifier: Apache-2.0
// weight_loader: takes the weights of the next tile, row by row, and says when all of them are on their way.
//
// Row r enters the mesh at the top a clock after its beat and its load enable at the left of row r; the register, and
// the delay of r clocks that the enable needs on its way there, are the skew's. The elements of a row take the weight
// before the swap of a start reaches them, which takes the same way from the clock after start_i on. The weights of the
// tile after it may follow from that clock on.
//
// Latency: full_o in the clock of the last beat; ready_o is a register, but for the reset.
//
// ROWS               beats a tile, 1 or more
// clk_i, srst_ni     clock; synchronous reset, active low
// valid_i, ready_o   handshake of the weight stream
// start_i            the tile whose weights are loaded starts with the next clock; only with full_o
// full_o             they are all loaded, or will be with this clock's beat
// load_o             a bit a row: this clock's beat is its weights
`default_nettype none

module weight_loader #(
    parameter ROWS = 4
) (
    input  wire            clk_i,
    input  wire            srst_ni,
    input  wire            valid_i,
    output wire            ready_o,
    input  wire            start_i,
    output wire            full_o,
    output wire [ROWS-1:0] load_o
);

    localparam [ROWS:0] FIRST_ROW = {{ROWS{1'b0}}, 1'b1};

    reg  [ROWS-1:0] row_q;  // one-hot: the row of the next beat
    reg             full_q;
    wire            take;

    assign ready_o = !full_q && srst_ni;
    assign take    = valid_i && !full_q;
    assign full_o  = full_q || (valid_i && row_q[ROWS-1]);
    assign load_o  = take ? row_q : {ROWS{1'b0}};

    always @(posedge clk_i) begin
        if (!srst_ni) begin
            row_q  <= FIRST_ROW[ROWS-1:0];
            full_q <= 1'b0;
        end else begin
            if (take) row_q <= (row_q << 1) | (row_q >> (ROWS - 1));
            full_q <= full_o && !start_i;
        end
    end

endmodule

`default_nettype wire
