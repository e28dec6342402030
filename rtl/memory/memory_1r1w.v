// SPDX-License-Identifier: Apache-2.0
// memory_1r1w: memory with one port to write and one to read, both synchronous: the only storage of rtl/ that is not
// meant to become flip-flops.
//
// Latency: a word is read in the clock in which read_i and its address are given, and stands at read_data_o from the
// next clock on until another is read. A word written in clock t may be read from clock t + 1 on. Who uses this memory
// never reads an address in the clock in which it writes it, so it does not matter whether old or new data would come.
//
// It stands for a two-port SRAM macro (1R1W, one clock, both enables active high, output latched until the next read).
// To replace it, give a module of this name and these ports that instantiates the macro, or name the macro's Liberty
// file to halo timing; nothing else in rtl/ has to change. The contents after power-up are unknown and a reset leaves
// them alone, as in a macro.
//
// WIDTH, DEPTH           bits of a word; words, 1 or more, not only powers of two
// clk_i                  clock
// write_i, write_address_i, write_data_i   a word to write
// read_i, read_address_i                   a word to read
// read_data_o                              the word read last
`default_nettype none

module memory_1r1w #(
    parameter WIDTH = 32,
    parameter DEPTH = 8
) (
    input  wire                                            clk_i,
    input  wire                                            write_i,
    input  wire [((DEPTH > 1) ? $clog2(DEPTH) : 1) - 1:0] write_address_i,
    input  wire [                               WIDTH-1:0] write_data_i,
    input  wire                                            read_i,
    input  wire [((DEPTH > 1) ? $clog2(DEPTH) : 1) - 1:0] read_address_i,
    output wire [                               WIDTH-1:0] read_data_o
);

    reg [WIDTH-1:0] memory_q [0:DEPTH-1];
    reg [WIDTH-1:0] read_data_q;

    assign read_data_o = read_data_q;

    always @(posedge clk_i) begin
        if (write_i) memory_q[write_address_i] <= write_data_i;
        if (read_i) read_data_q <= memory_q[read_address_i];
    end

endmodule

`default_nettype wire
