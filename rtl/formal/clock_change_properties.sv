// SPDX-License-Identifier: Apache-2.0
// clock_change_properties: with a clock generator that keeps the four-phase handshake, a tile is granted only the clock
// of its class, the class stands still from a request to the next one, and requests come from an idle array only.
//
// The generator here raises its acknowledge any time after the request and drops it any time after the request's end,
// and its clock has the class that it was asked for from the acknowledge on. A reset sends it back to class 0 at once.
`default_nettype none

module clock_change_properties #(
    parameter CLASS_WIDTH = 2
) (
    input wire                   clk_i,
    input wire                   reset_i,
    input wire                   tile_valid_i,
    input wire [CLASS_WIDTH-1:0] tile_class_i,
    input wire                   idle_i,
    input wire                   done_i,         // the tile that runs ends
    input wire                   acknowledge_i,  // the generator goes on with the handshake in this clock
    input wire [CLASS_WIDTH-1:0] other_class_i   // of the clock while it changes
);

    reg                    begun_q = 1'b0;  // the first clock is one of reset
    wire                   rst_n = begun_q && !reset_i;
    reg                    tile_q = 1'b0;
    reg  [CLASS_WIDTH-1:0] class_q = 0;
    reg                    acknowledge_q = 1'b0;
    reg  [CLASS_WIDTH-1:0] clock_q = 0;
    wire                   granted;
    wire                   request;
    wire [CLASS_WIDTH-1:0] asked;
    // The clock before.
    reg                    past_q = 1'b0;  // it was not one of reset
    reg                    past_request_q;
    reg                    past_acknowledge_q;
    reg                    past_idle_q;
    reg  [CLASS_WIDTH-1:0] past_asked_q;

    clock_change #(
        .CLASS_WIDTH(CLASS_WIDTH)
    ) u_change (
        .clk_i              (clk_i),
        .srst_ni            (rst_n),
        .tile_valid_i       (tile_q),
        .tile_class_i       (class_q),
        .idle_i             (idle_i),
        .granted_o          (granted),
        .clock_request_o    (request),
        .clock_class_o      (asked),
        .clock_acknowledge_i(acknowledge_q)
    );

    always @(posedge clk_i) begin
        begun_q            <= 1'b1;
        past_q             <= rst_n;
        past_request_q     <= request;
        past_acknowledge_q <= acknowledge_q;
        past_idle_q        <= idle_i;
        past_asked_q       <= asked;
        if (!rst_n) begin
            tile_q        <= 1'b0;
            clock_q       <= 0;
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
        if (rst_n && past_q) begin
            // Only in the clock of its class, and never while it changes.
            if (granted) assert (clock_q == class_q && !request && !acknowledge_q);
            if (past_request_q && !past_acknowledge_q) assert (request);
            if (request && !past_request_q) assert (past_idle_q && !past_acknowledge_q);
            if (request == past_request_q || !request) assert (asked == past_asked_q);
        end
        // What induction needs besides: the handshake's phases.
        if (begun_q) begin
            if (!request || acknowledge_q) assert (clock_q == asked || !rst_n);
            if (request) assert (tile_q && class_q == asked);
        end
    end

endmodule

`default_nettype wire
