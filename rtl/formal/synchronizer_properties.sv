// SPDX-License-Identifier: Apache-2.0
// synchronizer_properties: behind a synchronizer, with a clock generator that keeps the four-phase handshake, a tile is
// still granted only the clock of its class: what clock_change_properties proves of an acknowledge without delay.
`default_nettype none

module synchronizer_properties (
    input wire clk_i,
    input wire reset_i,
    input wire tile_valid_i,
    input wire tile_class_i,
    input wire idle_i,
    input wire done_i,         // the tile that runs ends
    input wire acknowledge_i,  // the generator goes on with the handshake in this clock
    input wire other_class_i   // of the clock while it changes
);

    reg        begun_q = 1'b0;
    reg  [1:0] reset_q = 0;  // clocks of a reset so far; each lasts 3 or more
    wire       rst_n = reset_q == 3 && !reset_i;
    reg        tile_q = 1'b0;
    reg        class_q = 1'b0;
    reg        acknowledge_q = 1'b0;
    reg        clock_q = 1'b0;
    reg  [1:0] past_q;  // acknowledges of the two clocks before
    wire       seen;
    wire       granted;
    wire       request;
    wire       asked;

    synchronizer u_synchronizer (
        .clk_i (clk_i),
        .data_i(acknowledge_q),
        .data_o(seen)
    );

    clock_change #(
        .CLASS_WIDTH(1)
    ) u_change (
        .clk_i              (clk_i),
        .srst_ni            (rst_n),
        .tile_valid_i       (tile_q),
        .tile_class_i       (class_q),
        .idle_i             (idle_i),
        .granted_o          (granted),
        .clock_request_o    (request),
        .clock_class_o      (asked),
        .clock_acknowledge_i(seen)
    );

    always @(posedge clk_i) begin
        begun_q <= 1'b1;
        reset_q <= rst_n ? 3 : (reset_i && reset_q == 3) ? 1 : (reset_q == 3) ? 3 : reset_q + 1;
        past_q  <= {past_q[0], acknowledge_q};
        if (!rst_n) begin
            tile_q        <= 1'b0;
            clock_q       <= 1'b0;
            // A handshake cut short: the acknowledge may stay up for a while after the reset.
            acknowledge_q <= begun_q && acknowledge_q && !acknowledge_i;
        end else begin
            if (!tile_q || (granted && done_i)) begin
                tile_q  <= tile_valid_i;
                class_q <= tile_class_i;
            end
            if (request && !acknowledge_q) begin
                acknowledge_q <= acknowledge_i;
                clock_q       <= acknowledge_i ? asked : other_class_i;
            end else if (!request && acknowledge_q) begin
                acknowledge_q <= !acknowledge_i;
            end
        end
    end

    always @* begin
        if (rst_n) begin
            assert (seen == past_q[1]);
            if (granted) assert (clock_q == class_q && !request && !acknowledge_q);
            // What induction needs besides: the handshake's phases.
            if (request) assert (tile_q && class_q == asked);
            if (request && !acknowledge_q) assert (past_q == 2'b00);
            if (request && acknowledge_q) assert (past_q != 2'b10);
            if (!request && acknowledge_q) assert (past_q == 2'b11);
            if (!request && !acknowledge_q) assert (past_q != 2'b01);
            if (!request || acknowledge_q) assert (clock_q == asked);
        end
    end

endmodule

`default_nettype wire
