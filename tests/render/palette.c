/*
 * In both themes every ink stands out from the page by a contrast of 3 at least, and any two can be
 * told apart, with normal vision and with each kind of colour blindness.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "palette.h"

static double linear(uint8_t v)
{
	double c = v / 255.0;

	return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

/* WCAG 2: relative luminance and contrast. */
static double luminance(const struct colour *c)
{
	return 0.2126 * linear(c->r) + 0.7152 * linear(c->g) + 0.0722 * linear(c->b);
}

static double contrast(const struct colour *a, const struct colour *b)
{
	double x = luminance(a) + 0.05, y = luminance(b) + 0.05;

	return x > y ? x / y : y / x;
}

static void all_stand_out(void **state)
{
	(void)state;
	for (unsigned t = 0; t < N_THEMES; t++)
		for (unsigned i = INK_RUN; i < N_INKS; i++)
			if (contrast(&palette[t][i], &palette_page[t]) < 3)
				fail_msg("%s, %s: %.2f", theme_names[t], ink_names[i],
					 contrast(&palette[t][i], &palette_page[t]));
}

/* Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB. */
static const double vision[][3][3] = {
	{ { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } },
	{ { 0.152286, 1.052583, -0.204868 }, { 0.114503, 0.786281, 0.099216 },
	  { -0.003882, -0.048116, 1.051998 } },
	{ { 0.367322, 0.860646, -0.227968 }, { 0.280085, 0.672501, 0.047413 },
	  { -0.011820, 0.042940, 0.968881 } },
	{ { 1.255528, -0.076749, -0.178779 }, { -0.078411, 0.930809, 0.147602 },
	  { 0.004733, 0.691367, 0.303900 } },
};

static double lab_f(double t)
{
	return t > 0.008856 ? cbrt(t) : 7.787 * t + 16.0 / 116;
}

static void to_lab(const struct colour *c, const double m[3][3], double lab[3])
{
	double in[3] = { linear(c->r), linear(c->g), linear(c->b) }, v[3], x, y, z;

	for (int i = 0; i < 3; i++)
		v[i] = fmin(1, fmax(0, m[i][0] * in[0] + m[i][1] * in[1] + m[i][2] * in[2]));
	x = lab_f((0.4124 * v[0] + 0.3576 * v[1] + 0.1805 * v[2]) / 0.9505);
	y = lab_f(0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]);
	z = lab_f((0.0193 * v[0] + 0.1192 * v[1] + 0.9505 * v[2]) / 1.089);
	lab[0] = 116 * y - 16;
	lab[1] = 500 * (x - y);
	lab[2] = 200 * (y - z);
}

/* CIE76: 2.3 is just noticeable side by side; a state is told by its place as well. */
static void any_two_differ(void **state)
{
	(void)state;
	for (unsigned t = 0; t < N_THEMES; t++)
		for (unsigned v = 0; v < 4; v++)
			for (unsigned a = INK_RUN; a < N_INKS; a++)
				for (unsigned b = a + 1; b < N_INKS; b++) {
					double x[3], y[3], d = 0;

					to_lab(&palette[t][a], vision[v], x);
					to_lab(&palette[t][b], vision[v], y);
					for (int i = 0; i < 3; i++)
						d += (x[i] - y[i]) * (x[i] - y[i]);
					if (sqrt(d) < 14)
						fail_msg("%s, vision %u: %s and %s: %.1f",
							 theme_names[t], v, ink_names[a],
							 ink_names[b], sqrt(d));
				}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_stand_out),
		cmocka_unit_test(any_two_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
