/* formats.h - the formats that ingest reads, one file each */
#ifndef GILSCOPE_FORMATS_H
#define GILSCOPE_FORMATS_H

#include "log.h"

extern const struct format format_beazley;		/* beazley.c: the talk's columns */
extern const struct format format_perf;			/* perf.c: perf script's text */
extern const struct format format_bpftrace;		/* bpftrace.c: gil_tracer's lines */
extern const struct format format_chrome;		/* chrome.c: Trace Event Format, JSON */
/* gecko.c: Firefox profiler's JSON, of CPython's sampler */
extern const struct format format_gecko;
extern const struct format format_gillog;		/* gillog_text.c: docs/gillog.md */
extern const struct format format_gillog_binary;	/* gillog_binary.c: docs/gillog-binary.md */

#endif
