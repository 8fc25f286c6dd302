/* formats.c - the table of log formats; the first that recognises a log reads it */
#include "formats.h"

#include <string.h>

#include "ingest.h"

static const struct format *const formats[] = {
	&format_gillog_binary,
	&format_gillog,
	&format_chrome,
	&format_gecko,
	&format_bpftrace,
	&format_beazley,
	&format_perf,
};

#define N_FORMATS (sizeof(formats) / sizeof(*formats))

const struct format *format_find(const char *name)
{
	for (size_t i = 0; i < N_FORMATS; i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

const struct format *format_recognise(const uint8_t *head, size_t n)
{
	for (size_t i = 0; i < N_FORMATS; i++)
		if (formats[i]->recognise(head, n))
			return formats[i];
	return NULL;
}

const char *ingest_format_names(void)
{
	static char names[256];

	if (!names[0])
		for (size_t i = 0; i < N_FORMATS; i++) {
			strncat(names, i ? ", " : "", sizeof(names) - strlen(names) - 1);
			strncat(names, formats[i]->name, sizeof(names) - strlen(names) - 1);
		}
	return names;
}
