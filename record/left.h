/*
 * left.h - processes that a program has left behind
 */
#ifndef GILSCOPE_LEFT_H
#define GILSCOPE_LEFT_H

enum left { LEFT_NONE, LEFT_UNSURE, LEFT_SOME };

/*
 * Whether a process of this user is there that was started with the variable name in its
 * environment with a value that ends with tail, or was forked by one that was; LEFT_UNSURE: one has
 * no environment, which is so for a moment while it becomes another program.  Asks /proc; without
 * one: LEFT_NONE.
 */
enum left left_look(const char *name, const char *tail);

#endif
