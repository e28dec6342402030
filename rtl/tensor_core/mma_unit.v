// SPDX-License-Identifier: Apache-2.0
// mma_unit: matrix multiply and accumulate D = A * B + C, signed, with one dp4a for each of the M x N sums.
//
// A beat carries a whole matrix, row by row, element (0, 0) lowest. A calculation starts when A, B and C are offered
// together and takes K / 4 steps of four products a sum; D is kept in a register of its own until it is taken, while
// the next calculation runs. Ready of each operand waits for valid of the other two, so a source must not wait for
// ready. No stream may move during reset, which forgets what is under way.
//
// Latency K / 4 + 1 clocks from the operands to D, initiation interval K / 4 clocks: without stalls calculation n
// (n = 0 for the first, taken in clock 0) is taken in clock n * K / 4, and its D leaves in clock (n + 1) * K / 4 + 1.
// Never deadlocks: a step waits for nothing but, if it is the last, for the reader of the D before.
//
// M, N, K                        rows of A, columns of B, length of the dot products; K a multiple of 4
// WIDTH, ACC_WIDTH, MULTIPLIER   of dp4a; B holds the weights
// clk_i, rst_ni                  clock; synchronous reset, active low
// s_axis_a_*, s_axis_b_*, s_axis_c_*   M x K and K x N operands, M x N accumulators
// m_axis_d_*                     M x N results
`default_nettype none

module mma_unit #(
    parameter M          = 4,
    parameter N          = 4,
    parameter K          = 8,
    parameter WIDTH      = 8,
    parameter ACC_WIDTH  = 32,
    parameter MULTIPLIER = "csa_array"
) (
    input  wire                     clk_i,
    input  wire                     rst_ni,
    // operands
    input  wire [    M*K*WIDTH-1:0] s_axis_a_tdata,
    input  wire                     s_axis_a_tvalid,
    output wire                     s_axis_a_tready,
    input  wire [    K*N*WIDTH-1:0] s_axis_b_tdata,
    input  wire                     s_axis_b_tvalid,
    output wire                     s_axis_b_tready,
    input  wire [M*N*ACC_WIDTH-1:0] s_axis_c_tdata,
    input  wire                     s_axis_c_tvalid,
    output wire                     s_axis_c_tready,
    // results
    output wire [M*N*ACC_WIDTH-1:0] m_axis_d_tdata,
    output wire                     m_axis_d_tvalid,
    input  wire                     m_axis_d_tready
);

    localparam integer STEPS = K / 4;
    localparam integer STEP_BITS = $clog2(STEPS + 1);
    localparam [31:0] STEPS_32 = STEPS;
    localparam [31:0] ONE_32 = 1;
    localparam [STEP_BITS-1:0] ALL = STEPS_32[STEP_BITS-1:0];
    localparam [STEP_BITS-1:0] ONE = ONE_32[STEP_BITS-1:0];
    // Operands of one step: four of each row of A, four of each column of B.
    localparam integer A_STEP = M * 4 * WIDTH;
    localparam integer B_STEP = N * 4 * WIDTH;

    reg  [      STEP_BITS-1:0] steps_q;  // to come, 0: no calculation runs
    reg  [      M*K*WIDTH-1:0] a_q;  // the operands of the next step lowest, then those of the one after it
    reg  [      K*N*WIDTH-1:0] b_q;
    reg  [  M*N*ACC_WIDTH-1:0] sums_q;
    reg                        d_valid_q;
    reg  [  M*N*ACC_WIDTH-1:0] d_q;

    wire [      M*K*WIDTH-1:0] a_by_step;
    wire [      K*N*WIDTH-1:0] b_by_step;
    wire [  M*N*ACC_WIDTH-1:0] sums_d;
    wire                       running;
    wire                       last;
    wire                       room;
    wire                       step;
    wire                       finish;
    wire                       free;
    wire                       accept;

    assign running = steps_q != {STEP_BITS{1'b0}};
    assign last    = steps_q == ONE;
    assign room    = !d_valid_q || m_axis_d_tready;
    assign step    = running && (!last || room);
    assign finish  = last && room;
    assign free    = !running || finish;
    assign accept  = free && s_axis_a_tvalid && s_axis_b_tvalid && s_axis_c_tvalid;

    assign s_axis_a_tready = free && s_axis_b_tvalid && s_axis_c_tvalid;
    assign s_axis_b_tready = free && s_axis_a_tvalid && s_axis_c_tvalid;
    assign s_axis_c_tready = free && s_axis_a_tvalid && s_axis_b_tvalid;
    assign m_axis_d_tdata  = d_q;
    assign m_axis_d_tvalid = d_valid_q;

    always @(posedge clk_i) begin
        if (!rst_ni) begin
            steps_q   <= {STEP_BITS{1'b0}};
            d_valid_q <= 1'b0;
        end else begin
            if (accept) steps_q <= ALL;
            else if (step) steps_q <= steps_q - ONE;
            if (finish) d_valid_q <= 1'b1;
            else if (m_axis_d_tready) d_valid_q <= 1'b0;
        end
    end

    always @(posedge clk_i) begin
        if (accept) begin
            a_q    <= a_by_step;
            b_q    <= b_by_step;
            sums_q <= s_axis_c_tdata;
        end else if (step && !last) begin
            a_q    <= a_q >> A_STEP;
            b_q    <= b_q >> B_STEP;
            sums_q <= sums_d;
        end
        if (finish) d_q <= sums_d;
    end

    genvar m;
    genvar n;
    genvar k;

    generate
        // A module that does not exist stops every tool, and its name says why.
        if (M < 1) begin : g_bad_m
            parameter_M_must_be_1_or_more u_stop ();
        end
        if (N < 1) begin : g_bad_n
            parameter_N_must_be_1_or_more u_stop ();
        end
        if (K < 4 || K % 4 != 0) begin : g_bad_k
            parameter_K_must_be_a_multiple_of_4 u_stop ();
        end

        for (k = 0; k < K; k = k + 1) begin : g_step
            localparam integer STEP = k / 4;
            localparam integer LANE = k % 4;
            for (m = 0; m < M; m = m + 1) begin : g_row
                assign a_by_step[((STEP*M+m)*4+LANE)*WIDTH+:WIDTH] = s_axis_a_tdata[(m*K+k)*WIDTH+:WIDTH];
            end
            for (n = 0; n < N; n = n + 1) begin : g_column
                assign b_by_step[((STEP*N+n)*4+LANE)*WIDTH+:WIDTH] = s_axis_b_tdata[(k*N+n)*WIDTH+:WIDTH];
            end
        end

        for (m = 0; m < M; m = m + 1) begin : g_sum_row
            for (n = 0; n < N; n = n + 1) begin : g_sum_column
                dp4a #(
                    .WIDTH     (WIDTH),
                    .ACC_WIDTH (ACC_WIDTH),
                    .MULTIPLIER(MULTIPLIER)
                ) u_dp4a (
                    .a_i(a_q[m*4*WIDTH+:4*WIDTH]),
                    .b_i(b_q[n*4*WIDTH+:4*WIDTH]),
                    .c_i(sums_q[(m*N+n)*ACC_WIDTH+:ACC_WIDTH]),
                    .d_o(sums_d[(m*N+n)*ACC_WIDTH+:ACC_WIDTH])
                );
            end
        end
    endgenerate

endmodule

`default_nettype wire
