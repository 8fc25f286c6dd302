/*
 * ring.h - the memory that a recorded process shares with `gilscope record`
 *
 * A recorded process writes its events into a memfd and never waits; `gilscope record` reads them
 * from there and writes the log.  What is in the memory survives the process however it dies.
 *
 *   0        4096                 + slots * 128        + META_SIZE           + chunks * 4096
 *   +--------+--------------------+--------------------+---------------------+
 *   | header | slots: one a       | meta: facts, locks,| chunks: 8-byte      |
 *   |        | living thread      | functions (append) | records             |
 *   +--------+--------------------+--------------------+---------------------+
 *
 * A thread owns a chain of chunks: it fills the last one, record after record, and links another
 * when that is full; the reader follows, and gives chunks back that it has passed.  A record is one
 * aligned 64-bit word, stored whole; 0 is one that has not been written yet.  So there is no count
 * to keep, and a process that dies between two instructions leaves nothing half written.
 *
 *   record:  63            5 4    0
 *           | value          | tag |     tag: enum record_tag; value: a time, or what the tag says
 *
 * Free chunks and slots are stacks: threads pop, only the reader pushes.  The head holds a counter
 * beside the index, so that a pop that slept through other pops and pushes fails instead of
 * corrupting the stack.  A chunk is all zero when it lies on the stack, but for its link.
 */
#ifndef GILSCOPE_RING_H
#define GILSCOPE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RING_MAGIC 0x474e4952534c4947ull	/* "GILSRING" */
#define RING_VERSION 2
#define RING_ENV "GILSCOPE_RECORD"

#define RING_SLOTS 16384u			/* threads alive at once */
#define RING_META_SIZE (16u << 20)		/* sparse: pages exist when they are written */
#define CHUNK_SIZE 4096u
#define CHUNK_RECORDS (CHUNK_SIZE / 8 - 1)
/* one event with all it carries fits in so many records */
#define CHUNK_RESERVE 16

enum record_tag {
	/* 1 to 16: enum gillog_kind; the value is the time since ring_header.base */
	REC_LOCK = 17,		/* the value holds for this and later events of the thread */
	REC_CPU,
	REC_FUNC,		/* index + 1; 0: none */
	REC_CHECKS,
	REC_COUNTDOWN,
	REC_LOST_SINCE,		/* before a LOST event: a time, and a number */
	REC_LOST_COUNT,
	/* a RELEASE, and one check more than at the thread's event before */
	REC_CHECK,
};
#define RECORD(tag, value) ((uint64_t)(value) << 5 | (tag))

enum slot_state { SLOT_FREE, SLOT_LIVE, SLOT_ENDED };

struct ring_slot {
	_Atomic uint32_t state;
	uint32_t tid;
	_Atomic uint32_t first;		/* the first chunk's number + 1 */
	_Atomic uint32_t next_free;	/* slot + 1, while on the stack */
	_Atomic uint32_t name_version;	/* odd while the name is written */
	uint32_t zero;
	/* events lost since the last LOST record, and between which times */
	_Atomic uint64_t lost;
	_Atomic uint64_t lost_since, lost_last;
	char name[80];
};

struct ring_chunk {
	_Atomic uint32_t next;		/* chunk + 1: the next one of the chain, or of the stack */
	uint32_t zero;
	_Atomic uint64_t rec[CHUNK_RECORDS];
};

struct ring_header {
	uint64_t magic;
	uint32_t version, n_slots, n_chunks, meta_size;
	int32_t pid, ppid;
	uint64_t size;			/* of the whole memory */
	uint64_t base;			/* all times are since this one */
	uint8_t tsc;			/* times are of the TSC; else CLOCK_MONOTONIC in ns */
	uint8_t zero[7];
	/* A cache line for each that several threads write. */
	_Alignas(64) _Atomic uint64_t free_chunks;	/* counter << 32 | chunk + 1 */
	/* chunks from here on have never been used */
	_Atomic uint32_t used_chunks;
	_Alignas(64) _Atomic uint64_t free_slots;
	_Atomic uint32_t used_slots;
	_Atomic uint64_t lost_threads, lost_thread_events;	/* threads that found no slot */
	_Alignas(64) _Atomic uint32_t meta_used;	/* bytes committed */
	_Atomic uint32_t lost_meta;
	_Alignas(64) _Atomic uint32_t stop;		/* set by the reader: record no more */
};

_Static_assert(sizeof(struct ring_slot) == 128, "slots are 128 bytes");
_Static_assert(sizeof(struct ring_chunk) == CHUNK_SIZE, "a chunk is a page");
_Static_assert(sizeof(struct ring_header) <= 4096, "the header is a page");

/* An entry of the meta area: this, and len bytes, padded to 8. */
struct ring_meta {
	uint32_t len;
	uint32_t type;			/* enum meta_type */
};
enum meta_type {
	META_FACT = 1,			/* key NUL value NUL */
	META_LOCK,			/* number u32, park u32, id NUL name NUL */
	META_FUNC,			/* number u32, line u32, name NUL file NUL */
};

/* What a process sends to the socket; ATTACH has the memfd with it. */
enum ring_word { RING_HELLO = 1, RING_ATTACH, RING_FAILED };
struct ring_message {
	uint32_t magic;			/* RING_MESSAGE_MAGIC */
	uint32_t word;			/* enum ring_word */
	char text[120];			/* FAILED: why */
};
#define RING_MESSAGE_MAGIC 0x52534c47u

static inline struct ring_slot *ring_slots(struct ring_header *h)
{
	return (struct ring_slot *)((char *)h + 4096);
}

static inline char *ring_meta_area(struct ring_header *h)
{
	return (char *)(ring_slots(h) + RING_SLOTS);
}

static inline struct ring_chunk *ring_chunks(struct ring_header *h)
{
	return (struct ring_chunk *)(ring_meta_area(h) + RING_META_SIZE);
}

static inline uint64_t ring_size(uint32_t n_chunks)
{
	return 4096 + (uint64_t)RING_SLOTS * sizeof(struct ring_slot) + RING_META_SIZE +
	       (uint64_t)n_chunks * CHUNK_SIZE;
}

#endif
