// SPDX-License-Identifier: Apache-2.0
// mma_unit: matrix multiply and accumulate D = A * B + C, signed, with one dp4a for each of the M x N sums.
//
// A beat carries a whole matrix, row by row, element (0, 0) lowest. A, B and C have registers of their own: each beat
// is taken when its register is free, whatever the others do, and no ready depends on a valid. A calculation takes K /
// 4 steps of four products a sum: operands of one step after the other go from the registers to those of the elements.
// D has a register of its own, in which it is kept until it is taken, while the next calculation runs.
// During reset no stream is ready. The reset forgets what is under way. Before its first clock edge, outputs are
// unknown, but the ready ones: these are low while srst_ni is.
//
// Latency K / 4 + 2 clocks from the operands to D, initiation interval K / 4 clocks: without stalls, clocks counted
// from the first handshake as 0, A and B of calculation n (0 for the first) are taken in clock n * K / 4, its C, for n
// > 0, in clock (n - 1) * K / 4 + 2, and its D leaves in clock (n + 1) * K / 4 + 2.
// Never deadlocks: a step waits for its operands, the first one for C, and the last one for the reader of the D before.
//
// M, N, K                        rows of A, columns of B, length of the dot products; K a multiple of 4
// WIDTH, ACC_WIDTH, MULTIPLIER   of dp4a; B holds the weights
// clk_i, srst_ni                 clock; synchronous reset, active low
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
    input  wire                     srst_ni,
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
    localparam integer STEP_BITS = (STEPS > 1) ? $clog2(STEPS) : 1;
    localparam [31:0] ALL_32 = STEPS - 1;
    localparam [31:0] ONE_32 = 1;
    localparam [STEP_BITS-1:0] ALL = ALL_32[STEP_BITS-1:0];
    localparam [STEP_BITS-1:0] ONE = ONE_32[STEP_BITS-1:0];
    localparam [STEP_BITS-1:0] NONE = {STEP_BITS{1'b0}};
    // Operands of one step: four of each row of A, four of each column of B.
    localparam integer A_STEP = M * 4 * WIDTH;
    localparam integer B_STEP = N * 4 * WIDTH;

    // What came in.
    reg                    a_full_q;
    reg                    b_full_q;
    reg                    c_full_q;
    reg  [  M*K*WIDTH-1:0] a_q;  // the operands of the next step lowest, then those of the one after it
    reg  [  K*N*WIDTH-1:0] b_q;
    reg  [M*N*ACC_WIDTH-1:0] c_q;
    reg  [  STEP_BITS-1:0] left_q;  // steps of this calculation behind the next one
    // The step whose operands the elements hold.
    reg                    step_q;
    reg                    first_q;
    reg                    last_q;
    reg                    d_valid_q;

    wire [  M*K*WIDTH-1:0] a_by_step;
    wire [  K*N*WIDTH-1:0] b_by_step;
    wire                   step;  // is done
    wire                   finish;
    wire                   load;  // of the operands of the next one
    wire                   last;
    wire                   ab_open;
    wire                   c_open;

    assign step    = step_q && (!first_q || c_full_q) && (!last_q || !d_valid_q || m_axis_d_tready);
    assign finish  = step && last_q;
    assign load    = a_full_q && b_full_q && (!step_q || step);
    assign last    = left_q == NONE;
    assign ab_open = load && last;
    assign c_open  = step && first_q;

    assign s_axis_a_tready = srst_ni && (!a_full_q || ab_open);
    assign s_axis_b_tready = srst_ni && (!b_full_q || ab_open);
    assign s_axis_c_tready = srst_ni && (!c_full_q || c_open);
    assign m_axis_d_tvalid = d_valid_q;

    always @(posedge clk_i) begin
        if (!srst_ni) begin
            a_full_q  <= 1'b0;
            b_full_q  <= 1'b0;
            c_full_q  <= 1'b0;
            left_q    <= ALL;
            step_q    <= 1'b0;
            d_valid_q <= 1'b0;
        end else begin
            a_full_q <= (a_full_q && !ab_open) || s_axis_a_tvalid;
            b_full_q <= (b_full_q && !ab_open) || s_axis_b_tvalid;
            c_full_q <= (c_full_q && !c_open) || s_axis_c_tvalid;
            if (load) left_q <= last ? ALL : left_q - ONE;
            step_q    <= load || (step_q && !step);
            d_valid_q <= finish || (d_valid_q && !m_axis_d_tready);
        end
    end

    always @(posedge clk_i) begin
        if (!a_full_q || ab_open) a_q <= a_by_step;
        else if (load) a_q <= a_q >> A_STEP;
        if (!b_full_q || ab_open) b_q <= b_by_step;
        else if (load) b_q <= b_q >> B_STEP;
        if (!c_full_q || c_open) c_q <= s_axis_c_tdata;
        if (load) begin
            first_q <= left_q == ALL;
            last_q  <= last;
        end
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
                mma_element #(
                    .WIDTH     (WIDTH),
                    .ACC_WIDTH (ACC_WIDTH),
                    .MULTIPLIER(MULTIPLIER)
                ) u_element (
                    .clk_i  (clk_i),
                    .load_i (load),
                    .first_i(left_q == ALL),
                    .a_i    (a_q[m*4*WIDTH+:4*WIDTH]),
                    .b_i    (b_q[n*4*WIDTH+:4*WIDTH]),
                    .step_i (step),
                    .end_i  (finish),
                    .c_i    (c_q[(m*N+n)*ACC_WIDTH+:ACC_WIDTH]),
                    .d_o    (m_axis_d_tdata[(m*N+n)*ACC_WIDTH+:ACC_WIDTH])
                );
            end
        end
    endgenerate

`ifndef SYNTHESIS
    // A simulation ends where one end of a port breaks the rules of its handshake.
    stream_rules #(
        .WIDTH(M * K * WIDTH)
    ) u_s_axis_a_rules (
        .clk_i    (clk_i),
        .srst_ni  (srst_ni),
        .tvalid_i (s_axis_a_tvalid),
        .tready_i (s_axis_a_tready),
        .payload_i(s_axis_a_tdata)
    );

    stream_rules #(
        .WIDTH(K * N * WIDTH)
    ) u_s_axis_b_rules (
        .clk_i    (clk_i),
        .srst_ni  (srst_ni),
        .tvalid_i (s_axis_b_tvalid),
        .tready_i (s_axis_b_tready),
        .payload_i(s_axis_b_tdata)
    );

    stream_rules #(
        .WIDTH(M * N * ACC_WIDTH)
    ) u_s_axis_c_rules (
        .clk_i    (clk_i),
        .srst_ni  (srst_ni),
        .tvalid_i (s_axis_c_tvalid),
        .tready_i (s_axis_c_tready),
        .payload_i(s_axis_c_tdata)
    );

    stream_rules #(
        .WIDTH(M * N * ACC_WIDTH)
    ) u_m_axis_d_rules (
        .clk_i    (clk_i),
        .srst_ni  (srst_ni),
        .tvalid_i (m_axis_d_tvalid),
        .tready_i (m_axis_d_tready),
        .payload_i(m_axis_d_tdata)
    );
`endif

endmodule

`default_nettype wire
