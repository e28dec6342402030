// SPDX-License-Identifier: Apache-2.0
// compressor_tree: sum_o + carry_o = sum of ROWS rows and the constant ONES, modulo 2^WIDTH.
//
// Combinational. Bit i of row r stands at rows_i[r*WIDTH + i]. Every column is compressed by itself: full adders take
// the three entries that arrive first until two are left; where three would be, a half adder takes the first two of
// them, so that a carry never ripples. This is the three-greedy algorithm (V. G. Oklobdzija, D. Villeger, S. S. Liu,
// IEEE Trans. Computers 45 (3), 1996), here with two arrivals: that of any data, and that of the weights of a class,
// whose constant rows take part in no path. CLASS_SHARE says how much the second counts, so rows of the class can be
// added last.
// Rows that are said to arrive one after another, an adder apart, are added one after another, in a carry-save array.
//
// Which entry goes where is decided by the function below when the design is elaborated. Times are counted in quarters
// of an exclusive-or: the measured ratios of full and half adders of standard cells.
//
// ROWS            2 to 60
// SIGNAL          columns that carry a signal, for each row; other columns of rows_i are ignored
// ONES            a constant that is added
// ARRIVAL         8 bits a row: when it arrives, 0 to 254
// CLASS_ARRIVAL   the same for the weights of the class; 255: the row is zero
// CLASS_SHARE     0 (the class does not count) to 100 (only the class counts)
// SEED            not 0: arrivals vary by up to an exclusive-or, and the half adder of a column comes at any place
//                 among its full adders, pseudo-randomly, for a search
// rows_i          the rows
// sum_o, carry_o  two rows of the same sum
`default_nettype none

module compressor_tree #(
    parameter ROWS        = 3,
    parameter WIDTH       = 16,
    parameter [ROWS*WIDTH-1:0] SIGNAL = {(ROWS*WIDTH){1'b1}},
    parameter [WIDTH-1:0]      ONES   = {WIDTH{1'b0}},
    parameter [ROWS*8-1:0]     ARRIVAL       = {(ROWS*8){1'b0}},
    parameter [ROWS*8-1:0]     CLASS_ARRIVAL = {(ROWS*8){1'b0}},
    parameter CLASS_SHARE = 0,
    parameter SEED        = 0
) (
    /* verilator lint_off UNUSEDSIGNAL */  // columns outside SIGNAL have no reader
    input  wire [ROWS*WIDTH-1:0] rows_i,
    /* verilator lint_on UNUSEDSIGNAL */
    output wire [WIDTH-1:0]      sum_o,
    output wire [WIDTH-1:0]      carry_o
);

    // Entries of a column: its rows, the constant, the sums of its own adders, the carries of the column below.
    localparam integer ADDERS = ROWS;
    localparam integer ONE = ROWS;
    localparam integer SUMS = ROWS + 1;
    localparam integer CARRIES = SUMS + ADDERS;
    localparam integer ENTRIES = CARRIES + ADDERS;
    localparam integer NONE = 255;  // no entry
    localparam [7:0] NO_ENTRY = 8'd255;
    localparam [7:0] CONSTANT = ONE[7:0];

    // The plan of a column: three entries for each adder, 8 bits each, then the two that are left.
    localparam integer PLAN_BITS = 24 * ADDERS + 16;

    // Quarters of an exclusive-or. A full adder's third input passes through one exclusive-or.
    localparam [11:0] SUM_DELAY = 12'd8;
    localparam [11:0] SUM_DELAY_LAST = 12'd4;
    localparam [11:0] CARRY_DELAY = 12'd7;
    localparam [11:0] CARRY_DELAY_LAST = 12'd3;
    localparam [11:0] HALF_SUM_DELAY = 12'd4;
    localparam [11:0] HALF_CARRY_DELAY = 12'd3;

    // An entry: its number, 8 bits; its arrival, 12 bits; its arrival in the class, 12 bits, all ones if it is zero
    // there.
    localparam [11:0] ZERO = 12'hfff;

    // Entries are inserted in the order of their key, so the queue's first ones are the next to be added. (Written for
    // tools that evaluate it slowly: few steps, no calls.)
    function [WIDTH*PLAN_BITS-1:0] plan;
        input integer columns;
        integer c;
        integer r;
        integer adder;
        integer half_place;  // which of the column's adders is one
        integer head;  // of the queue
        integer tail;
        integer place;
        integer later;  // there may be later entries before this place
        integer waiting_count;
        integer carry_count;
        reg [ENTRIES*32-1:0] waiting;  // entries of this column to be inserted
        reg [ADDERS*32-1:0] carries;  // entries of the next column
        reg [ENTRIES*64-1:0] queue;  // {key, entry}, the first lowest
        reg [31:0] key;
        reg [31:0] mixed;
        reg [31:0] x;
        reg [31:0] y;
        reg [31:0] z;
        reg [11:0] arrival;  // of x, the last one; then of the sum, of the carry
        reg [11:0] others;  // the later one of y and z
        reg [11:0] class_arrival;
        reg [11:0] class_others;
        integer zeros;
        begin
            carries = {(ADDERS * 32) {1'b0}};
            carry_count = 0;
            for (c = 0; c < columns; c = c + 1) begin
                plan[c*PLAN_BITS+:PLAN_BITS] = {PLAN_BITS{1'b1}};
                waiting = {(ENTRIES * 32) {1'b0}};
                waiting[0+:ADDERS*32] = carries;
                waiting_count = carry_count;
                carry_count = 0;
                for (r = 0; r < ROWS; r = r + 1) begin
                    if (SIGNAL[r*WIDTH+c]) begin
                        x = r;
                        x[19:8] = {4'd0, ARRIVAL[r*8+:8]};
                        x[31:20] = (CLASS_ARRIVAL[r*8+:8] == 8'd255) ? ZERO : {4'd0, CLASS_ARRIVAL[r*8+:8]};
                        waiting[waiting_count*32+:32] = x;
                        waiting_count = waiting_count + 1;
                    end
                end
                head = 0;
                tail = 0;
                queue = {(ENTRIES * 64) {1'b1}};
                if (ONES[c]) begin
                    // The constant is the first entry of its column.
                    queue[0+:64] = {56'd0, CONSTANT};
                    tail = 1;
                end

                adder = 0;
                while (waiting_count > 0 || tail - head > 2) begin
                    if (waiting_count > 0) begin
                        waiting_count = waiting_count - 1;
                        x = waiting[waiting_count*32+:32];
                        key = {20'd0, x[19:8]} + 1;
                        if (CLASS_SHARE != 0) begin
                            key = (100 - CLASS_SHARE) * key;
                            if (x[31:20] != ZERO) key = key + CLASS_SHARE * x[31:20];
                        end
                        if (SEED != 0) begin
                            key = 16 * key + (((SEED * 7919 + c * 104729 + x[7:0] * 1299709) * 40503) >> 9) % 64;
                        end
                        place = tail;
                        tail = tail + 1;
                        later = (place > head) ? 1 : 0;
                        while (later != 0) begin
                            later = 0;
                            if (queue[place*64-64+:64] > {key, x}) begin
                                queue[place*64+:64] = queue[place*64-64+:64];
                                place = place - 1;
                                later = (place > head) ? 1 : 0;
                            end
                        end
                        queue[place*64+:64] = {key, x};
                    end else begin
                        // Each full adder leaves two entries less, so an odd number needs a half adder.
                        if (adder == 0) begin
                            half_place = -1;
                            if ((tail - head) % 2 == 1) begin
                                half_place = (tail - head - 3) / 2;
                                if (SEED != 0) begin
                                    mixed = SEED * 40503 + c * 7919;
                                    mixed = mixed * 32'd2654435761;
                                    half_place = (mixed >> 16) % (half_place + 1);
                                end
                            end
                        end
                        z = {24'd0, NO_ENTRY};
                        if (adder != half_place) begin
                            z = queue[head*64+:32];
                            head = head + 1;
                        end
                        y = queue[head*64+:32];
                        x = queue[head*64+64+:32];
                        head = head + 2;
                        plan[c*PLAN_BITS+adder*24+:24] = {x[7:0], y[7:0], z[7:0]};

                        arrival = x[19:8];
                        class_arrival = x[31:20];
                        others = y[19:8];
                        class_others = y[31:20];
                        // In the class: entries that are zero. Beside one of them a full adder is a half adder.
                        zeros = 0;
                        if (class_arrival == ZERO) zeros = zeros + 1;
                        if (class_others == ZERO) zeros = zeros + 1;
                        if (z[7:0] == NO_ENTRY || z[7:0] == CONSTANT) begin
                            zeros = zeros + 1;
                        end else begin
                            if (z[19:8] > others) others = z[19:8];
                            if (z[31:20] == ZERO) zeros = zeros + 1;
                            else if (class_others == ZERO || z[31:20] > class_others) class_others = z[31:20];
                        end
                        if (class_others == ZERO) class_others = class_arrival;
                        if (class_arrival == ZERO) class_arrival = class_others;

                        waiting[0+:32] = SUMS + adder;
                        carries[carry_count*32+:32] = CARRIES + adder;
                        if (z[7:0] == NO_ENTRY || z[7:0] == CONSTANT) begin
                            if (others > arrival) arrival = others;
                            waiting[19:8] = arrival + HALF_SUM_DELAY;
                            carries[carry_count*32+8+:12] = arrival + HALF_CARRY_DELAY;
                        end else begin
                            waiting[19:8] = (others + SUM_DELAY > arrival + SUM_DELAY_LAST)
                                ? others + SUM_DELAY : arrival + SUM_DELAY_LAST;
                            carries[carry_count*32+8+:12] = (others + CARRY_DELAY > arrival + CARRY_DELAY_LAST)
                                ? others + CARRY_DELAY : arrival + CARRY_DELAY_LAST;
                        end
                        if (zeros == 0) begin
                            waiting[31:20] = (class_others + SUM_DELAY > class_arrival + SUM_DELAY_LAST)
                                ? class_others + SUM_DELAY : class_arrival + SUM_DELAY_LAST;
                            carries[carry_count*32+20+:12] =
                                (class_others + CARRY_DELAY > class_arrival + CARRY_DELAY_LAST)
                                ? class_others + CARRY_DELAY : class_arrival + CARRY_DELAY_LAST;
                        end else begin
                            if (class_others > class_arrival) class_arrival = class_others;
                            waiting[31:20] = (zeros == 3) ? ZERO : class_arrival + HALF_SUM_DELAY;
                            // A carry needs two of them, or one and the constant.
                            carries[carry_count*32+20+:12] =
                                (zeros == 1 || (zeros == 2 && z[7:0] == CONSTANT))
                                ? class_arrival + HALF_CARRY_DELAY : ZERO;
                        end
                        waiting_count = 1;
                        carry_count = carry_count + 1;
                        adder = adder + 1;
                    end
                end
                plan[c*PLAN_BITS+24*ADDERS+:8] = (tail > head) ? queue[head*64+:8] : NO_ENTRY;
                plan[c*PLAN_BITS+24*ADDERS+8+:8] = (tail - head > 1) ? queue[head*64+64+:8] : NO_ENTRY;
            end
        end
    endfunction

    localparam [WIDTH*PLAN_BITS-1:0] PLAN = plan(WIDTH);

    genvar i;
    genvar k;

    generate
        for (i = 0; i < WIDTH; i = i + 1) begin : g_column
            localparam integer FIRST = {24'd0, PLAN[i*PLAN_BITS+24*ADDERS+:8]};
            localparam integer SECOND = {24'd0, PLAN[i*PLAN_BITS+24*ADDERS+8+:8]};

            // Every entry is a wire of its own scope: bits of one vector would all wake up in an event-driven simulator
            // whenever one of them changes.
            for (k = 0; k < ENTRIES; k = k + 1) begin : g_entry
                /* verilator lint_off UNUSEDSIGNAL */  // entries that are not there
                wire value;
                /* verilator lint_on UNUSEDSIGNAL */
                if (k < ROWS) begin : g_row
                    assign value = SIGNAL[k*WIDTH+i] ? rows_i[k*WIDTH+i] : 1'b0;
                end else if (k == ONE) begin : g_one
                    assign value = ONES[i];
                end else if (k >= CARRIES && i == 0) begin : g_none
                    assign value = 1'b0;
                end
            end

            for (k = 0; k < ADDERS; k = k + 1) begin : g_adder
                localparam integer X = {24'd0, PLAN[i*PLAN_BITS+24*k+16+:8]};
                localparam integer Y = {24'd0, PLAN[i*PLAN_BITS+24*k+8+:8]};
                localparam integer Z = {24'd0, PLAN[i*PLAN_BITS+24*k+:8]};
                /* verilator lint_off UNUSEDSIGNAL */  // of the top column
                wire carry;
                /* verilator lint_on UNUSEDSIGNAL */
                if (X == NONE) begin : g_none
                    assign g_entry[SUMS+k].value = 1'b0;
                    assign carry = 1'b0;
                end else if (Y == ONE) begin : g_inverter
                    assign g_entry[SUMS+k].value = ~g_entry[X].value;
                    assign carry = g_entry[X].value;
                end else if (Z == NONE) begin : g_half
                    half_adder u_adder (
                        .a_i    (g_entry[Y].value),
                        .b_i    (g_entry[X].value),
                        .sum_o  (g_entry[SUMS+k].value),
                        .carry_o(carry)
                    );
                end else if (Z == ONE) begin : g_one
                    half_adder_one u_adder (
                        .a_i    (g_entry[Y].value),
                        .b_i    (g_entry[X].value),
                        .sum_o  (g_entry[SUMS+k].value),
                        .carry_o(carry)
                    );
                end else begin : g_full
                    full_adder u_adder (
                        .a_i    (g_entry[Z].value),
                        .b_i    (g_entry[Y].value),
                        .c_i    (g_entry[X].value),
                        .sum_o  (g_entry[SUMS+k].value),
                        .carry_o(carry)
                    );
                end
                if (i + 1 < WIDTH) begin : g_next
                    assign g_column[i+1].g_entry[CARRIES+k].value = carry;
                end
            end

            if (FIRST == NONE) begin : g_empty
                assign sum_o[i] = 1'b0;
            end else begin : g_sum
                assign sum_o[i] = g_entry[FIRST].value;
            end
            if (SECOND == NONE) begin : g_single
                assign carry_o[i] = 1'b0;
            end else begin : g_carry
                assign carry_o[i] = g_entry[SECOND].value;
            end
        end
    endgenerate

endmodule

`default_nettype wire
