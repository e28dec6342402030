// SPDX-License-Identifier: Apache-2.0
// skew_properties: every lane of skew shows what entered it as many clocks ago as its delay says.
//
// The delays are no longer than the history kept, so induction over its length proves it for all time.
`default_nettype none

module skew_properties #(
    parameter LANES   = 4,
    parameter WIDTH   = 2,
    parameter REVERSE = 0,
    parameter LEAST   = 0,
    parameter RESET   = 0
) (
    input wire                   clk_i,
    input wire                   srst_ni,
    input wire [LANES*WIDTH-1:0] data_i
);

    localparam integer HISTORY = LANES + LEAST;

    wire [LANES*WIDTH-1:0] data;
    reg  [LANES*WIDTH-1:0] before_q [0:HISTORY-1];  // before_q[n]: n + 1 clocks ago, 0 if a reset came since
    reg  [HISTORY-1:0]     known_q = 0;  // before_q[n] was written

    skew #(
        .LANES  (LANES),
        .WIDTH  (WIDTH),
        .REVERSE(REVERSE),
        .LEAST  (LEAST),
        .RESET  (RESET)
    ) u_skew (
        .clk_i  (clk_i),
        .srst_ni(srst_ni),
        .data_i (data_i),
        .data_o (data)
    );

    genvar i;

    generate
        for (i = 0; i < HISTORY; i = i + 1) begin : g_history
            always @(posedge clk_i) begin
                if (RESET != 0 && !srst_ni) before_q[i] <= 0;
                else before_q[i] <= (i == 0) ? data_i : before_q[(i == 0) ? 0 : i-1];
                known_q[i] <= (RESET != 0 && !srst_ni) || ((i == 0) ? 1'b1 : known_q[(i == 0) ? 0 : i-1]);
            end
        end
        for (i = 0; i < LANES; i = i + 1) begin : g_lane
            localparam integer DELAY = LEAST + ((REVERSE != 0) ? LANES - 1 - i : i);
            if (DELAY == 0) begin : g_wire
                always @* assert (data[i*WIDTH+:WIDTH] == data_i[i*WIDTH+:WIDTH]);
            end else begin : g_delayed
                wire [LANES*WIDTH-1:0] then = before_q[DELAY-1];
                always @* if (known_q[DELAY-1]) assert (data[i*WIDTH+:WIDTH] == then[i*WIDTH+:WIDTH]);
            end
        end
    endgenerate

endmodule

`default_nettype wire
