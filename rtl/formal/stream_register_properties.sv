// SPDX-License-Identifier: Apache-2.0
// stream_register_properties: every beat is held once, in order, unchanged, until it is used; one may follow another in
// every clock; ready does not depend on valid.
`default_nettype none

module stream_register_properties #(
    parameter WIDTH = 2
) (
    input wire             clk_i,
    input wire             reset_i,
    input wire [WIDTH-1:0] tdata_i,
    input wire             tvalid_i,
    input wire             other_valid_i,
    input wire             use_i
);

    reg              begun_q = 1'b0;  // the first clock is one of reset
    wire             rst_n = begun_q && !reset_i;
    reg              held_q = 1'b0;
    reg  [WIDTH-1:0] beat_q;
    wire             ready;
    wire             full;
    wire [WIDTH-1:0] data;
    wire             take = tvalid_i && ready;
    wire             used = use_i && held_q;

    (* hierconn *) wire             \u_register.full_q ;
    (* hierconn *) wire             \u_other.full_q ;
    (* hierconn *) wire [WIDTH-1:0] \u_register.data_q ;
    wire other_ready;

    stream_register #(
        .WIDTH(WIDTH)
    ) u_register (
        .clk_i   (clk_i),
        .srst_ni (rst_n),
        .tdata_i (tdata_i),
        .tvalid_i(tvalid_i),
        .tready_o(ready),
        .full_o  (full),
        .data_o  (data),
        .use_i   (used)
    );

    // The same registers beside another valid.
    stream_register #(
        .WIDTH(WIDTH)
    ) u_other (
        .clk_i   (clk_i),
        .srst_ni (rst_n),
        .tdata_i (tdata_i),
        .tvalid_i(other_valid_i),
        .tready_o(other_ready),
        .full_o  (),
        .data_o  (),
        .use_i   (used)
    );

    always @(posedge clk_i) begin
        begun_q <= 1'b1;
        held_q  <= rst_n && (take || (held_q && !used));
        if (take) beat_q <= tdata_i;
    end

    always @* begin
        if (!rst_n) assert (!ready);
        if (begun_q) assert (full == held_q);
        if (rst_n) begin
            if (held_q) assert (data == beat_q);
            if (used || !held_q) assert (ready);
            if (\u_register.full_q == \u_other.full_q ) assert (ready == other_ready);
        end
    end

endmodule

`default_nettype wire
