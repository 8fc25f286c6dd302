/* names.c - see names.h */
#include "names.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "stacks.h"

struct name_slot {
	uint64_t hash;		/* 0: free */
	uint32_t scope, number;
	uint8_t kind;
	char *name;		/* a thread's or a lock's own id, else owned by the slot */
	uint32_t len;
};

static void *grow(void *array, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t more = *cap ? 2 * *cap : 16;
	void *p;

	if (n < *cap)
		return array;
	p = realloc(array, more * size);
	if (p)
		*cap = more;
	return p;
}

void names_release(struct names *n)
{
	for (uint32_t i = 0; i < n->n_threads; i++) {
		free(n->thread[i].id);
		free(n->thread[i].name);
	}
	for (uint32_t i = 0; i < n->n_locks; i++) {
		free(n->lock[i].id);
		free(n->lock[i].name);
	}
	for (uint32_t i = 0; i < n->n_processes; i++)
		free(n->process[i].name);
	for (uint32_t i = 0; i < n->n_funcs; i++) {
		free((char *)(uintptr_t)n->func[i].name);
		free((char *)(uintptr_t)n->func[i].file);
	}
	for (uint32_t i = 0; i < n->n_facts; i++) {
		free((char *)(uintptr_t)n->fact[i].key);
		free((char *)(uintptr_t)n->fact[i].value);
	}
	for (uint32_t i = 0; i < n->n_slots; i++)
		if (n->slot[i].hash &&
		    (n->slot[i].kind == NAME_PROCESS || n->slot[i].kind == NAME_ALIAS))
			free(n->slot[i].name);
	free(n->thread);
	free(n->lock);
	free(n->process);
	free(n->func);
	free(n->fact);
	free(n->slot);
	free(n->title);
	stacks_free(n->stacks);
	*n = (struct names){ 0 };
}

static uint64_t hash_name(enum name_kind kind, uint32_t scope, const char *s, size_t len)
{
	return XXH3_64bits_withSeed(s, len, (uint64_t)kind << 32 | scope) | 1;
}

/* The table is kept less than half full. */
static int grow_slots(struct names *n)
{
	uint32_t n_slots = n->n_slots ? 2 * n->n_slots : 64;
	struct name_slot *slot = calloc(n_slots, sizeof(*slot));

	if (!slot)
		return -1;
	for (uint32_t i = 0; i < n->n_slots; i++) {
		uint32_t at = (uint32_t)(n->slot[i].hash >> 1) & (n_slots - 1);

		if (!n->slot[i].hash)
			continue;
		while (slot[at].hash)
			at = (at + 1) & (n_slots - 1);
		slot[at] = n->slot[i];
	}
	free(n->slot);
	n->slot = slot;
	n->n_slots = n_slots;
	return 0;
}

int names_add_process(struct names *n, uint32_t log, int64_t pid, uint32_t *number,
		      struct err *err)
{
	struct name_process *p;

	if (n->n_processes == MAX_PROCESSES)
		return err_set(err, ERR_FORMAT, "more than %u processes", MAX_PROCESSES);
	p = grow(n->process, n->n_processes, &n->cap_processes, sizeof(*p));
	if (!p)
		return err_memory(err, "processes");
	n->process = p;
	p[n->n_processes] = (struct name_process){ .pid = pid, .ppid = -1, .log = log };
	*number = n->n_processes++;
	return 0;
}

static int add_thread(struct names *n, uint32_t scope, char *id, uint32_t *number, struct err *err)
{
	struct name_thread *t;

	if (n->n_threads == MAX_THREADS)
		return err_set(err, ERR_FORMAT, "more than %u threads", MAX_THREADS);
	t = grow(n->thread, n->n_threads, &n->cap_threads, sizeof(*t));
	if (!t)
		return err_memory(err, "threads");
	n->thread = t;
	t[n->n_threads] = (struct name_thread){ .id = id, .process = scope };
	*number = n->n_threads++;
	return 0;
}

static int add_lock(struct names *n, uint32_t scope, char *id, uint32_t *number, struct err *err)
{
	struct name_lock *l;

	if (n->n_locks == MAX_LOCKS)
		return err_set(err, ERR_FORMAT, "more than %u locks", MAX_LOCKS);
	l = grow(n->lock, n->n_locks, &n->cap_locks, sizeof(*l));
	if (!l)
		return err_memory(err, "locks");
	n->lock = l;
	l[n->n_locks] = (struct name_lock){ .id = id, .process = scope };
	*number = n->n_locks++;
	return 0;
}

/* The slot of a name, or the free one where it belongs; the table has one. */
static struct name_slot *find_slot(const struct names *n, enum name_kind kind, uint32_t scope,
				   const char *s, size_t len, uint64_t hash)
{
	for (uint32_t at = (uint32_t)(hash >> 1) & (n->n_slots - 1);;
	     at = (at + 1) & (n->n_slots - 1)) {
		struct name_slot *slot = &n->slot[at];

		if (!slot->hash ||
		    (slot->hash == hash && slot->kind == kind && slot->scope == scope &&
		     slot->len == len && !memcmp(slot->name, s, len)))
			return slot;
	}
}

/* Puts a new name into a free slot; *number is given for an alias, and told for the others. */
static int fill_slot(struct names *n, struct name_slot *slot, const struct name_slot *key,
		     const char *s, uint32_t *number, struct err *err)
{
	char *copy;
	int ret = 0;

	if (key->len > MAX_ID)
		return err_set(err, ERR_FORMAT, "a name of %u bytes; at most %u may be", key->len,
			       MAX_ID);
	/* it would be shown and written like the shorter one; aliases are shown to nobody */
	if (key->kind != NAME_ALIAS && memchr(s, 0, key->len))
		return err_set(err, ERR_FORMAT, "a name with a NUL in it");
	if (n->n_used == MAX_IDS || n->n_id_bytes + key->len > MAX_NAMES)
		return err_set(err, ERR_FORMAT, "more than %u ids of threads and locks, or %u MiB",
			       MAX_IDS, MAX_NAMES >> 20);
	copy = malloc(key->len + 1);
	if (!copy)
		return err_memory(err, "names");
	memcpy(copy, s, key->len);
	copy[key->len] = 0;
	if (key->kind == NAME_THREAD)
		ret = add_thread(n, key->scope, copy, number, err);
	else if (key->kind == NAME_LOCK)
		ret = add_lock(n, key->scope, copy, number, err);
	else if (key->kind == NAME_PROCESS)
		ret = names_add_process(n, key->scope, -1, number, err);
	if (ret) {
		free(copy);
		return ret;
	}
	*slot = *key;
	slot->name = copy;
	slot->number = *number;
	n->n_used++;
	n->n_id_bytes += key->len;
	return 0;
}

int names_find(struct names *n, enum name_kind kind, uint32_t scope, const char *s, size_t len,
	       uint32_t *number, bool *known, struct err *err)
{
	struct name_slot *slot, key = {
		.hash = hash_name(kind, scope, s, len), .scope = scope, .kind = (uint8_t)kind,
		.len = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len,
	};

	if (2 * (n->n_used + 1) > n->n_slots && grow_slots(n))
		return err_memory(err, "names");
	slot = find_slot(n, kind, scope, s, len, key.hash);
	if (known)
		*known = slot->hash != 0;
	if (!slot->hash)
		return fill_slot(n, slot, &key, s, number, err);
	*number = slot->number;
	return 0;
}

bool names_known(const struct names *n, enum name_kind kind, uint32_t scope, const char *s,
		 size_t len, uint32_t *number)
{
	const struct name_slot *slot;

	if (!n->n_slots)
		return false;
	slot = find_slot(n, kind, scope, s, len, hash_name(kind, scope, s, len));
	*number = slot->number;
	return slot->hash != 0;
}

int names_alias(struct names *n, uint32_t scope, const char *s, size_t len, uint32_t thread,
		struct err *err)
{
	return names_find(n, NAME_ALIAS, scope, s, len, &thread, NULL, err);
}

/* So much of a name is kept. */
static size_t kept_len(const char *s, size_t len)
{
	return strnlen(s, len > MAX_NAME ? MAX_NAME : len);
}

int names_set(struct names *n, char **to, const char *s, size_t len, struct err *err)
{
	size_t old = *to ? strlen(*to) : 0;
	char *copy;

	len = kept_len(s, len);
	if (*to && old == len && !memcmp(*to, s, len))
		return 0;
	if (n && n->n_bytes - old + len > MAX_NAMES) {
		n->n_left++;
		len = 0;
	}
	copy = malloc(len + 1);
	if (!copy)
		return err_memory(err, "names");
	memcpy(copy, s, len);
	copy[len] = 0;
	free(*to);
	*to = copy;
	if (n)
		n->n_bytes = n->n_bytes - old + len;
	return 0;
}

int names_fact(struct names *n, const char *key, size_t key_len, const char *value,
	       size_t value_len, struct err *err)
{
	char *k = NULL, *v = NULL;
	struct timeline_fact *f;

	key_len = kept_len(key, key_len);
	for (uint32_t i = 0; i < n->n_facts; i++)
		if (strlen(n->fact[i].key) == key_len && !memcmp(n->fact[i].key, key, key_len)) {
			v = (char *)(uintptr_t)n->fact[i].value;
			if (names_set(n, &v, value, value_len, err))
				return -1;
			n->fact[i].value = v;
			return 0;
		}
	if (n->n_bytes + key_len > MAX_NAMES)
		return err_set(err, ERR_FORMAT, "more than %u MiB of all names", MAX_NAMES >> 20);
	if (n->n_facts == MAX_FACTS)
		return err_set(err, ERR_FORMAT, "more than %u facts", MAX_FACTS);
	f = grow(n->fact, n->n_facts, &n->cap_facts, sizeof(*f));
	if (!f)
		return err_memory(err, "facts");
	n->fact = f;
	if (names_set(n, &k, key, key_len, err) || names_set(n, &v, value, value_len, err)) {
		free(k);
		return -1;
	}
	f[n->n_facts++] = (struct timeline_fact){ k, v };
	return 0;
}

int names_func(struct names *n, const char *name, size_t name_len, const char *file,
	       size_t file_len, uint32_t line, uint32_t *number, struct err *err)
{
	struct timeline_func *f;
	char *a = NULL, *b = NULL;

	if (n->n_funcs == MAX_FUNCS)
		return err_set(err, ERR_FORMAT, "more than %u functions", MAX_FUNCS);
	f = grow(n->func, n->n_funcs, &n->cap_funcs, sizeof(*f));
	if (!f)
		return err_memory(err, "functions");
	n->func = f;
	if (names_set(n, &a, name, name_len, err) || names_set(n, &b, file, file_len, err)) {
		free(a);
		return -1;
	}
	*number = n->n_funcs;
	f[n->n_funcs++] = (struct timeline_func){ a, b, line };
	return 0;
}

int names_lane(struct names *n, uint32_t thread, struct err *err)
{
	if (n->thread[thread].is_lane)
		return 0;
	if (n->n_lanes == MAX_LANES)
		return err_set(err, ERR_FORMAT, "more than %u threads that take a lock", MAX_LANES);
	n->thread[thread].is_lane = true;
	n->n_lanes++;
	return 0;
}

int names_park(struct names *n, uint32_t lock, struct err *err)
{
	struct name_lock *k = &n->lock[lock];

	if (k->used && k->kind != LOCK_PARK)
		return err_set(err, ERR_FORMAT, "kind=park of a lock that has had events");
	k->kind = LOCK_PARK;
	return 0;
}

bool names_is_pid(const struct name_process *p, const char *pid)
{
	uint64_t v = 0;

	if (p->pid < 0 || !*pid)
		return true;
	for (; *pid; pid++) {
		if ((unsigned char)(*pid - '0') > 9 || v > INT64_MAX / 10 - 1)
			return false;
		v = 10 * v + (unsigned)(*pid - '0');
	}
	return v == (uint64_t)p->pid;
}
