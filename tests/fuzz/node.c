/*
 * Whatever a node's bins or a histogram hold once they are decompressed, their decoders stay within
 * bounds.
 */
#define FUZZ_NAME "node"
#define FUZZ_DEFAULT_ROUNDS 4000
#include "fuzz/replay.h"

#include "internal.h"

enum { LANES = 3, BINS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct timeline_bin *bin;
	struct hist h = { 0 };
	bool some[LANES] = { false };
	struct node_window w;
	struct err err = { 0 };
	const uint8_t *end;

	if (!size)
		return 0;
	bin = calloc(LANES * BINS, sizeof(*bin));
	if (!bin)
		return 0;
	w = (struct node_window){
		.out = bin, .some = some, .stride = BINS, .lane0 = data[0] >> 6 & 1,
		.n_lanes = LANES - 1,
		.from = data[0] & 7, .to = BINS - (data[0] >> 3 & 7),
	};
	if (node_decode(&w, LANES, BINS, 1ull << data[0] % 63, data + 1, size - 1, &err) &&
	    !err.msg[0])
		abort();
	free(bin);
	end = hist_decode(&h, data, data + size);
	if (end && (end > data + size || end < data))
		abort();
	if (end) {
		uint64_t p50 = hist_quantile(&h, 0.5), p99 = hist_quantile(&h, 0.99);

		if (p50 > p99 || p99 > h.max)
			abort();
	}
	hist_release(&h);
	return 0;
}
