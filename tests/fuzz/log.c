/*
 * Whatever the bytes of a log are, of whatever format, ingest says what is wrong or writes a
 * timeline that can be read; tests/fuzz/corpus/log has a small log of every format.
 */
#define FUZZ_NAME "log"
#define FUZZ_DEFAULT_ROUNDS 250
#include "fuzz/replay.h"

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "bytes.h"
#include "gillog.h"
#include "ingest.h"
#include "timeline/read_all.h"

static char folder[64];

static void remove_folder(void)
{
	rmdir(folder);
}

/* A folder in memory if there is one: thousands of files are written, each with its fsync. */
static void make_folder(void)
{
	if (*folder)
		return;
	strcpy(folder, "/dev/shm/gilscope-fuzz-XXXXXX");
	if (!mkdtemp(folder)) {
		strcpy(folder, "/tmp/gilscope-fuzz-XXXXXX");
		if (!mkdtemp(folder))
			abort();
	}
	atexit(remove_folder);
}

static void check_timeline(const char *path)
{
	struct timeline *tl;
	struct err err = { 0 };
	uint64_t hash;

	/* What ingest has written is whole: any complaint is a bug. */
	if (timeline_open(&tl, path, &err) || read_all(tl, &hash, &err)) {
		fprintf(stderr, "the timeline of this log cannot be read: %s\n", err.msg);
		abort();
	}
	timeline_close(tl);
}

/*
 * Where the bytes are a binary gillog, its sections get the crcs that belong to them: else none of
 * the changes would come further.
 */
static void mend_crcs(uint8_t *p, size_t n)
{
	if (n < GILLOG_HEADER_SIZE || !gillog_is(p, n))
		return;
	put_le32(p + 12, (uint32_t)crc32_z(0, p, 12));
	for (size_t at = GILLOG_HEADER_SIZE; n - at >= GILLOG_SECTION_SIZE;) {
		uint8_t *h = p + at;
		uint32_t stored = get_le32(h + 4);

		at += GILLOG_SECTION_SIZE;
		if (stored > n - at)
			break;
		put_le32(h + 40, (uint32_t)crc32_z(0, p + at, stored));
		put_le32(h + 44, (uint32_t)crc32_z(0, h, 44));
		at += stored;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ingest_options o = { .force = true, .n_threads = 1 };
	char in[64], out[128];
	const char *paths[] = { in };
	struct err err = { 0 };
	int fd = memfd_create("log", MFD_CLOEXEC);
	uint8_t *mended = malloc(size + 1);

	make_folder();
	if (fd < 0 || !mended)
		abort();
	memcpy(mended, data, size);
	mend_crcs(mended, size);
	if (io_write_all(fd, mended, size, &err))
		abort();
	free(mended);
	snprintf(in, sizeof(in), "/proc/self/fd/%d", fd);
	snprintf(out, sizeof(out), "%s/out.gtl", folder);
	if (!ingest_logs(paths, 1, out, &o, NULL, &err))
		check_timeline(out);
	else if (!*err.msg)
		abort();
	unlink(out);
	close(fd);
	return 0;
}
