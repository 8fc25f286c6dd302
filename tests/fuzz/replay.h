/*
 * replay.h - the main() of a fuzz target where no fuzzer brings its own
 *
 * Every target is one LLVMFuzzerTestOneInput() and a FUZZ_NAME.  `make fuzz F=NAME` links it with
 * clang's libFuzzer; `make test` replays tests/fuzz/corpus/NAME/ and, from a fixed seed, some
 * changes of each file.
 *
 *   NAME [FILE...]		replays the files, without changes
 *   FUZZ_ROUNDS=100000 FUZZ_SEED=7 NAME		more changes, others
 */
#ifndef GILSCOPE_TESTS_REPLAY_H
#define GILSCOPE_TESTS_REPLAY_H

#include <dirent.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef FUZZER

enum { REPLAY_MAX = 1 << 22 };

/* xorshift64*: any other generator would do. */
static uint64_t replay_next(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 0x2545f4914f6cdd1du;
}

/* Changes a few bytes, cuts, doubles or moves a piece: what libFuzzer begins with too. */
static size_t replay_change(uint8_t *data, size_t len, size_t cap, uint64_t *s)
{
	static const uint8_t liked[] = { 0,   1,   0x7f, 0x80, 0xff, '\n', ' ',
					 '"', '=', '0',	 '9',  '[',  ':' };

	for (unsigned n = 1 + replay_next(s) % 4; n && len; n--) {
		size_t at = replay_next(s) % len,
		       piece = 1 + replay_next(s) % (len < 64 ? len : 64);

		switch (replay_next(s) % 6) {
		case 0:
			data[at] ^= (uint8_t)(1u << replay_next(s) % 8);
			break;
		case 1:
			data[at] = liked[replay_next(s) % sizeof(liked)];
			break;
		case 2:
			data[at] = (uint8_t)replay_next(s);
			break;
		case 3:
			if (piece > len - at)
				piece = len - at;
			memmove(data + at, data + at + piece, len - at - piece);
			len -= piece;
			break;
		case 4:
			if (piece > cap - len)
				break;
			memmove(data + at + piece, data + at, len - at);
			memmove(data + at, data + replay_next(s) % (len - piece + 1), piece);
			len += piece;
			break;
		default:
			if (replay_next(s) % 8 == 0)
				len = at;
			break;
		}
	}
	return len;
}

/* An exact copy, so that asan sees the first byte read past the end. */
static void replay_one(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void replay_file(const char *path, unsigned rounds, uint64_t seed)
{
	struct err err = { 0 };
	uint8_t *data, *work;
	size_t len;

	if (io_read_file(path, REPLAY_MAX, &data, &len, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	replay_one(data, len);
	work = malloc(2 * len + 64);
	if (!work)
		abort();
	for (unsigned i = 0; i < rounds; i++) {
		memcpy(work, data, len);
		replay_one(work, replay_change(work, len, 2 * len + 64, &seed));
	}
	free(work);
	free(data);
}

int main(int argc, char **argv)
{
	const char *rounds_text = getenv("FUZZ_ROUNDS"), *seed_text = getenv("FUZZ_SEED");
	unsigned rounds = rounds_text ? (unsigned)atoi(rounds_text) : FUZZ_DEFAULT_ROUNDS, n = 0;
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) + 1 : 88172645463325252u;
	struct dirent **entry;
	char path[1024];

	for (int i = 1; i < argc; i++)
		replay_file(argv[i], 0, seed);
	if (argc > 1)
		return 0;
	int n_entries = scandir("tests/fuzz/corpus/" FUZZ_NAME, &entry, NULL, alphasort);

	for (int i = 0; i < n_entries; i++) {
		if (entry[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "tests/fuzz/corpus/" FUZZ_NAME "/%s",
				 entry[i]->d_name);
			replay_file(path, rounds, seed + n++);
		}
		free(entry[i]);
	}
	if (n_entries > 0)
		free(entry);
	printf("%u files, %u changes of each\n", n, rounds);
	return n ? 0 : 1;
}

#endif
#endif
