// SPDX-License-Identifier: Apache-2.0
// weight_loader_properties: each beat loads the next row, row 0 first; full says that the last one has, with this clock
// or before; a tile's weights are never loaded over those that wait, and the next one's may follow in the clock after a
// start. Nothing is ready during reset.
`default_nettype none

module weight_loader_properties #(
    parameter ROWS = 3
) (
    input wire clk_i,
    input wire reset_i,
    input wire valid_i,
    input wire start_i
);

    reg             begun_q = 1'b0;  // the first clock is one of reset
    wire            rst_n = begun_q && !reset_i;
    wire            ready;
    wire            full;
    wire [ROWS-1:0] load;
    reg  [31:0]     loaded_q = 0;  // rows of the tile that waits or is being loaded
    (* hierconn *)
    wire [ROWS-1:0] \u_loader.row_q ;  // the loader's own register, which induction needs
    wire            start = start_i && full && rst_n;
    wire            take = valid_i && ready && rst_n;

    weight_loader #(
        .ROWS(ROWS)
    ) u_loader (
        .clk_i  (clk_i),
        .srst_ni(rst_n),
        .valid_i(valid_i),
        .ready_o(ready),
        .start_i(start),
        .full_o (full),
        .load_o (load)
    );

    always @(posedge clk_i) begin
        begun_q <= 1'b1;
        if (!rst_n) loaded_q <= 0;
        else loaded_q <= loaded_q - (start ? ROWS : 0) + (take ? 1 : 0);
    end

    always @* begin
        if (rst_n) begin
            assert (loaded_q <= ROWS);
            assert (full == (loaded_q + (take ? 1 : 0) == ROWS));
            if (take) assert (load == (1 << loaded_q));
            else assert (load == 0);
            assert (ready == (loaded_q < ROWS));
            assert (\u_loader.row_q == (1 << (loaded_q == ROWS ? 0 : loaded_q)));
        end else begin
            assert (!ready);
        end
    end

endmodule

`default_nettype wire
