// SPDX-License-Identifier: Apache-2.0
// pe_datapath: psum_o = psum_i + weight_i * activation_i, signed: the arithmetic of pe_ws and pe_os, which add the
// registers around it. The family of the multiplier, the pipeline register and the form of the sums are chosen here.
//
// Latency: combinational; a clock for each register of PIPELINE, so that psum_i is added that much later.
// booth_r4 and baugh_wooley add partial products and partial sum in one compressor tree (carry_save_mac). Of the other
// families a MAC of rtl/mac is taken where there is neither PIPELINE nor CARRY_SAVE, in which the partial sum is part
// of the array; otherwise the multiplier, and a Kogge-Stone adder or, for carry-save sums, a row of full adders.
//
// MULTIPLIER = "external" takes the arithmetic from outside of rtl/: modules mac_external and mul_external with the
// ports and parameters of mac_csa_array and mul_csa_array, of which only the one that PIPELINE and CARRY_SAVE ask for
// need be there. halo sim --source writes them around a module of the user's.
//
// WEIGHT_WIDTH, ACTIVATION_WIDTH   2 to 16 bits each
// ACC_WIDTH                        WEIGHT_WIDTH + ACTIVATION_WIDTH to 64 bits
// MULTIPLIER                       family: "csa_array", "booth_r4", "baugh_wooley", "sign_magnitude" or "behavioural",
//                                  or "external"
// PIPELINE                         registers: 0 none, 1 of the product; booth_r4 and baugh_wooley also 2 of the partial
//                                  products, 3 of both. A product is as many words as the partial sum
// CARRY_SAVE                       1: partial sums are {carry, sum}, two numbers of ACC_WIDTH bits that add up to it
// For booth_r4 and baugh_wooley only, see carry_save_mac; 0, and 1 LANES, elsewhere:
//   LANES                          2: two products are added, of a pair of weights or of one, see partial_products
//                                  (booth_r4 only); 1: one product
//   RECODED                        1: weight_i holds Booth digits (booth_r4 only)
//   CORRECTION                     1: what depends on the weight alone is left out (see partial_products)
//   ARRAY, CLASS_ZEROS, CLASS_SHARE, SEED   the order in which rows are added
// clk_i                            of the product's register
// weight_i, activation_i           signed operands
// psum_i, psum_o                   partial sums, wrap around
`default_nettype none

module pe_datapath #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 24,
    parameter MULTIPLIER       = "csa_array",
    parameter PIPELINE         = 0,
    parameter CARRY_SAVE       = 0,
    parameter LANES            = 1,
    parameter RECODED          = 0,
    parameter CORRECTION       = 0,
    parameter ARRAY            = 0,
    parameter CLASS_ZEROS      = 0,
    parameter CLASS_SHARE      = 0,
    parameter SEED             = 0
) (
    /* verilator lint_off UNUSEDSIGNAL */  // not read without PIPELINE
    input  wire                                                                                clk_i,
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire [(RECODED != 0 ? 3 * ((WEIGHT_WIDTH + 1) / 2) : WEIGHT_WIDTH + LANES - 1)-1:0] weight_i,
    input  wire signed [LANES*ACTIVATION_WIDTH+(LANES-1)*(WEIGHT_WIDTH/2)-1:0]                 activation_i,
    input  wire signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0]                                          psum_i,
    output wire signed [(1+CARRY_SAVE)*ACC_WIDTH-1:0]                                          psum_o
);

    localparam integer PRODUCT_WIDTH = WEIGHT_WIDTH + ACTIVATION_WIDTH;

    /* verilator lint_off WIDTHEXPAND */  // names of different lengths are compared
    localparam integer CARRY_SAVE_MAC = (MULTIPLIER == "booth_r4" || MULTIPLIER == "baugh_wooley") ? 1 : 0;
    /* verilator lint_on WIDTHEXPAND */

    genvar i;

    generate
        // A module that does not exist stops every tool, and its name says why.
        if (ACC_WIDTH < PRODUCT_WIDTH || ACC_WIDTH > 64) begin : g_bad_accumulator
            parameter_ACC_WIDTH_must_hold_the_product_and_be_at_most_64 u_stop ();
        end
        if (PIPELINE < 0 || PIPELINE > 3) begin : g_bad_pipeline
            parameter_PIPELINE_must_be_0_to_3 u_stop ();
        end else if (PIPELINE > 1 && CARRY_SAVE_MAC == 0) begin : g_bad_pipeline_of_family
            parameter_PIPELINE_must_be_0_or_1_unless_MULTIPLIER_is_booth_r4_or_baugh_wooley u_stop ();
        end
        if (LANES != 1 && LANES != 2) begin : g_bad_lanes
            parameter_LANES_must_be_1_or_2 u_stop ();
        end else if (LANES != 1 && WEIGHT_WIDTH % 4 != 0) begin : g_bad_lanes_of_weight
            parameter_LANES_must_be_1_unless_WEIGHT_WIDTH_divides_by_4 u_stop ();
        end
        if (RECODED != 0 && RECODED != 1) begin : g_bad_recoded
            parameter_RECODED_must_be_0_or_1 u_stop ();
        end
        if (CORRECTION != 0 && CORRECTION != 1) begin : g_bad_correction
            parameter_CORRECTION_must_be_0_or_1 u_stop ();
        end
        if (ARRAY < 0 || ARRAY > 15) begin : g_bad_array
            parameter_ARRAY_must_be_0_to_15 u_stop ();
        end
        if (CLASS_SHARE < 0 || CLASS_SHARE > 100) begin : g_bad_share
            parameter_CLASS_SHARE_must_be_0_to_100 u_stop ();
        end
        /* verilator lint_off WIDTHEXPAND */  // names of different lengths are compared
        if (RECODED != 0 && MULTIPLIER != "booth_r4") begin : g_bad_recoded_of_family
            /* verilator lint_on WIDTHEXPAND */
            parameter_RECODED_must_be_0_unless_MULTIPLIER_is_booth_r4 u_stop ();
        end
        /* verilator lint_off WIDTHEXPAND */  // names of different lengths are compared
        if (LANES != 1 && MULTIPLIER != "booth_r4") begin : g_bad_lanes_of_family
            /* verilator lint_on WIDTHEXPAND */
            parameter_LANES_must_be_1_unless_MULTIPLIER_is_booth_r4 u_stop ();
        end
        if (CORRECTION != 0 && CARRY_SAVE_MAC == 0) begin : g_bad_correction_of_family
            parameter_CORRECTION_must_be_0_unless_MULTIPLIER_is_booth_r4_or_baugh_wooley u_stop ();
        end
        if (CARRY_SAVE != 0 && CARRY_SAVE != 1) begin : g_bad_carry_save
            parameter_CARRY_SAVE_must_be_0_or_1 u_stop ();
        end
        if (CORRECTION != 0 && CARRY_SAVE == 0 && PIPELINE % 2 != 0) begin : g_bad_product
            // A product in one word is signed, which it is not without its correction.
            parameter_CORRECTION_must_be_0_with_a_register_of_the_product_and_without_CARRY_SAVE u_stop ();
        end

        /* verilator lint_off WIDTHEXPAND */  // names of different lengths are compared
        if (CARRY_SAVE_MAC != 0 && (CARRY_SAVE != 0 || PIPELINE % 2 == 0)) begin : g_compressed
            carry_save_mac #(
                .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                .ACC_WIDTH       (ACC_WIDTH),
                .RECODING        (MULTIPLIER),
                .LANES           (LANES),
                .RECODED         (RECODED),
                .CORRECTION      (CORRECTION),
                .ADDEND          (1 + CARRY_SAVE),
                .SUM             (1 + CARRY_SAVE),
                .PIPELINE        (PIPELINE),
                .ARRAY           (ARRAY),
                .CLASS_ZEROS     (CLASS_ZEROS),
                .CLASS_SHARE     (CLASS_SHARE),
                .SEED            (SEED)
            ) u_mac (
                .clk_i       (clk_i),
                .weight_i    (weight_i),
                .activation_i(activation_i),
                .psum_i      (psum_i),
                .psum_o      (psum_o)
            );
        end else if (PIPELINE == 0 && CARRY_SAVE == 0) begin : g_fused
            if (MULTIPLIER == "csa_array") begin : g_csa_array
                mac_csa_array #(
                    .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                    .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                    .ACC_WIDTH       (ACC_WIDTH)
                ) u_mac (
                    .weight_i    (weight_i),
                    .activation_i(activation_i),
                    .psum_i      (psum_i),
                    .psum_o      (psum_o)
                );
            end else if (MULTIPLIER == "sign_magnitude") begin : g_sign_magnitude
                mac_sign_magnitude #(
                    .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                    .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                    .ACC_WIDTH       (ACC_WIDTH)
                ) u_mac (
                    .weight_i    (weight_i),
                    .activation_i(activation_i),
                    .psum_i      (psum_i),
                    .psum_o      (psum_o)
                );
            end else if (MULTIPLIER == "behavioural") begin : g_behavioural
                mac_behavioural #(
                    .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                    .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                    .ACC_WIDTH       (ACC_WIDTH)
                ) u_mac (
                    .weight_i    (weight_i),
                    .activation_i(activation_i),
                    .psum_i      (psum_i),
                    .psum_o      (psum_o)
                );
            end else if (MULTIPLIER == "external") begin : g_external
                mac_external #(
                    .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                    .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                    .ACC_WIDTH       (ACC_WIDTH)
                ) u_mac (
                    .weight_i    (weight_i),
                    .activation_i(activation_i),
                    .psum_i      (psum_i),
                    .psum_o      (psum_o)
                );
            end else begin : g_bad_multiplier
                parameter_MULTIPLIER_must_be_csa_array_booth_r4_baugh_wooley_sign_magnitude_or_behavioural u_stop ();
            end
        end else begin : g_apart
            wire signed [PRODUCT_WIDTH-1:0] product_d;
            wire signed [PRODUCT_WIDTH-1:0] product;
            wire signed [ACC_WIDTH-1:0]     addend;

            if (MULTIPLIER == "csa_array") begin : g_csa_array
                mul_csa_array #(
                    .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                    .ACTIVATION_WIDTH(ACTIVATION_WIDTH)
                ) u_mul (
                    .weight_i    (weight_i),
                    .activation_i(activation_i),
                    .product_o   (product_d)
                );
            end else if (CARRY_SAVE_MAC != 0) begin : g_carry_save_mac
                carry_save_mac #(
                    .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                    .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
                    .ACC_WIDTH       (PRODUCT_WIDTH),
                    .RECODING        (MULTIPLIER),
                    .LANES           (LANES),
                    .RECODED         (RECODED),
                    .ADDEND          (0),
                    .PIPELINE        (PIPELINE - 1),
                    .ARRAY           (ARRAY),
                    .CLASS_ZEROS     (CLASS_ZEROS),
                    .CLASS_SHARE     (CLASS_SHARE),
                    .SEED            (SEED)
                ) u_mul (
                    .clk_i       (clk_i),
                    .weight_i    (weight_i),
                    .activation_i(activation_i),
                    .psum_i      ({PRODUCT_WIDTH{1'b0}}),
                    .psum_o      (product_d)
                );
            end else if (MULTIPLIER == "sign_magnitude") begin : g_sign_magnitude
                mul_sign_magnitude #(
                    .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                    .ACTIVATION_WIDTH(ACTIVATION_WIDTH)
                ) u_mul (
                    .weight_i    (weight_i),
                    .activation_i(activation_i),
                    .product_o   (product_d)
                );
            end else if (MULTIPLIER == "behavioural") begin : g_behavioural
                mul_behavioural #(
                    .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                    .ACTIVATION_WIDTH(ACTIVATION_WIDTH)
                ) u_mul (
                    .weight_i    (weight_i),
                    .activation_i(activation_i),
                    .product_o   (product_d)
                );
            end else if (MULTIPLIER == "external") begin : g_external
                mul_external #(
                    .WEIGHT_WIDTH    (WEIGHT_WIDTH),
                    .ACTIVATION_WIDTH(ACTIVATION_WIDTH)
                ) u_mul (
                    .weight_i    (weight_i),
                    .activation_i(activation_i),
                    .product_o   (product_d)
                );
            end else begin : g_bad_multiplier
                parameter_MULTIPLIER_must_be_csa_array_booth_r4_baugh_wooley_sign_magnitude_or_behavioural u_stop ();
            end

            if (PIPELINE != 0) begin : g_register
                reg signed [PRODUCT_WIDTH-1:0] product_q;
                always @(posedge clk_i) product_q <= product_d;
                assign product = product_q;
            end else begin : g_no_register
                assign product = product_d;
            end

            assign addend = {{(ACC_WIDTH - PRODUCT_WIDTH + 1) {product[PRODUCT_WIDTH-1]}}, product[PRODUCT_WIDTH-2:0]};

            if (CARRY_SAVE != 0) begin : g_carry_save
                for (i = 0; i < ACC_WIDTH; i = i + 1) begin : g_column
                    /* verilator lint_off UNUSEDSIGNAL */  // the top column's carry is dropped
                    wire carry;
                    /* verilator lint_on UNUSEDSIGNAL */
                    full_adder u_full_adder (
                        .a_i    (psum_i[i]),
                        .b_i    (psum_i[ACC_WIDTH+i]),
                        .c_i    (addend[i]),
                        .sum_o  (psum_o[i]),
                        .carry_o(carry)
                    );
                    if (i == 0) begin : g_first
                        assign psum_o[ACC_WIDTH] = 1'b0;
                    end else begin : g_next
                        assign psum_o[ACC_WIDTH+i] = g_column[i-1].carry;
                    end
                end
            end else begin : g_adder
                kogge_stone_adder #(
                    .WIDTH(ACC_WIDTH)
                ) u_adder (
                    .a_i  (psum_i),
                    .b_i  (addend),
                    .sum_o(psum_o)
                );
            end
        end
        /* verilator lint_on WIDTHEXPAND */
    endgenerate

endmodule

`default_nettype wire
