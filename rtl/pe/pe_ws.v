// pe_ws: registered weight-stationary processing element: psum_o = psum + weight * activation, signed.
//
// Latency: activation_i and psum_i are registered, and so is the result: two clocks from psum_i to psum_o, one from
// activation_i to activation_o. A weight that is loaded takes part from the next clock on.
// The reset clears the weight; what the other registers hold leaves with the next clocks.
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   2 to 16 bits each
// ACC_WIDTH                        WEIGHT_WIDTH + ACTIVATION_WIDTH to 64 bits
// MULTIPLIER                       family of the MAC: "csa_array", "booth_r4", "sign_magnitude" or "behavioural"
// clk_i, rst_ni                    clock; synchronous reset, active low
// weight_load_i, weight_i          takes a new weight while weight_load_i is 1
// activation_i, activation_o       activation, and the same one clock later for the next element
// psum_i, psum_o                   partial sums, wrap around
`default_nettype none

module pe_ws #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 24,
    parameter MULTIPLIER       = "csa_array"
) (
    input  wire                               clk_i,
    input  wire                               rst_ni,
    // weight
    input  wire                               weight_load_i,
    input  wire signed [WEIGHT_WIDTH-1:0]     weight_i,
    // data
    input  wire signed [ACTIVATION_WIDTH-1:0] activation_i,
    output wire signed [ACTIVATION_WIDTH-1:0] activation_o,
    input  wire signed [ACC_WIDTH-1:0]        psum_i,
    output wire signed [ACC_WIDTH-1:0]        psum_o
);

    reg  signed [WEIGHT_WIDTH-1:0]     weight_q;
    reg  signed [ACTIVATION_WIDTH-1:0] activation_q;
    reg  signed [ACC_WIDTH-1:0]        psum_q;
    reg  signed [ACC_WIDTH-1:0]        result_q;
    wire signed [ACC_WIDTH-1:0]        result_d;

    always @(posedge clk_i) begin
        if (!rst_ni) weight_q <= {WEIGHT_WIDTH{1'b0}};
        else if (weight_load_i) weight_q <= weight_i;
    end

    always @(posedge clk_i) begin
        activation_q <= activation_i;
        psum_q       <= psum_i;
        result_q     <= result_d;
    end

    assign activation_o = activation_q;
    assign psum_o       = result_q;

    generate
        /* verilator lint_off WIDTHEXPAND */  // names of different lengths are compared
        if (MULTIPLIER == "csa_array") begin : g_csa_array
            mac_csa_array #(
                .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                .ACC_WIDTH       (ACC_WIDTH)
            ) u_mac (
                .weight_i    (weight_q),
                .activation_i(activation_q),
                .psum_i      (psum_q),
                .psum_o      (result_d)
            );
        end else if (MULTIPLIER == "booth_r4") begin : g_booth_r4
            mac_booth_r4 #(
                .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                .ACC_WIDTH       (ACC_WIDTH)
            ) u_mac (
                .weight_i    (weight_q),
                .activation_i(activation_q),
                .psum_i      (psum_q),
                .psum_o      (result_d)
            );
        end else if (MULTIPLIER == "sign_magnitude") begin : g_sign_magnitude
            mac_sign_magnitude #(
                .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                .ACC_WIDTH       (ACC_WIDTH)
            ) u_mac (
                .weight_i    (weight_q),
                .activation_i(activation_q),
                .psum_i      (psum_q),
                .psum_o      (result_d)
            );
        end else if (MULTIPLIER == "behavioural") begin : g_behavioural
            mac_behavioural #(
                .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                .ACC_WIDTH       (ACC_WIDTH)
            ) u_mac (
                .weight_i    (weight_q),
                .activation_i(activation_q),
                .psum_i      (psum_q),
                .psum_o      (result_d)
            );
        end else begin : g_bad_multiplier
            parameter_MULTIPLIER_must_be_csa_array_booth_r4_sign_magnitude_or_behavioural u_stop ();
            assign result_d = {ACC_WIDTH{1'b0}};
        end
        /* verilator lint_on WIDTHEXPAND */
    endgenerate

endmodule

`default_nettype wire
